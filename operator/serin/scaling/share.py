"""What is measured of a version that has only a part of the traffic, as if stable had all of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from serin.scaling.metrics import ExternalMetric, MetricSpec, ObjectMetric, PrometheusMetric, TargetType
from serin.scaling.pods import Amounts, Pod
from serin.scaling.report import Limit, LimitType, Recommendation
from serin.scaling.samples import ExternalValues, ObjectValue, PodValues, ResourceUsage, Sample, Unavailable

LEAST_SHARE = 20
"""Percent of the traffic below which a version says too little of the whole: errors would count five times."""
SETTLING = timedelta(seconds=15)
"""So long a decided weight may take until requests follow it everywhere."""
LONGEST_WINDOW = timedelta(minutes=10)
"""No measurement is about more."""
MOST_REMEMBERED = 8
"""Shares of the past: a window holds few."""


class Reach(StrEnum):
    """What a metric tells of, in a rollout."""

    LOAD = "Load"
    """Of a version alone, and in proportion to its share of the traffic: what its pods use, or have to do."""
    LEVEL = "Level"
    """Of a version alone, and not in proportion to its share, such as a latency: with all the traffic it is more."""
    WHOLE = "Whole"
    """Of the service, whichever version answers, such as a queue outside of it."""


def reach_of(metric: MetricSpec) -> Reach:
    """What a metric tells of. A query of Prometheus selects a version, or it could not be asked."""
    if isinstance(metric, ObjectMetric | ExternalMetric):
        return Reach.WHOLE
    if isinstance(metric, PrometheusMetric) and not metric.per_pod and metric.target.average_value is None:
        return Reach.LEVEL
    return Reach.LOAD


@dataclass(frozen=True, slots=True)
class Shares:
    """The percentages of the traffic that a version had: each from a time on, the newest last.

    coming: what was decided since, and the route may or may not have yet.
    """

    since: tuple[tuple[datetime, int], ...]
    coming: tuple[int, ...] = ()

    def then(self, percent: int, now: datetime, *, moving: bool = False) -> "Shares":
        """The same, with this share from now on; or with one that is decided, while the traffic is moving."""
        if moving:
            return self if percent in self.coming else Shares(self.since, (*self.coming, percent))
        if not self.coming and percent == self.since[-1][1]:
            return self
        meanwhile = tuple((now, each) for each in self.coming if each != percent)
        return Shares((*self.since[-MOST_REMEMBERED:], *meanwhile, (now, percent)))

    def are_settled(self, now: datetime) -> bool:
        """Whether no window of any measurement can have seen another share."""
        return not self.coming and now - self.since[-1][0] >= LONGEST_WINDOW

    def between(self, start: datetime, end: datetime) -> tuple[int, int]:
        """The smallest and the largest share that it may have had at any time from start to end."""
        until = (*(since for since, _ in self.since[1:]), end)
        had = [percent for (_, percent), left in zip(self.since, until, strict=True) if left > start]
        had += [self.since[-1][1], *self.coming]
        return min(had), max(had)


@dataclass(frozen=True, slots=True)
class Part:
    """The share of the traffic, in percent, that samples were measured at; `steady` if it was the same all the time."""

    percent: int
    steady: bool = True

    @property
    def tells_the_whole(self) -> bool:
        """Whether the load of the whole can be told by it. Else it is known to be no less than what is told."""
        return self.steady and self.percent >= LEAST_SHARE


def part_of(shares: Shares, samples: Iterable[Sample], now: datetime) -> Part:
    """What share the samples were measured at: the largest, so that nothing is taken for more than it is."""
    begun = min((_begun(sample) or now for sample in samples), default=now)
    least, most = shares.between(begun - SETTLING, now)
    return Part(most, steady=least == most)


def _begun(sample: Sample) -> datetime | None:
    """When the oldest window of a sample began."""
    match sample:
        case ResourceUsage():
            return min((usage.timestamp - usage.window for usage in sample.pods), default=None)
        case PodValues():
            return min((value.timestamp - value.window for value in sample.values.values()), default=None)
    return None


def of_all_traffic(metric: MetricSpec, sample: Sample, part: Part) -> Sample:
    """What stable would show with all the traffic, from what it shows with a part of it.

    So history, windows and tolerances speak of one and the same load throughout a rollout. What is no load is left.
    """
    if part.percent == 100 or reach_of(metric) is not Reach.LOAD:
        return sample
    return scaled(sample, 100, max(part.percent, LEAST_SHARE))


def of_a_part(metric: MetricSpec, sample: Sample, percent: int) -> Sample:
    """What a candidate has to do with a metric of the whole service: of an amount for each pod its share."""
    if percent == 100 or reach_of(metric) is not Reach.WHOLE or not _is_for_each_pod(metric):
        return sample
    return scaled(sample, percent, 100)


def _is_for_each_pod(metric: MetricSpec) -> bool:
    if isinstance(metric, ObjectMetric):
        return metric.target.type == TargetType.AVERAGE_VALUE
    return isinstance(metric, ExternalMetric) and metric.target.average_value is not None


def scaled(sample: Sample, numerator: int, denominator: int) -> Sample:
    """A sample times a fraction, rounded up."""
    match sample:
        case ResourceUsage():
            return _times(sample, numerator, denominator)
        case PodValues():
            return _values_times(sample, numerator, denominator)
        case ObjectValue():
            return ObjectValue(_up(sample.value * numerator, denominator))
        case ExternalValues():
            return ExternalValues(tuple(_up(value * numerator, denominator) for value in sample.values))
        case Unavailable():
            return sample


def _up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def _times(usage: ResourceUsage, numerator: int, denominator: int) -> ResourceUsage:
    def times(amounts: Amounts) -> Amounts:
        return {resource: _up(amount * numerator, denominator) for resource, amount in amounts.items()}

    return ResourceUsage(
        tuple(
            replace(pod, containers={name: times(amounts) for name, amounts in pod.containers.items()})
            for pod in usage.pods
        )
    )


def _values_times(sample: PodValues, numerator: int, denominator: int) -> PodValues:
    return PodValues(
        {pod: replace(one, value=_up(one.value * numerator, denominator)) for pod, one in sample.values.items()}
    )


def only_raising(metrics: Iterable[MetricSpec], part: Part) -> bool:
    """Whether what is measured at a part of the traffic shows no more than how much is needed at least."""
    if not part.tells_the_whole:
        return True
    return part.percent < 100 and any(reach_of(metric) is Reach.LEVEL for metric in metrics)


def raised(recommendation: Recommendation, now: datetime) -> Recommendation:
    """The recommendation, if its metrics may only raise: less than the current replicas is taken for just these.

    The next passes remember it so, too: else what was measured without traffic would scale down once it is back.
    """
    current, proposal = recommendation.current, recommendation.proposal
    if proposal is None or proposal >= current:
        return recommendation
    history = recommendation.history
    remembered = tuple(
        replace(past, replicas=current) if past.at == now and past.replicas == proposal else past
        for past in history.recommendations
    )
    return replace(
        recommendation,
        replicas=max(recommendation.replicas, current),
        history=replace(history, recommendations=remembered),
        reason="",
        limits=(Limit(LimitType.STABILIZATION, proposal, current),),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """Pods, and one sample a metric."""

    pods: tuple[Pod, ...]
    samples: tuple[Sample, ...]


def as_many(seen: Seen, replicas: int) -> Seen:
    """The same load on more pods: what a stable that gave pods back would show if it had them all.

    Each pod stands for several, as evenly as can be, and what they do is shared out among more of them. So there are
    as many pods as replicas, as the tolerance and the policies take for granted. What is no sample of pods stays.
    """
    alive = [pod for pod in seen.pods if not pod.deleted and pod.phase in {"Running", "Pending"}]
    if not alive or len(alive) >= replicas:
        return seen
    copies: dict[str, list[str]] = {}
    pods = [pod for pod in seen.pods if pod not in alive]
    for index in range(replicas):
        pod, turn = alive[index % len(alive)], index // len(alive)
        name = f"{pod.name}~{turn}" if turn else pod.name
        copies.setdefault(pod.name, []).append(name)
        pods.append(replace(pod, name=name))
    return Seen(tuple(pods), tuple(_shared_out(one, copies, len(alive), replicas) for one in seen.samples))


def _shared_out(sample: Sample, copies: dict[str, list[str]], count: int, replicas: int) -> Sample:
    """Samples of pods for their copies."""
    match sample:
        case ResourceUsage():
            sample = _times(sample, count, replicas)
            return ResourceUsage(
                tuple(replace(one, pod=name) for one in sample.pods for name in copies.get(one.pod, ()))
            )
        case PodValues():
            values = _values_times(sample, count, replicas).values
            return PodValues({name: one for pod, one in values.items() for name in copies.get(pod, ())})
    return sample
