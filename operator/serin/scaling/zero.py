"""Scaling to zero pods and back (gate HPAScaleToZero)."""

from serin.scaling.conditions import ConditionType, holds
from serin.scaling.history import History
from serin.scaling.metrics import ExternalMetric, MetricSpec, ObjectMetric, PrometheusMetric
from serin.scaling.spec import AutoscalerSpec, Settings


def scaled_to_zero(history: History, settings: Settings) -> bool:
    """z = gate and condition ScaledToZero==True: it was the autoscaler that took the last pod away."""
    return settings.scale_to_zero and holds(history.conditions, ConditionType.SCALED_TO_ZERO)


def wakes(spec: AutoscalerSpec, *, scaled: bool) -> bool:
    """At spec == 0 metrics run iff (min != 0 and z) or (z and has Object/External metric)."""
    return scaled and (spec.minimum != 0 or knows_demand_without_pods(spec.metrics))


def goes_to_sleep(spec: AutoscalerSpec, current: int, desired: int) -> bool:
    """ScaledToZero is True iff spec>0, desired==0, min==0, has Object/External."""
    return current > 0 and desired == 0 and spec.minimum == 0 and knows_demand_without_pods(spec.metrics)


def knows_demand_without_pods(metrics: tuple[MetricSpec, ...]) -> bool:
    """At least one Object/External metric (`hasObjectOrExternalMetrics`), or a Prometheus metric that is as one."""
    return any(
        isinstance(metric, ObjectMetric | ExternalMetric)
        or (isinstance(metric, PrometheusMetric) and not metric.per_pod)
        for metric in metrics
    )
