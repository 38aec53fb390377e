"""What one metric of the spec proposes (upstream's `computeReplicasForMetric`)."""

from collections.abc import Mapping
from typing import TypeVar

from serin.scaling.errors import InvalidMetricError
from serin.scaling.metrics import (
    ContainerResourceMetric,
    ExternalMetric,
    MetricSpec,
    ObjectMetric,
    PodsMetric,
    PrometheusMetric,
    ResourceMetric,
    Target,
    TargetType,
)
from serin.scaling.observed import Observed
from serin.scaling.outcome import Outcome
from serin.scaling.per_pod import average_replicas, utilization_replicas
from serin.scaling.report import MetricReport
from serin.scaling.samples import ExternalValues, ObjectValue, PodSample, PodValues, ResourceUsage, Sample, Unavailable
from serin.scaling.usage import one_container, whole_pods
from serin.scaling.whole import (
    external_average_replicas,
    external_total,
    external_total_per_pod,
    object_average_replicas,
    value_replicas,
)
from serin.scaling.words import failing, failure_reason

Kind = TypeVar("Kind", ResourceUsage, PodValues, ObjectValue, ExternalValues)


def evaluate(metric: MetricSpec, sample: Sample, observed: Observed) -> MetricReport:
    """The proposal of one metric, or why there is none.

    Raises:
        TypeError: the sample is none for such a metric.
    """
    try:
        outcome = _outcome(metric, sample, observed)
    except InvalidMetricError as error:
        return MetricReport(metric, reason=failure_reason(metric), error=f"{failing(metric)}{error}")
    return MetricReport(metric, outcome.replicas, outcome.current, outcome.ratio, outcome.hold, outcome.pods)


def _outcome(metric: MetricSpec, sample: Sample, observed: Observed) -> Outcome:
    match metric:
        case ResourceMetric():
            return _resource(metric, "", sample, observed)
        case ContainerResourceMetric():
            return _resource(metric, metric.container, sample, observed)
        case PodsMetric():
            return _pods(metric.name, metric.target, sample, observed)
        case ObjectMetric():
            return _object(metric, sample, observed)
        case ExternalMetric():
            return _external(metric.name, metric.target, sample, observed)
        case PrometheusMetric():
            rule = _pods if metric.per_pod else _external
            return rule(metric.name, metric.target, sample, observed)
    raise InvalidMetricError(f'unknown metric source type "{metric.type}"')


def _resource(
    metric: ResourceMetric | ContainerResourceMetric, container: str, sample: Sample, observed: Observed
) -> Outcome:
    """Target precedence: AverageValue first."""
    name, target = metric.name, metric.target
    if target.average_value is not None:
        return average_replicas(observed, _usage(name, container, sample), name, target.average_value)
    if target.average_utilization is not None:
        usage = _usage(name, container, sample)
        return utilization_replicas(observed, usage, name, container, target.average_utilization)
    raise InvalidMetricError(
        "invalid resource metric source: neither an average utilization target nor an average value (usage) target"
        " was set"
    )


def _usage(resource: str, container: str, sample: Sample) -> Mapping[str, PodSample]:
    """What each pod uses, as a whole or in one container; an empty list is an error."""
    action = f"unable to get metrics for resource {resource}"
    usages = _expect(ResourceUsage, sample, action).pods
    if not usages:
        raise InvalidMetricError(f"{action}: no metrics returned from resource metrics API")
    return one_container(usages, resource, container) if container else whole_pods(usages, resource)


def _pods(name: str, target: Target, sample: Sample, observed: Observed) -> Outcome:
    """Only an average value; the initialization of CPU does not concern it."""
    if target.average_value is None:
        raise InvalidMetricError("invalid pods metric source: no average value target was set")
    samples = _expect(PodValues, sample, f"unable to get metric {name}").values
    if not samples:
        raise InvalidMetricError(f"unable to get metric {name}: no metrics returned from custom metrics API")
    return average_replicas(observed, samples, "", target.average_value)


def _object(metric: ObjectMetric, sample: Sample, observed: Observed) -> Outcome:
    """The target's type says which of the two it is."""
    target = metric.target
    action = f"unable to get metric {metric.name} on {metric.described_kind} {metric.described_name}"
    if target.type == TargetType.VALUE and target.value is not None:
        return value_replicas(observed, _expect(ObjectValue, sample, action).value, target.value)
    if target.type == TargetType.AVERAGE_VALUE and target.average_value is not None:
        return object_average_replicas(observed, _expect(ObjectValue, sample, action).value, target.average_value)
    raise InvalidMetricError("invalid object metric source: neither a value target nor an average value target was set")


def _external(name: str, target: Target, sample: Sample, observed: Observed) -> Outcome:
    """Target precedence: AverageValue first."""
    if target.average_value is not None:
        total = external_total_per_pod(_series(name, sample))
        return external_average_replicas(observed, total, target.average_value)
    if target.value is not None:
        return value_replicas(observed, external_total(_series(name, sample)), target.value)
    raise InvalidMetricError(
        "invalid external metric source: neither a value target nor an average value target was set"
    )


def _series(name: str, sample: Sample) -> tuple[int, ...]:
    """The values of an external metric; an empty list is an error."""
    action = f"unable to get external metric {name}"
    values = _expect(ExternalValues, sample, action).values
    if not values:
        raise InvalidMetricError(f"{action}: no metrics returned from external metrics API")
    return values


def _expect(kind: type[Kind], sample: Sample, action: str) -> Kind:
    """The sample as the kind that the metric needs; fetch error = invalid."""
    if isinstance(sample, Unavailable):
        raise InvalidMetricError(f"{action}: {sample.message}")
    if not isinstance(sample, kind):
        raise TypeError(f"{action}: it needs {kind.__name__}, not {type(sample).__name__}")
    return sample
