"""What every metric of a pass is computed from."""

from dataclasses import dataclass
from datetime import datetime

from serin.scaling.pods import Pod
from serin.scaling.spec import Settings
from serin.scaling.tolerance import Tolerances


@dataclass(frozen=True, slots=True)
class Observed:
    """The workload at one time. replicas, status_replicas: those of the scale's spec and status."""

    replicas: int
    status_replicas: int
    pods: tuple[Pod, ...]
    now: datetime
    tolerances: Tolerances
    settings: Settings
