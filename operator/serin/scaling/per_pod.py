"""Metrics that are known for each pod: Resource, ContainerResource and Pods (upstream's `replica_calculator.go`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from serin.scaling.errors import InvalidMetricError
from serin.scaling.grouping import Groups, group_pods
from serin.scaling.numbers import ceil32, divide, quotient, wrap32, wrap64
from serin.scaling.observed import Observed
from serin.scaling.outcome import Outcome
from serin.scaling.report import Current, Hold
from serin.scaling.requests import requests_of
from serin.scaling.samples import PodSample

Values = dict[str, int]
"""Milli-units by the name of the pod."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of some pods, and its ratio to the target."""

    ratio: float
    current: Current


def utilization_replicas(
    observed: Observed, samples: Mapping[str, PodSample], resource: str, container: str, target: int
) -> Outcome:
    """Resource, Utilization (`GetResourceReplicas`): usage as a percentage of what the pods request.

    Raises:
        InvalidMetricError: no pods, no samples of pods that count, or a request is missing or all of them are zero.
    """
    groups, values = _counted(observed, samples, resource)
    requests = requests_of(observed.pods, resource, container, pod_level=observed.settings.pod_level_resources)
    fallback = max(100, target)

    def usage(of: Values) -> Usage:
        return utilization_usage(of, requests, target)

    def missing(pod: str) -> int:
        # Missing pods on scale-down use 100 % of the request (or the target if it is > 100), not the target.
        return quotient(wrap64(requests[pod] * fallback), 100)

    return _replicas(observed, groups, values, usage, missing)


def average_replicas(observed: Observed, samples: Mapping[str, PodSample], resource: str, target: int) -> Outcome:
    """Resource AverageValue (`GetRawResourceReplicas`) and Pods AverageValue (`GetMetricReplicas`).

    Both via `calcPlainMetricReplicas`; missing pods on scale-down count as exactly the target. Resource passes `cpu` to
    groupPods; Pods passes "".

    Raises:
        InvalidMetricError: no pods, or no samples of pods that count.
    """
    groups, values = _counted(observed, samples, resource)
    return _replicas(observed, groups, values, lambda of: average_usage(of, target), lambda _pod: target)


def utilization_usage(values: Values, requests: Mapping[str, int], target: int) -> Usage:
    """`utilization = int(totalUsage*100 / totalRequest)` (integer truncation), `r = utilization/target` (float64).

    Over pods having both metric and request: superfluous metrics do not count.

    Raises:
        InvalidMetricError: total request 0: "no metrics returned matched known pods".
    """
    used = requested = pods = 0
    for pod, amount in values.items():
        request = requests.get(pod)
        if request is not None:
            used += amount
            requested += request
            pods += 1
    used, requested = wrap64(used), wrap64(requested)
    if requested == 0:
        raise InvalidMetricError("no metrics returned matched known pods")
    percent = wrap32(quotient(wrap64(used * 100), requested))
    return Usage(divide(percent, target), Current(average_utilization=percent, average_value=quotient(used, pods)))


def average_usage(values: Values, target: int) -> Usage:
    """`usage = int(sum/len)`; `r = usage/target`. Superfluous metrics (pods not in the list) still count."""
    average = quotient(wrap64(sum(values.values())), len(values))
    return Usage(divide(average, target), Current(average_value=average))


def _counted(observed: Observed, samples: Mapping[str, PodSample], resource: str) -> tuple[Groups, Values]:
    """Metrics of ignored and unready pods are removed; if none remain it is an error."""
    if not observed.pods:
        raise InvalidMetricError("no pods returned by selector while calculating replica count")
    groups = group_pods(observed.pods, samples, resource, observed.now, observed.settings)
    values = {pod: sample.value for pod, sample in samples.items()}
    for pod in (*groups.ignored, *groups.unready):
        values.pop(pod, None)
    if not values:
        raise InvalidMetricError("did not receive metrics for targeted pods (pods might be unready)")
    return groups, values


def _replicas(
    observed: Observed,
    groups: Groups,
    values: Values,
    usage: Callable[[Values], Usage],
    missing: Callable[[str], int],
) -> Outcome:
    """No missing pods and not (unready pods exist and r > 1): `within(r) ? current : ceil(r * readyCount)`.

    Note readyCount, not current. Otherwise fill in and recompute r2 over the enlarged set.
    """
    seen = usage(values)
    if not groups.missing and not (groups.unready and seen.ratio > 1.0):
        if observed.tolerances.within(seen.ratio):
            return Outcome(observed.replicas, seen.current, seen.ratio, Hold.TOLERANCE, groups.counts)
        return Outcome(ceil32(seen.ratio * groups.ready), seen.current, seen.ratio, None, groups.counts)
    fill_in(values, groups, seen.ratio, missing)
    filled = usage(values)
    replicas, hold = decide(observed, seen.ratio, filled.ratio, len(values))
    return Outcome(replicas, seen.current, filled.ratio, hold, groups.counts)


def fill_in(values: Values, groups: Groups, ratio: float, missing: Callable[[str], int]) -> None:
    """Missing pods: r < 1 -> as if loaded; r > 1 -> 0; r == 1 -> stay absent. Unready pods: only when r > 1 -> 0."""
    if ratio < 1.0:
        values.update((pod, missing(pod)) for pod in groups.missing)
    elif ratio > 1.0:
        values.update(dict.fromkeys(groups.missing, 0))
        values.update(dict.fromkeys(groups.unready, 0))


def decide(observed: Observed, ratio: float, filled: float, count: int) -> tuple[int, Hold | None]:
    """Result = current if within(r2), or r2 is on the other side of 1 from r; else `m = ceil(r2*n)`; current if
    (r2<1 and m>current) or (r2>1 and m<current); else m.

    count: n, the number of pods with a value, assumed ones and those of pods not in the list included.
    """
    if observed.tolerances.within(filled):
        return observed.replicas, Hold.TOLERANCE
    if (ratio < 1.0 < filled) or (filled < 1.0 < ratio):
        return observed.replicas, Hold.INCOMPLETE
    replicas = ceil32(filled * count)
    if (filled < 1.0 and replicas > observed.replicas) or (filled > 1.0 and replicas < observed.replicas):
        return observed.replicas, Hold.INCOMPLETE
    return replicas, None
