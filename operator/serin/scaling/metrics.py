"""The metrics that an autoscaler follows, named as in `autoscaling/v2`, with the target of each."""

from dataclasses import dataclass
from enum import StrEnum


class TargetType(StrEnum):
    """What a target is compared with."""

    UTILIZATION = "Utilization"
    VALUE = "Value"
    AVERAGE_VALUE = "AverageValue"


@dataclass(frozen=True, slots=True)
class Target:
    """What a metric shall be. Amounts in milli-units; utilization in percent of the request.

    Upstream looks at what is set, an average value first; only for an Object metric at the type.
    """

    type: TargetType
    average_utilization: int | None = None
    average_value: int | None = None
    value: int | None = None


def utilization(percent: int) -> Target:
    """A percentage of what the pods request."""
    return Target(TargetType.UTILIZATION, average_utilization=percent)


def average_value(amount: int) -> Target:
    """An amount for each pod, in milli-units."""
    return Target(TargetType.AVERAGE_VALUE, average_value=amount)


def value(amount: int) -> Target:
    """An amount for all pods together, in milli-units."""
    return Target(TargetType.VALUE, value=amount)


@dataclass(frozen=True, slots=True)
class ResourceMetric:
    """What whole pods use of a resource."""

    name: str
    target: Target


@dataclass(frozen=True, slots=True)
class ContainerResourceMetric:
    """What one container of each pod uses of a resource."""

    name: str
    container: str
    target: Target


@dataclass(frozen=True, slots=True)
class PodsMetric:
    """A metric of the application, known for each pod; its target is an average value."""

    name: str
    target: Target


@dataclass(frozen=True, slots=True)
class ObjectMetric:
    """A metric of some other object, such as an Ingress (`described_kind`)."""

    name: str
    target: Target
    described_kind: str = ""
    described_name: str = ""


@dataclass(frozen=True, slots=True)
class ExternalMetric:
    """A metric from outside of the cluster, such as the length of a queue."""

    name: str
    target: Target


@dataclass(frozen=True, slots=True)
class PrometheusMetric:
    """A query of Prometheus: treated as an External metric, or as a Pods metric if it is given per pod."""

    name: str
    target: Target
    per_pod: bool = False


@dataclass(frozen=True, slots=True)
class UnknownMetric:
    """A metric whose type nobody knows: always invalid."""

    type: str


MetricSpec = (
    ResourceMetric
    | ContainerResourceMetric
    | PodsMetric
    | ObjectMetric
    | ExternalMetric
    | PrometheusMetric
    | UnknownMetric
)

DEFAULT_METRIC = ResourceMetric("cpu", utilization(80))
"""What an autoscaler without metrics follows."""
