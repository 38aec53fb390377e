"""The metrics of `spec.autoscaling`, with the fields and names of `autoscaling/v2`, and one type more: Prometheus."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from serin.api.base import DNS_LABEL, UNQUOTED, Model, matching
from serin.api.own_metrics import PromQL
from serin.api.quantity import TargetQuantity
from serin.api.rules import Rule

Label = Annotated[str, Field(max_length=63)]
RESOURCE_HELP = "write the name of a resource, such as cpu or memory"
CONTAINER_HELP = "write the container's name: lower case letters, digits and dashes"
SERVER_HELP = "write a name from the operator's settings: lower case letters, digits and dashes, such as default"


class MetricTargetType(StrEnum):
    """What a target is compared with."""

    UTILIZATION = "Utilization"
    VALUE = "Value"
    AVERAGE_VALUE = "AverageValue"


_AMOUNTS = {
    MetricTargetType.UTILIZATION: "averageUtilization",
    MetricTargetType.VALUE: "value",
    MetricTargetType.AVERAGE_VALUE: "averageValue",
}


class MetricTarget(Model):
    """What a metric shall be: one amount, and its type says which."""

    type: MetricTargetType
    """Utilization: a percentage of what the pods request. AverageValue: for each pod. Value: for all together."""
    average_utilization: Annotated[int, Field(ge=1, le=2_147_483_647), UNQUOTED] | None = None
    """Utilization: the percentage of what the pods request, as their mean."""
    value: TargetQuantity | None = None
    """Value: the amount for all pods together."""
    average_value: TargetQuantity | None = None
    """AverageValue: the amount for each pod."""

    rules = (
        Rule(
            " && ".join(f"(self.type == '{kind}') == has(self.{name})" for kind, name in _AMOUNTS.items()),
            lambda target: target.amounts == {kind: kind is target.type for kind in MetricTargetType},
            "the type of a target says what it is: write averageUtilization with type Utilization, averageValue with"
            " AverageValue, value with Value, and one of them alone",
        ),
    )

    @property
    def amounts(self) -> Mapping[MetricTargetType, bool]:
        """Which of the amounts are given."""
        amounts = (self.average_utilization, self.value, self.average_value)
        return {kind: amount is not None for kind, amount in zip(_AMOUNTS, amounts, strict=True)}


def _of_type(*types: MetricTargetType) -> Rule:
    """Which types of target a metric can have."""
    listed = ", ".join(f"'{kind}'" for kind in types)
    return Rule(
        f"self.type in [{listed}]",
        lambda target: target.type in types,
        f"this metric has no such target: write type {' or '.join(types)}",
        field=".type",
    )


ResourceTarget = Annotated[MetricTarget, _of_type(MetricTargetType.UTILIZATION, MetricTargetType.AVERAGE_VALUE)]
PodsTarget = Annotated[MetricTarget, _of_type(MetricTargetType.AVERAGE_VALUE)]
WholeTarget = Annotated[MetricTarget, _of_type(MetricTargetType.VALUE, MetricTargetType.AVERAGE_VALUE)]


class SelectorOperator(StrEnum):
    """How a label is compared."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


_WITH_VALUES = (SelectorOperator.IN, SelectorOperator.NOT_IN)


class SelectorRequirement(Model):
    """What must hold of one label."""

    key: Annotated[str, Field(min_length=1, max_length=317)]
    """The label."""
    operator: SelectorOperator
    """In, NotIn, Exists or DoesNotExist."""
    values: Annotated[tuple[Label, ...], Field(max_length=16)] | None = None
    """What it may be, or may not be."""

    rules = (
        Rule(
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
            lambda requirement: (requirement.operator in _WITH_VALUES) == bool(requirement.values),
            "In and NotIn compare with values: write at least one, and none with Exists and DoesNotExist",
            field=".values",
        ),
    )


def _few(labels: Mapping[str, str]) -> Mapping[str, str]:
    if len(labels) > 16:
        raise ValueError(f"{len(labels)} labels: write at most 16")
    return labels


Labels = Annotated[
    Mapping[str, Label],
    AfterValidator(_few),
    WithJsonSchema(
        {"type": "object", "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": 63}}
    ),
]


class MetricSelector(Model):
    """Which series of a metric count."""

    match_labels: Labels | None = None
    """Labels that they must have."""
    match_expressions: Annotated[tuple[SelectorRequirement, ...], Field(max_length=16)] | None = None
    """More that must hold of their labels."""


class MetricIdentifier(Model):
    """The name of a metric, and which of its series count."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """The metric's name."""
    selector: MetricSelector | None = None
    """Which of its series count; all unless given."""


class ResourceMetricSource(Model):
    """What the pods use of a resource, as a whole."""

    name: Annotated[str, Field(max_length=63), matching(r"^[a-z][-a-z0-9./]*$", RESOURCE_HELP)]
    """cpu or memory."""
    target: ResourceTarget
    """What it shall be."""


