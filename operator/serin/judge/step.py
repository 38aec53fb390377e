"""The step that is judged, and which ticks belong to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

EDGE = 6
"""The sixth of a window that may lie before the step. A step is entered a moment after the tick that allowed it, and
would wait for the next window but one, as long again. What a sixth adds to the split is within its tolerance, a fifth
of the weight; that weights change within a window costs the evidence nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """Since when the candidate has its weight, in percent."""

    since: datetime
    weight: int


def in_step(at: datetime, step: Step, interval: timedelta) -> bool:
    """Whether the window that ends then lies in the step, but for its edge."""
    return at - interval >= step.since - interval / EDGE
