"""Pods, samples and passes for the tests of the autoscaler; what a test does not name is ordinary."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from serin.scaling.afterwards import applied
from serin.scaling.autoscaler import recommend
from serin.scaling.conditions import ConditionType
from serin.scaling.history import EMPTY, History
from serin.scaling.metrics import ExternalMetric, average_value
from serin.scaling.observed import Observed
from serin.scaling.pods import Container, Pod, Readiness
from serin.scaling.report import Recommendation
from serin.scaling.samples import ExternalValues, PodSample, PodUsage, Sample
from serin.scaling.spec import DEFAULTS, AutoscalerSpec, Scale, Settings, Situation
from serin.scaling.tolerance import Tolerances

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=30)


def seconds(number: float) -> timedelta:
    """A stretch of time."""
    return timedelta(seconds=number)


def ago(number: float) -> datetime:
    """So many seconds before NOW."""
    return NOW - seconds(number)


def pod(name: str = "p0", *, ready: str = "True", since: float = 3000, started: float = 3600, cpu: int = 1000) -> Pod:
    """A pod of one container that runs. ready: the status of its Ready condition; since, started: seconds ago."""
    containers = (Container("model", {"cpu": cpu}),)
    return Pod(name, ready=Readiness(ready, ago(since)), started=ago(started), containers=containers)


def pods(count: int, *, ready: str = "True", cpu: int = 1000) -> tuple[Pod, ...]:
    """So many of them: p0, p1, …"""
    return tuple(pod(f"p{index}", ready=ready, cpu=cpu) for index in range(count))


def but(original: Sequence[Pod], **changed: Pod) -> tuple[Pod, ...]:
    """The same pods with some others in their places, by name."""
    return tuple(changed.get(one.name, one) for one in original)


def samples(*values: int | None) -> dict[str, PodSample]:
    """What p0, p1, … report; None for one that reports nothing."""
    return {f"p{index}": PodSample(value, NOW, WINDOW) for index, value in enumerate(values) if value is not None}


def usage(name: str, containers: Mapping[str, Mapping[str, int]]) -> PodUsage:
    """The usage of a pod, container by container."""
    return PodUsage(name, NOW, WINDOW, containers)


def observed(
    seen: Sequence[Pod], replicas: int | None = None, *, status: int | None = None, tolerance: float = 0.1
) -> Observed:
    """A workload with these pods, and as many replicas unless they are given."""
    spec = len(seen) if replicas is None else replicas
    tolerances = Tolerances(tolerance, tolerance)
    return Observed(spec, spec if status is None else status, tuple(seen), NOW, tolerances, DEFAULTS)


QUEUE = ExternalMetric("queue", average_value(1000))
"""Proposes just as many replicas as the queue is long (in units)."""


def queue(length: int) -> Sample:
    """A queue of such a length."""
    return ExternalValues((length * 1000,))


class Passes:
    """An autoscaler that is run pass by pass on a queue; what it says is set at once, as a controller does."""

    def __init__(self, spec: AutoscalerSpec, replicas: int, settings: Settings = DEFAULTS) -> None:
        self.spec = spec
        self.settings = settings
        self.replicas = replicas
        self.now = NOW
        self.history: History = EMPTY
        self.last: Recommendation | None = None

    def step(self, length: int, after: float = 15) -> int:
        """Time goes by, the queue has this length, and the replicas are what is returned."""
        self.now += seconds(after)
        situation = Situation(Scale(self.replicas, self.replicas), (), (queue(length),), self.now)
        self.last = applied(
            recommend(self.spec, situation, self.history, self.settings), self.spec, self.now, self.settings
        )
        self.history, self.replicas = self.last.history, self.last.replicas
        return self.replicas

    def steps(self, lengths: Iterable[int], after: float = 15) -> list[int]:
        """Several passes."""
        return [self.step(length, after) for length in lengths]


def once(
    spec: AutoscalerSpec, replicas: int, *given: Sample, seen: Sequence[Pod] = (), settings: Settings = DEFAULTS
) -> Recommendation:
    """One pass with nothing remembered."""
    return recommend(spec, Situation(Scale(replicas, replicas), tuple(seen), given, NOW), EMPTY, settings)


def queued(maximum: int = 1000, minimum: int | None = 1, **changed: object) -> AutoscalerSpec:
    """An autoscaler that follows the queue."""
    return replace(AutoscalerSpec(maximum, minimum, (QUEUE,)), **changed)  # type: ignore[arg-type]


def reasons(recommendation: Recommendation) -> dict[str, str]:
    """The conditions as `True/Reason`, by type."""
    return {one.type.value: f"{one.status.value}/{one.reason}" for one in recommendation.conditions}


ABLE, ACTIVE, LIMITED, ZERO = (kind.value for kind in ConditionType)