class ContainerResourceMetricSource(Model):
    """What one container of each pod uses of a resource."""

    name: Annotated[str, Field(max_length=63), matching(r"^[a-z][-a-z0-9./]*$", RESOURCE_HELP)]
    """cpu or memory."""
    container: Annotated[str, Field(max_length=63), matching(DNS_LABEL, CONTAINER_HELP)]
    """The container's name."""
    target: ResourceTarget
    """What it shall be."""


class PodsMetricSource(Model):
    """A metric of the application that the custom metrics API knows for each pod."""

    metric: MetricIdentifier
    """Which metric."""
    target: PodsTarget
    """What it shall be for each pod, as their mean."""


class DescribedObject(Model):
    """An object in the same namespace that a metric is of."""

    kind: Annotated[str, Field(min_length=1, max_length=63)]
    """Its kind, such as Ingress."""
    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Its name."""
    api_version: Annotated[str, Field(max_length=317)] | None = None
    """The version of its API, such as networking.k8s.io/v1."""


class ObjectMetricSource(Model):
    """A metric that the custom metrics API knows of some other object."""

    described_object: DescribedObject
    """The object."""
    metric: MetricIdentifier
    """Which metric."""
    target: WholeTarget
    """What it shall be."""


class ExternalMetricSource(Model):
    """A metric that the external metrics API knows, such as the length of a queue in the cloud."""

    metric: MetricIdentifier
    """Which metric."""
    target: WholeTarget
    """What it shall be."""


class Signal(StrEnum):
    """What the preset of the model server knows to count."""

    QUEUE_LENGTH = "queue-length"
    RUNNING_REQUESTS = "running-requests"


class PrometheusMetricSource(Model):
    """What Prometheus says of one version: a signal of the server's preset, or a query of your own."""

    metric: Signal | None = None
    """A signal of the preset: requests that wait, or requests under way, of all pods of the version together."""
    query: PromQL | None = None
    """PromQL of your own, asked for each version; its one answer is the value of all pods together."""
    server: Annotated[str, Field(max_length=63), matching(DNS_LABEL, SERVER_HELP)] = "default"
    """Which Prometheus is asked: one that the operator's settings name."""
    target: WholeTarget
    """What it shall be."""

    rules = (
        Rule(
            "has(self.metric) != has(self.query)",
            lambda source: (source.metric is None) != (source.query is None),
            "write either metric, a signal of the server's preset, or query, PromQL of your own",
        ),
    )


class MetricType(StrEnum):
    """Where a metric comes from."""

    RESOURCE = "Resource"
    CONTAINER_RESOURCE = "ContainerResource"
    PODS = "Pods"
    OBJECT = "Object"
    EXTERNAL = "External"
    PROMETHEUS = "Prometheus"


SOURCES = {
    MetricType.RESOURCE: "resource",
    MetricType.CONTAINER_RESOURCE: "containerResource",
    MetricType.PODS: "pods",
    MetricType.OBJECT: "object",
    MetricType.EXTERNAL: "external",
    MetricType.PROMETHEUS: "prometheus",
}
"""The field that belongs to each type, as it is written."""


class AutoscalingMetric(Model):
    """One metric and its target; of several the one that wants most replicas decides."""

    type: MetricType
    """Where it comes from; the field of the same name says the rest."""
    resource: ResourceMetricSource | None = None
    """CPU or memory of whole pods."""
    container_resource: ContainerResourceMetricSource | None = None
    """CPU or memory of one container of each pod."""
    pods: PodsMetricSource | None = None
    """A metric of the pods from the custom metrics API."""
    object: ObjectMetricSource | None = None
    """A metric of another object from the custom metrics API."""
    external: ExternalMetricSource | None = None
    """A metric from the external metrics API."""
    prometheus: PrometheusMetricSource | None = None
    """A metric from Prometheus."""

    rules = (
        Rule(
            " && ".join(f"(self.type == '{kind}') == has(self.{name})" for kind, name in SOURCES.items()),
            lambda metric: metric.sources == {kind: kind is metric.type for kind in MetricType},
            "the type of a metric names its one field: write resource with type Resource, prometheus with Prometheus,"
            " and so on, and no other beside it",
        ),
    )

    @property
    def sources(self) -> Mapping[MetricType, bool]:
        """Which of the sources are given."""
        sources = (self.resource, self.container_resource, self.pods, self.object, self.external, self.prometheus)
        return {kind: source is not None for kind, source in zip(SOURCES, sources, strict=True)}

    @property
    def knows_demand_without_pods(self) -> bool:
        """Whether it can be known while no pod runs: a signal of the preset is told by the pods themselves."""
        asked = self.prometheus is not None and self.prometheus.query is not None
        return self.object is not None or self.external is not None or asked
