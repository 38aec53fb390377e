"""What one pass says: the replicas, why, and what every metric had to do with it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from serin.scaling.conditions import Conditions
from serin.scaling.history import History
from serin.scaling.metrics import MetricSpec


@dataclass(frozen=True, slots=True)
class Current:
    """What a metric is now, as in `status.currentMetrics`. Amounts in milli-units, utilization in percent."""

    average_utilization: int | None = None
    average_value: int | None = None
    value: int | None = None


class Hold(StrEnum):
    """Why a metric proposes the replicas that are there already."""

    TOLERANCE = "Tolerance"
    """It is near enough to its target."""
    INCOMPLETE = "Incomplete"
    """Pods without a sample, or not ready, leave open whether a change would be right."""


@dataclass(frozen=True, slots=True)
class PodCounts:
    """How the pods were taken for a metric."""

    ready: int
    unready: int
    missing: int
    ignored: int


@dataclass(frozen=True, slots=True)
class MetricReport:
    """What one metric says.

    ratio: current over target, with assumed values for pods without a sample where upstream assumes them; None if the
    metric is invalid.
    replicas: what it proposes; None if it is invalid, and then `error` says why and `reason` in one word.
    pods: None for metrics that are not about pods.
    """

    metric: MetricSpec
    replicas: int | None = None
    current: Current = Current()
    ratio: float | None = None
    hold: Hold | None = None
    pods: PodCounts | None = None
    reason: str = ""
    error: str = ""


class LimitType(StrEnum):
    """What kept the replicas from the metrics' proposal."""

    STABILIZATION = "Stabilization"
    POLICY = "Policy"
    """A policy of `behavior`, or without one the doubling that upstream allows at most."""
    MIN_REPLICAS = "MinReplicas"
    MAX_REPLICAS = "MaxReplicas"


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that changed what was wanted into what is allowed.

    until: when a stabilization ends, if the metrics go on to say what they say.
    """

    type: LimitType
    wanted: int
    allowed: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The result of one pass.

    replicas: what to set; the current ones if nothing is to change.
    reason: why the metrics or limits want other replicas, in the words of upstream's Events; "" if they do not.
    proposal: the largest of the metrics' proposals; None if they were not looked at or did not allow scaling.
    metrics: one report a metric, in the order of the spec; empty if they were not looked at.
    limits: what changed the proposal, in order.
    error: what is wrong with metrics, although others may have been followed; "" if nothing.
    history: for the next pass, with the conditions. After the replicas were set, or could not be, it is `applied` or
    `refused` (serin.scaling.afterwards) that says what the next pass must know.
    """

    current: int
    replicas: int
    history: History
    reason: str = ""
    proposal: int | None = None
    metrics: tuple[MetricReport, ...] = ()
    limits: tuple[Limit, ...] = ()
    error: str = ""

    @property
    def rescale(self) -> bool:
        """Whether replicas are to be set."""
        return self.replicas != self.current

    @property
    def conditions(self) -> Conditions:
        """The conditions after this pass."""
        return self.history.conditions
