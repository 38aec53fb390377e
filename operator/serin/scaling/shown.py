"""Metrics, targets and amounts as people read them."""

from serin.scaling.metrics import (
    ContainerResourceMetric,
    ExternalMetric,
    MetricSpec,
    ObjectMetric,
    PodsMetric,
    PrometheusMetric,
    ResourceMetric,
    UnknownMetric,
)
from serin.scaling.report import Current

_TYPES = {
    ResourceMetric: "Resource",
    ContainerResourceMetric: "ContainerResource",
    PodsMetric: "Pods",
    ObjectMetric: "Object",
    ExternalMetric: "External",
    PrometheusMetric: "Prometheus",
}
_IN_BYTES = {"memory", "ephemeral-storage"}
_MEBIBYTE = 2**20


def metric_type(metric: MetricSpec) -> str:
    """The type as the resource names it."""
    return metric.type if isinstance(metric, UnknownMetric) else _TYPES[type(metric)]


def metric_name(metric: MetricSpec) -> str:
    """The name, and what it is of if it is not of whole pods."""
    match metric:
        case UnknownMetric():
            return metric.type
        case ContainerResourceMetric():
            return f"{metric.name} of {metric.container}"
        case ObjectMetric():
            return f"{metric.name} of {metric.described_kind}/{metric.described_name}"
    return metric.name


def target_text(metric: MetricSpec) -> str:
    """What it shall be: `70%`, `10 per pod`, or `30` of all pods together."""
    if isinstance(metric, UnknownMetric):
        return ""
    target = metric.target
    if target.average_value is not None:
        return f"{amount(metric, target.average_value)} per pod"
    if target.average_utilization is not None:
        return f"{target.average_utilization}%"
    return "" if target.value is None else amount(metric, target.value)


def current_text(metric: MetricSpec, current: Current) -> str | None:
    """What it is, in the unit of its target; None if it is not known."""
    if current.average_utilization is not None:
        return f"{current.average_utilization}%"
    if current.average_value is not None:
        return f"{amount(metric, current.average_value)} per pod"
    return None if current.value is None else amount(metric, current.value)


def amount(metric: MetricSpec, milli: int) -> str:
    """An amount in milli-units: bytes in mebibytes, CPU as it is requested, others to the thousandth."""
    name = metric.name if isinstance(metric, ResourceMetric | ContainerResourceMetric) else ""
    if name in _IN_BYTES and abs(milli) >= 1000 * _MEBIBYTE:
        return f"{milli / 1000 / _MEBIBYTE:.1f}".removesuffix(".0") + "Mi"
    if name and milli % 1000:
        return f"{milli}m"
    return f"{milli / 1000:.3f}".rstrip("0").rstrip(".")
