"""Whether whoever carries out a split has taken it up."""

from dataclasses import dataclass
from enum import StrEnum


class AcceptanceState(StrEnum):
    """Accepted by all, not yet told by all, or refused by one."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    REFUSED = "refused"


@dataclass(frozen=True)
class Acceptance:
    """What is known of an object's acceptance. message: the controller's words, or what is waited for."""

    state: AcceptanceState
    message: str = ""
