"""What the API server would refuse in a HorizontalPodAutoscaler, by upstream's rules (`autoscaling/validation`)."""

from collections.abc import Iterator

from serin.scaling.behavior import Policy, ScalingRules
from serin.scaling.metrics import (
    ContainerResourceMetric,
    ExternalMetric,
    MetricSpec,
    PodsMetric,
    PrometheusMetric,
    ResourceMetric,
    Target,
    UnknownMetric,
)
from serin.scaling.spec import DEFAULTS, AutoscalerSpec, Settings
from serin.scaling.zero import knows_demand_without_pods

LONGEST_STABILIZATION_SECONDS = 3600
LONGEST_PERIOD_SECONDS = 1800


def problems(spec: AutoscalerSpec, settings: Settings = DEFAULTS) -> tuple[str, ...]:
    """A sentence for each thing that is wrong, with the field's path in `spec`; none if the spec can be followed."""
    return tuple(_problems(spec, settings))


def _problems(spec: AutoscalerSpec, settings: Settings) -> Iterator[str]:
    """max >= 1, max >= min, min >= 1 (0 with gate, and then at least one Object/External metric)."""
    lowest = 0 if settings.scale_to_zero else 1
    if spec.minimum < lowest:
        yield f"minReplicas: {spec.minimum}, must be greater than or equal to {lowest}"
    if spec.max_replicas < 1:
        yield f"maxReplicas: {spec.max_replicas}, must be greater than or equal to 1"
    elif spec.max_replicas < spec.minimum:
        yield f"maxReplicas: {spec.max_replicas}, must be greater than or equal to `minReplicas`"
    if not spec.metrics:
        yield "metrics: must specify at least one metric"
    for index, metric in enumerate(spec.metrics):
        yield from (f"metrics[{index}].{problem}" for problem in _of_metric(metric))
    if spec.minimum == 0 and not knows_demand_without_pods(spec.metrics):
        yield "metrics: must specify at least one Object or External metric to support scaling to zero replicas"
    if spec.behavior is not None:
        yield from (f"behavior.scaleUp.{problem}" for problem in _of_rules(spec.behavior.scale_up))
        yield from (f"behavior.scaleDown.{problem}" for problem in _of_rules(spec.behavior.scale_down))


def _of_metric(metric: MetricSpec) -> Iterator[str]:
    """A known type, a target of the kind that it needs, and above zero."""
    if isinstance(metric, UnknownMetric):
        yield f"type: unsupported value {metric.type!r}"
        return
    target = metric.target
    if isinstance(metric, PodsMetric) or (isinstance(metric, PrometheusMetric) and metric.per_pod):
        if target.average_value is None:
            yield "target.averageValue: must specify a positive target averageValue"
    elif isinstance(metric, ResourceMetric | ContainerResourceMetric):
        if (target.average_utilization is None) == (target.average_value is None):
            yield "target: must set either a target raw value or a target utilization, and not both"
    elif target.value is None and target.average_value is None:
        yield "target.averageValue: must set either a target value or averageValue"
    elif isinstance(metric, ExternalMetric | PrometheusMetric) and None not in (target.value, target.average_value):
        yield "target.value: may not set both a target value for metric and a per-pod target"
    yield from _of_target(target)


def _of_target(target: Target) -> Iterator[str]:
    for name, amount in (
        ("value", target.value),
        ("averageValue", target.average_value),
        ("averageUtilization", target.average_utilization),
    ):
        if amount is not None and amount < 1:
            yield f"target.{name}: {amount}, must be greater than 0"


def _of_rules(rules: ScalingRules) -> Iterator[str]:
    """stabilizationWindowSeconds 0..3600; >= 1 policy after defaulting; tolerance not negative."""
    window = rules.stabilization_window_seconds
    if window is not None and not 0 <= window <= LONGEST_STABILIZATION_SECONDS:
        yield f"stabilizationWindowSeconds: {window}, must be from 0 to {LONGEST_STABILIZATION_SECONDS}"
    if rules.policies is not None and not rules.policies:
        yield "policies: must specify at least one Policy"
    for index, policy in enumerate(rules.policies or ()):
        yield from (f"policies[{index}].{problem}" for problem in _of_policy(policy))
    if rules.tolerance is not None and rules.tolerance < 0:
        yield f"tolerance: {rules.tolerance}, must be greater than or equal to 0"


def _of_policy(policy: Policy) -> Iterator[str]:
    """periodSeconds 1..1800; policy value > 0."""
    if policy.value <= 0:
        yield f"value: {policy.value}, must be greater than zero"
    if not 1 <= policy.period_seconds <= LONGEST_PERIOD_SECONDS:
        yield f"periodSeconds: {policy.period_seconds}, must be from 1 to {LONGEST_PERIOD_SECONDS}"
