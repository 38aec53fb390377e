"""What the judge reads: counts of one tick, on a fixed grid, with windows that do not overlap."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of one version in one window: 0 <= bad <= total."""

    bad: float
    total: float

    @property
    def sound(self) -> bool:
        """Whether these can be counts at all: finite, and 0 <= bad <= total."""
        return math.isfinite(self.total) and 0 <= self.bad <= self.total

    @property
    def share(self) -> float:
        """The share of bad events; 0 without events."""
        return self.bad / self.total if self.total else 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.bad + other.bad, self.total + other.total)


NOTHING = Counts(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Moments:
    """What a mean is made from: the events of one version in one window, and the sums of their values and squares."""

    count: float
    total: float
    squares: float

    @property
    def sound(self) -> bool:
        """Whether such numbers exist: finite, count and squares not negative, and no negative variance."""
        finite = math.isfinite(self.count) and math.isfinite(self.total) and math.isfinite(self.squares)
        # Rounding of a float sum may leave a variance a hair below zero.
        return finite and self.count >= 0 and self.squares * self.count * (1 + 1e-9) >= self.total**2


@dataclass(frozen=True, slots=True)
class Level:
    """The value of a gauge of one version at a tick: no counts stand behind it."""

    value: float

    @property
    def sound(self) -> bool:
        """Whether it is a number."""
        return math.isfinite(self.value)


@dataclass(frozen=True, slots=True)
class Bins:
    """Events of one version in one window, by bin; not cumulative. The key is the bin's label value, such as `0.5`."""

    counts: Mapping[str, float]

    @property
    def sound(self) -> bool:
        """Whether every bin holds a count."""
        return all(math.isfinite(count) and count >= 0 for count in self.counts.values())

    @property
    def total(self) -> float:
        """Events in all bins."""
        return sum(self.counts.values())


Side = Counts | Moments | Level | Bins
"""What one version measured; which of them is the metric's kind."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The candidate's and stable's measurements of the same window; None where that version has no data.

    note: what a person should know of how it was counted, or why it was not.
    """

    candidate: Side | None
    stable: Side | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """One look. `at` is the end of the window.

    metrics: by metric name. A name that is missing, or a side that is None, is missing data: never a failure.
    requests: the candidate's and stable's requests as totals (bad is 0), for the verified split.
    problem: a query for this tick was not answered, and why, for people. Whatever the tick holds all the same is
        good; the rest can be asked for again.
    """

    at: datetime
    metrics: Mapping[str, Pair] = field(default_factory=dict)
    requests: Pair | None = None
    problem: str | None = None
