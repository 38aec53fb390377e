"""What was measured for one pass: one entry a metric, in the order of the spec. Values are in milli-units."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from serin.scaling.pods import Amounts

DEFAULT_WINDOW = timedelta(minutes=1)
"""The window that is assumed of a custom metric that names none."""


@dataclass(frozen=True, slots=True)
class PodSample:
    """The value of one pod, averaged over the window that ended at the timestamp."""

    value: int
    timestamp: datetime
    window: timedelta = DEFAULT_WINDOW


@dataclass(frozen=True, slots=True)
class PodUsage:
    """What the containers of one pod use, as `metrics.k8s.io` says it: container by container, resource by resource."""

    pod: str
    timestamp: datetime
    window: timedelta
    containers: Mapping[str, Amounts]


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """For a Resource or ContainerResource metric."""

    pods: tuple[PodUsage, ...]


@dataclass(frozen=True, slots=True)
class PodValues:
    """For a Pods metric, or a Prometheus metric that is given per pod: values by the name of the pod."""

    values: Mapping[str, PodSample]


@dataclass(frozen=True, slots=True)
class ObjectValue:
    """For an Object metric."""

    value: int


@dataclass(frozen=True, slots=True)
class ExternalValues:
    """For an External or Prometheus metric: the values of all series that match."""

    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """For a metric of any type that could not be fetched, and why."""

    message: str


Sample = ResourceUsage | PodValues | ObjectValue | ExternalValues | Unavailable
