"""What has to be asked to know the metrics of a revision. What is the same for several is one question."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from serin.api.autoscaling_metrics import AutoscalingMetric, PrometheusMetricSource, Signal
from serin.api.children import revision_name
from serin.cluster.measurements import DescribedObject
from serin.cluster.resources import ObjectKey
from serin.cluster.selectors import selector_text
from serin.metrics.containers import Workload
from serin.metrics.loads import Kind, Load
from serin.metrics.own_values import OwnValue
from serin.scaling.metrics import MetricSpec
from serin.scaling.pods import Pod


class OfPods(NamedTuple):
    """A metric of all pods in a namespace, or one from outside of the cluster. series: a selector of its series."""

    namespace: str
    metric: str
    series: str


class OfObject(NamedTuple):
    """A metric of some other object in a namespace."""

    namespace: str
    described: DescribedObject
    metric: str
    series: str


@dataclass(frozen=True)
class Wanted:
    """One revision, and what it is scaled by.

    version: the model's; server: the preset of its server.
    metrics: as they are written and as they are followed, in the order of the spec.
    """

    model: ObjectKey
    revision: str
    version: str | None
    server: str
    pods: tuple[Pod, ...]
    metrics: tuple[tuple[AutoscalingMetric, MetricSpec], ...]

    @property
    def workload(self) -> Workload:
        """Its pods, as cAdvisor knows them."""
        return Workload(self.model.namespace, revision_name(self.model.name, self.revision), self.pods)

    def load(self, source: PrometheusMetricSource, signal: Signal) -> Load:
        """A signal of its server's preset."""
        kind = Kind(source.server, signal, self.server)
        return Load(kind, self.model.namespace, self.model.name, self.revision)

    def own_value(self, source: PrometheusMetricSource, query: str) -> OwnValue:
        """A query of the user's own."""
        return OwnValue(source.server, query, self.model.namespace, self.model.name, self.revision, self.version)

    def of_pods(self, metric: AutoscalingMetric) -> OfPods | None:
        """What the custom metrics API is asked of its pods."""
        if metric.pods is None:
            return None
        identifier = metric.pods.metric
        return OfPods(self.model.namespace, identifier.name, selector_text(identifier.selector))

    def of_object(self, metric: AutoscalingMetric) -> OfObject | None:
        """What the custom metrics API is asked of another object."""
        if metric.object is None:
            return None
        identifier, described = metric.object.metric, metric.object.described_object
        of = DescribedObject(described.kind, described.name, described.api_version or "")
        return OfObject(self.model.namespace, of, identifier.name, selector_text(identifier.selector))

    def external(self, metric: AutoscalingMetric) -> OfPods | None:
        """What the external metrics API is asked."""
        if metric.external is None:
            return None
        identifier = metric.external.metric
        return OfPods(self.model.namespace, identifier.name, selector_text(identifier.selector))


def resource_of(metric: AutoscalingMetric) -> str | None:
    """The resource that a metric is about, of whole pods or of a container."""
    source = metric.resource or metric.container_resource
    return source.name if source is not None else None


def resources(wanted: Wanted) -> set[str]:
    """The resources that a revision is scaled by."""
    return {resource for metric, _ in wanted.metrics if (resource := resource_of(metric)) is not None}


def loads(wanted: Iterable[Wanted]) -> Iterator[Load]:
    """All signals of presets."""
    for one in wanted:
        for metric, _ in one.metrics:
            if metric.prometheus is not None and metric.prometheus.metric is not None:
                yield one.load(metric.prometheus, metric.prometheus.metric)


def own_values(wanted: Iterable[Wanted]) -> Iterator[OwnValue]:
    """All queries of users' own."""
    for one in wanted:
        for metric, _ in one.metrics:
            if metric.prometheus is not None and metric.prometheus.query is not None:
                yield one.own_value(metric.prometheus, metric.prometheus.query)


def of_pods(wanted: Iterable[Wanted]) -> Iterator[OfPods]:
    """All that the custom metrics API is asked of pods."""
    return (asked for one in wanted for metric, _ in one.metrics if (asked := one.of_pods(metric)) is not None)


def of_objects(wanted: Iterable[Wanted]) -> Iterator[OfObject]:
    """All that the custom metrics API is asked of other objects."""
    return (asked for one in wanted for metric, _ in one.metrics if (asked := one.of_object(metric)) is not None)


def external(wanted: Iterable[Wanted]) -> Iterator[OfPods]:
    """All that the external metrics API is asked."""
    return (asked for one in wanted for metric, _ in one.metrics if (asked := one.external(metric)) is not None)
