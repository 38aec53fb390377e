"""Metrics of a workload as a whole: Object and External (upstream's `replica_calculator.go`)."""

from collections.abc import Iterable

from serin.scaling.errors import InvalidMetricError
from serin.scaling.numbers import MAX_INT32, MAX_INT64, ceil32, ceil64, divide, wrap64
from serin.scaling.observed import Observed
from serin.scaling.outcome import Outcome
from serin.scaling.pods import Pod
from serin.scaling.report import Current, Hold


def value_replicas(observed: Observed, usage: int, target: int) -> Outcome:
    """Object/External Value: `r = usage/target`.

    current == 0: `ceil(r)`, ignoring tolerance and readiness. Else `within(r) ? current : ceil(r * readyPods)`, where
    readyPods = phase Running and Ready==True (0 ready pods -> 0); saturates at MaxInt32.

    Raises:
        InvalidMetricError: no pods at all -> error, but only outside tolerance.
    """
    ratio = divide(usage, target)
    current = Current(value=usage)
    if observed.replicas == 0:
        return Outcome(ceil32(ratio), current, ratio)
    if observed.tolerances.within(ratio):
        return Outcome(observed.replicas, current, ratio, Hold.TOLERANCE)
    wanted = ratio * ready_pods(observed.pods)
    return Outcome(MAX_INT32 if wanted > MAX_INT32 else ceil32(wanted), current, ratio)


def ready_pods(pods: tuple[Pod, ...]) -> int:
    """How many pods run and are Ready (`getReadyPodsCount`)."""
    if not pods:
        raise InvalidMetricError(
            "unable to calculate ready pods: no pods returned by selector while calculating replica count"
        )
    return sum(pod.serves for pod in pods)


def object_average_replicas(observed: Observed, usage: int, target: int) -> Outcome:
    """Object AverageValue: `r = usage/(target*statusReplicas)`; `within(r) ? statusReplicas : ceil(usage/target)`.

    statusReplicas 0 gives r = Inf/NaN, never within -> ceil(usage/target). A result beyond int32 does not saturate: it
    becomes the smallest int32, as Go on amd64 converts it.
    """
    replicas = observed.status_replicas
    ratio = divide(usage, float(target) * float(replicas))
    current = Current(average_value=average_of(usage, replicas))
    if observed.tolerances.within(ratio):
        return Outcome(replicas, current, ratio, Hold.TOLERANCE)
    return Outcome(ceil32(divide(usage, target)), current, ratio)


def external_average_replicas(observed: Observed, usage: int, target: int) -> Outcome:
    """External AverageValue: as that of an object, but it saturates at MaxInt32.

    A usage of MaxInt64 (and what float64 cannot tell from it) is reported as it is, undivided.
    """
    replicas = observed.status_replicas
    ratio = divide(usage, float(target) * float(replicas))
    reported = MAX_INT64 if float(usage) >= float(MAX_INT64) else average_of(usage, replicas)
    current = Current(average_value=reported)
    if observed.tolerances.within(ratio):
        return Outcome(replicas, current, ratio, Hold.TOLERANCE)
    wanted = divide(usage, target)
    return Outcome(MAX_INT32 if wanted > MAX_INT32 else ceil32(wanted), current, ratio)


def average_of(usage: int, replicas: int) -> int:
    """Reported usage = ceil(usage/statusReplicas), 0 when statusReplicas is 0.

    There, upstream converts Inf or NaN to int64, of which Go says that the result depends on the machine.
    """
    return ceil64(divide(usage, replicas)) if replicas else 0


def external_total(values: Iterable[int]) -> int:
    """External Value: sum of samples, saturating at MaxInt64."""
    total = 0
    for value in values:
        if value > 0 and total > MAX_INT64 - value:
            return MAX_INT64
        total = wrap64(total + value)
    return total


def external_total_per_pod(values: Iterable[int]) -> int:
    """External AverageValue: sum of samples; a sum below zero at any point is taken for an overflow: MaxInt64."""
    total = 0
    for value in values:
        total = wrap64(total + value)
        if total < 0:
            return MAX_INT64
    return total
