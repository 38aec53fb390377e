"""What the rules make of one valid metric."""

from dataclasses import dataclass

from serin.scaling.report import Current, Hold, PodCounts


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a metric proposes, what it is now, and how that came about."""

    replicas: int
    current: Current
    ratio: float
    hold: Hold | None = None
    pods: PodCounts | None = None
