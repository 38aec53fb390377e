"""From `spec.autoscaling`, as a user writes it, to the spec that the autoscaler follows."""

from serin.api.autoscaling import Autoscaling
from serin.api.autoscaling_behavior import ScalingBehavior
from serin.api.autoscaling_behavior import ScalingRules as WrittenRules
from serin.api.autoscaling_metrics import AutoscalingMetric, MetricTarget, MetricTargetType, PrometheusMetricSource
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules, SelectPolicy
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
    UnknownMetric,
)
from serin.scaling.quantities import approximate, milli
from serin.scaling.spec import AutoscalerSpec

LONGEST_NAME = 60
"""Of a query that takes the place of a name, in characters."""


def asked(autoscaling: Autoscaling) -> AutoscalerSpec:
    """The spec of an autoscaler: the shorthands are expanded, the metrics in the order of `expanded().metrics`."""
    written = autoscaling.expanded()
    return AutoscalerSpec(
        max_replicas=written.max_replicas,
        min_replicas=written.min_replicas,
        metrics=tuple(_metric(metric) for metric in written.metrics or ()),
        behavior=None if written.behavior is None else _behavior(written.behavior),
    )


def _metric(metric: AutoscalingMetric) -> MetricSpec:
    if metric.resource is not None:
        return ResourceMetric(metric.resource.name, _target(metric.resource.target))
    if metric.container_resource is not None:
        container = metric.container_resource
        return ContainerResourceMetric(container.name, container.container, _target(container.target))
    if metric.pods is not None:
        return PodsMetric(metric.pods.metric.name, _target(metric.pods.target))
    if metric.object is not None:
        described = metric.object.described_object
        return ObjectMetric(metric.object.metric.name, _target(metric.object.target), described.kind, described.name)
    if metric.external is not None:
        return ExternalMetric(metric.external.metric.name, _target(metric.external.target))
    if metric.prometheus is not None:
        return _prometheus(metric.prometheus)
    return UnknownMetric(metric.type)


def _prometheus(source: PrometheusMetricSource) -> PrometheusMetric:
    """A signal of the preset is known for each pod, so that an average of it is as that of a Pods metric."""
    if source.metric is not None:
        per_pod = source.target.type is MetricTargetType.AVERAGE_VALUE
        return PrometheusMetric(source.metric.value, _target(source.target), per_pod=per_pod)
    return PrometheusMetric(_shortened(source.query or ""), _target(source.target))


def _shortened(query: str) -> str:
    words = " ".join(query.split())
    return words if len(words) <= LONGEST_NAME else f"{words[: LONGEST_NAME - 1]}…"


def _target(target: MetricTarget) -> Target:
    return Target(
        TargetType(target.type.value),
        average_utilization=target.average_utilization,
        average_value=None if target.average_value is None else milli(target.average_value),
        value=None if target.value is None else milli(target.value),
    )


def _behavior(behavior: ScalingBehavior) -> Behavior:
    return Behavior(_rules(behavior.scale_up), _rules(behavior.scale_down))


def _rules(rules: WrittenRules | None) -> ScalingRules:
    if rules is None:
        return ScalingRules()
    policies = None
    if rules.policies is not None:
        policies = tuple(
            Policy(PolicyType(policy.type.value), policy.value, policy.period_seconds) for policy in rules.policies
        )
    return ScalingRules(
        stabilization_window_seconds=rules.stabilization_window_seconds,
        select_policy=None if rules.select_policy is None else SelectPolicy(rules.select_policy.value),
        policies=policies,
        tolerance=None if rules.tolerance is None else approximate(rules.tolerance),
    )
