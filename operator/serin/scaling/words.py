"""Upstream's words for metrics: in conditions, in Events and in errors. Selectors are left out."""

from serin.scaling.metrics import (
    ContainerResourceMetric,
    ExternalMetric,
    MetricSpec,
    ObjectMetric,
    PodsMetric,
    PrometheusMetric,
    ResourceMetric,
    TargetType,
)


def title(metric: MetricSpec) -> str:
    """A valid metric in the sentences of conditions and Events."""
    match metric:
        case ResourceMetric() | ContainerResourceMetric() if metric.target.average_value is not None:
            return f"{metric.name} resource"
        case ResourceMetric():
            return f"{metric.name} resource utilization (percentage of request)"
        case ContainerResourceMetric():
            return f"{metric.name} container resource utilization (percentage of request)"
        case PodsMetric():
            return f"pods metric {metric.name}"
        case ObjectMetric() if metric.target.average_value is None:
            return f"{metric.described_kind} metric {metric.name}"
        case PrometheusMetric():
            return f"Prometheus metric {metric.name}"
        case ObjectMetric() | ExternalMetric():
            return f"external metric {metric.name}"
    return metric.type


def failure_reason(metric: MetricSpec) -> str:
    """The reason of ScalingActive=False when a metric is invalid."""
    match metric:
        case ResourceMetric():
            return "FailedGetResourceMetric"
        case ContainerResourceMetric():
            return "FailedGetContainerResourceMetric"
        case PodsMetric():
            return "FailedGetPodsMetric"
        case ObjectMetric():
            return "FailedGetObjectMetric"
        case ExternalMetric():
            return "FailedGetExternalMetric"
        case PrometheusMetric():
            return "FailedGetPrometheusMetric"
    return "InvalidMetricSourceType"


def failing(metric: MetricSpec) -> str:
    """What begins the error of a metric in its condition: upstream puts it before those of resources alone."""
    match metric:
        case ResourceMetric() | ContainerResourceMetric():
            if metric.target.average_value is not None:
                return f"failed to get {metric.name} usage: "
            return f"failed to get {metric.name} utilization: " if metric.target.average_utilization is not None else ""
    return ""


def failing_pass(metric: MetricSpec) -> str:
    """What begins the same error in that of the whole pass."""
    match metric:
        case ResourceMetric():
            return f"failed to get {metric.name} resource metric value: "
        case ContainerResourceMetric():
            return f"failed to get {metric.container} container metric value: "
        case PodsMetric():
            return "failed to get pods metric value: "
        case ObjectMetric():
            return f"failed to get object metric value: {_failing_object(metric)}"
        case ExternalMetric() | PrometheusMetric():
            return f"failed to get {metric.name} external metric value: {_failing_external(metric)}"
    return ""


def _failing_object(metric: ObjectMetric) -> str:
    averaged = metric.target.type == TargetType.AVERAGE_VALUE and metric.target.average_value is not None
    return f"failed to get {metric.name} object metric: " if averaged else ""


def _failing_external(metric: ExternalMetric | PrometheusMetric) -> str:
    if metric.target.average_value is not None:
        return f"failed to get {metric.name} external metric: "
    return f"failed to get external metric {metric.name}: " if metric.target.value is not None else ""
