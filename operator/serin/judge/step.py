"""The step that is judged, and which ticks belong to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

EDGE = 6
"""The sixth of a window that may lie before the step. A step is entered a moment after the tick that allowed it, and
would wait for the next window but one, as long again. What a sixth adds to the split is within its tolerance, a fifth
of the weight; that weights change within a window costs the evidence nothing."""


class Expected(Enum):
    """What the candidate's share of the requests must be held against what it was given."""

    EXACT = auto()
    """Each request is drawn by itself."""
    AT_LEAST = auto()
    """Some ask for the candidate, and come on top."""
    ANY = auto()
    """Users stay where they are, so the share follows the weight when it may: but some requests must arrive."""


@dataclass(frozen=True, slots=True)
class Step:
    """Since when the candidate has its weight and copies of requests, both in percent of the users' requests."""

    since: datetime
    weight: int
    mirror: int = 0
    expected: Expected = Expected.EXACT

    @property
    def share(self) -> float:
        """The candidate's share of what is counted. A copy counts at the candidate, and the request itself at stable.

        So m % of copies of N requests are m N / 100 of (100 + m) N / 100 that are counted.
        """
        return (self.weight + self.mirror) / (100 + self.mirror)


def in_step(at: datetime, step: Step, interval: timedelta) -> bool:
    """Whether the window that ends then lies in the step, but for its edge."""
    return at - interval >= step.since - interval / EDGE
