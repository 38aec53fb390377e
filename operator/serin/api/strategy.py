"""`spec.strategy`: how a new version replaces the old one."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin.api.base import UNQUOTED, Duration, Model, at_least, matching
from serin.api.canary import DEFAULT_STEPS, Canary, Step
from serin.api.rules import Rule

HEADER_NAME = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$"
_LONG_ENOUGH = at_least("1s", "write at least 1s: what is over at once compares nothing")


class StrategyType(StrEnum):
    """The ways in which a new version comes."""

    CANARY = "Canary"
    BLUE_GREEN = "BlueGreen"
    SHADOW = "Shadow"


HeaderValue = Annotated[
    str,
    Field(min_length=1, max_length=256),
    matching(r"^[!-~]([ -~]*[!-~])?$", "write a header's value in plain ASCII, without spaces around it"),
]
Headers = Annotated[
    dict[str, HeaderValue],
    Field(min_length=1, max_length=4),
    Rule(
        f"self.all(name, name.matches(r'{HEADER_NAME}'))".replace("#$%&'*", '#$%&*'),
        None,
        "write the names of HTTP headers, such as X-Serin-Preview",
    ),
]
