"""What the judge reads: counts of one tick, on a fixed grid, with windows that do not overlap."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of one version in one window: 0 <= bad <= total."""

    bad: float
    total: float


@dataclass(frozen=True, slots=True)
class Pair:
    """The candidate's and stable's counts of the same window; None where that version has no data."""

    candidate: Counts | None
    stable: Counts | None


@dataclass(frozen=True, slots=True)
class Tick:
    """One look. `at` is the end of the window.

    metrics: by metric name. A name that is missing, or a side that is None, is missing data: never a failure.
    requests: the candidate's and stable's requests as totals (bad is 0), for the verified split.
    problem: why the tick has no data at all (Prometheus unreachable, query refused), for people.
    """

    at: datetime
    metrics: Mapping[str, Pair] = field(default_factory=dict)
    requests: Pair | None = None
    problem: str | None = None
