"""Every metric of every revision gets a sample, from who knows it; each is asked once, and words are no zeros."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin.api.autoscaling_metrics import AutoscalingMetric, MetricSelector
from serin.cluster.errors import NotFound, ServerError
from serin.cluster.measurements import DescribedObject
from serin.cluster.resources import ObjectKey
from serin.cluster.selectors import selector_text
from serin.controller.questions import Wanted
from serin.controller.sampling import Found, Sampler
from serin.metrics.containers import Workload
from serin.metrics.loads import Load
from serin.metrics.own_values import OwnValue
from serin.scaling.metrics import MetricSpec, PrometheusMetric, ResourceMetric, average_value, value
from serin.scaling.pods import Pod, Readiness
from serin.scaling.samples import (
    ExternalValues,
    ObjectValue,
    PodSample,
    PodUsage,
    PodValues,
    ResourceUsage,
    Sample,
    Unavailable,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EACH = {"type": "AverageValue", "averageValue": "10"}
ALL = {"type": "Value", "value": "10"}
ANY = ResourceMetric("any", average_value(1))
"""How a metric is followed matters to those of Prometheus alone."""


def metric(kind: str, source: dict[str, Any], followed: MetricSpec = ANY) -> tuple[AutoscalingMetric, MetricSpec]:
    """A metric as a user writes it, and as it is followed."""
    field_name = kind[0].lower() + kind[1:]
    return AutoscalingMetric.model_validate({"type": kind, field_name: source}), followed


CPU = metric("Resource", {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}})
MEMORY = metric("ContainerResource", {"name": "memory", "container": "model", "target": EACH})
DISK = metric("Resource", {"name": "ephemeral-storage", "target": EACH})
RPS = metric("Pods", {"metric": {"name": "rps", "selector": {"matchLabels": {"verb": "GET"}}}, "target": EACH})
FRONT = metric(
    "Object",
    {
        "describedObject": {"kind": "Ingress", "name": "front", "apiVersion": "networking.k8s.io/v1"},
        "metric": {"name": "hits"},
        "target": ALL,
    },
)
LAG = metric("External", {"metric": {"name": "lag"}, "target": EACH})
RUNNING = metric(
    "Prometheus",
    {"metric": "running-requests", "target": EACH},
    PrometheusMetric("running-requests", average_value(10_000), per_pod=True),
)
RUNNING_IN_ALL = metric(
    "Prometheus",
    {"metric": "running-requests", "target": ALL},
    PrometheusMetric("running-requests", value(10_000)),
)
OWN = metric(
    "Prometheus",
    {"query": 'sum(x{revision="$revision"})', "target": EACH},
    PrometheusMetric("own", average_value(10_000)),
)


def sample(number: int) -> PodSample:
    """What a pod reports."""
    return PodSample(number, AT, MINUTE)


def usage(pod: str) -> PodUsage:
    """What a pod uses."""
    return PodUsage(pod, AT, MINUTE, {"model": {"cpu": 100}})


BOTH = PodValues({"a": sample(2000), "b": sample(3000), "gone": sample(9000)})


@dataclass
class Cluster:
    """The metrics APIs: what they know, and what they were asked."""

    used: Mapping[ObjectKey, PodUsage] | None = None
    fails: bool = False
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def usage(self, resources: Collection[str]) -> Mapping[ObjectKey, PodUsage] | None:
        """All pods."""
        self._ask("usage", *sorted(resources))
        return self.used

    async def of_pods(self, namespace: str, metric: str, series: str) -> Mapping[str, PodSample]:
        """Two pods, one of another revision."""
        self._ask("pods", namespace, metric, series)
        return {"a": sample(5), "z": sample(6)}

    async def of_object(self, namespace: str, described: DescribedObject, metric: str, series: str) -> int:
        """One value."""
        self._ask("object", namespace, described, metric, series)
        return 17

    async def external(self, namespace: str, metric: str, series: str) -> tuple[int, ...]:
        """Two series."""
        self._ask("external", namespace, metric, series)
        return 3, 4

    def _ask(self, *question: object) -> None:
        self.asked.append(question)
        if self.fails:
            raise ServerError("GET x", status=503, words="the server is currently unable to handle the request")


@dataclass
class Prometheus:
    """What Prometheus knows, and what it was asked."""

    known: PodValues | Unavailable = BOTH
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)

    async def loads(self, wanted: Iterable[Load], at: datetime) -> Mapping[Load, PodValues | Unavailable]:
        """The same of all."""
        self.asked.append(("loads", list(wanted)))
        return dict.fromkeys(self.asked[-1][1], self.known)

    async def usage(
        self, wanted: Mapping[str, Sequence[Workload]], at: datetime
    ) -> Mapping[tuple[str, str, str], ResourceUsage | Unavailable]:
        """The first pod of each."""
        self.asked.append(("usage", [(resource, one.name) for resource, all_ in wanted.items() for one in all_]))
        return {
            (resource, one.namespace, one.name): ResourceUsage((usage(one.pods[0].name),))
            for resource, all_ in wanted.items()
            for one in all_
        }

    async def values(self, wanted: Iterable[OwnValue], at: datetime) -> Mapping[OwnValue, ExternalValues | Unavailable]:
        """The same of all."""
        self.asked.append(("values", list(wanted)))
        return dict.fromkeys(self.asked[-1][1], ExternalValues((8,)))


def pods(*names: str, ready: str = "True") -> tuple[Pod, ...]:
    """Pods that serve."""
    return tuple(Pod(name, ready=Readiness(ready, AT), started=AT) for name in names)


def wanted(*metrics: tuple[AutoscalingMetric, MetricSpec], revision: str = "5c9d7f4b6d") -> Wanted:
    """A revision of two pods."""
    model = ObjectKey("ml", "fraud")
    return Wanted(model, revision, "1.0.0", "vllm", pods("a", "b"), metrics)


def found(*asked: Wanted, cluster: Cluster | None = None, prometheus: Prometheus | None = None) -> list[Found]:
    """What is known of them."""
    return asyncio.run(Sampler(cluster or Cluster(), prometheus or Prometheus()).sample(asked, AT))


def test_what_pods_use_comes_from_the_resource_metrics_api() -> None:
    cluster, prometheus = Cluster({ObjectKey("ml", "a"): usage("a"), ObjectKey("ml", "z"): usage("z")}), Prometheus()
    (one,) = found(wanted(CPU, MEMORY), cluster=cluster, prometheus=prometheus)
    assert one == Found((ResourceUsage((usage("a"),)),) * 2, "metrics.k8s.io")
    assert cluster.asked == [("usage", "cpu", "memory")]
    assert not any(asked for _, asked in prometheus.asked)


def test_where_that_is_not_served_it_comes_from_cadvisor() -> None:
    prometheus = Prometheus()
    (one,) = found(wanted(CPU, MEMORY, DISK), prometheus=prometheus)
    assert one.source == "Prometheus (cAdvisor)"
    assert one.samples[:2] == (ResourceUsage((usage("a"),)),) * 2
    assert isinstance(one.samples[2], Unavailable)
    assert "Prometheus is asked for cpu and memory alone" in one.samples[2].message
    assert sorted(dict(prometheus.asked)["usage"]) == [("cpu", "fraud-5c9d7f4b6d"), ("memory", "fraud-5c9d7f4b6d")]


def test_an_api_that_is_down_is_waited_for_and_no_other_source_is_taken() -> None:
    prometheus = Prometheus()
    (one,) = found(wanted(CPU), cluster=Cluster(fails=True), prometheus=prometheus)
    assert one.source == "metrics.k8s.io"
    assert isinstance(one.samples[0], Unavailable)
    assert one.samples[0].message.startswith("unable to fetch metrics from resource metrics API: GET x: 503")
    assert "usage" not in dict(prometheus.asked)


@pytest.mark.parametrize(
    ("asked", "expected", "question"),
    [
        (RPS, PodValues({"a": sample(5)}), ("pods", "ml", "rps", "verb=GET")),
        (
            FRONT,
            ObjectValue(17),
            ("object", "ml", DescribedObject("Ingress", "front", "networking.k8s.io/v1"), "hits", ""),
        ),
        (LAG, ExternalValues((3, 4)), ("external", "ml", "lag", "")),
    ],
)
def test_other_apis_are_asked_once_for_all_versions(
    asked: tuple[AutoscalingMetric, MetricSpec], expected: Sample, question: tuple[object, ...]
) -> None:
    cluster = Cluster()
    both = found(wanted(asked), wanted(asked, revision="8f21c0a97e"), cluster=cluster)
    assert [one.samples for one in both] == [(expected,)] * 2
    assert {one.source for one in both} == {None}
    assert cluster.asked == [question]
    (failed,) = found(wanted(asked), cluster=Cluster(fails=True))
    assert isinstance(failed.samples[0], Unavailable)
    assert "metrics API: GET x: 503" in failed.samples[0].message


def test_signals_of_presets_are_told_pod_by_pod_or_as_a_sum() -> None:
    prometheus = Prometheus()
    (one,) = found(wanted(RUNNING, RUNNING_IN_ALL, OWN), prometheus=prometheus)
    assert one.samples == (
        PodValues({"a": sample(2000), "b": sample(3000)}),
        ExternalValues((5000,)),
        ExternalValues((8,)),
    )
    assert {load.kind.preset for load in dict(prometheus.asked)["loads"]} == {"vllm"}
    assert dict(prometheus.asked)["values"] == [
        OwnValue("default", 'sum(x{revision="$revision"})', "ml", "fraud", "5c9d7f4b6d", "1.0.0")
    ]


def test_a_sum_without_a_pod_that_serves_is_no_sum() -> None:
    one_of_two = Prometheus(PodValues({"a": sample(2000)}))
    (partly,) = found(wanted(RUNNING_IN_ALL), prometheus=one_of_two)
    assert isinstance(partly.samples[0], Unavailable)
    assert partly.concurrency is None
    starting = replace(wanted(RUNNING_IN_ALL), pods=(*pods("a"), *pods("b", ready="False")))
    (whole,) = found(starting, prometheus=one_of_two)
    assert (whole.samples[0], whole.concurrency) == (ExternalValues((2000,)), 2.0)


def test_requests_under_way_are_told_where_replicas_follow_them_before_a_rollout_needs_to_know() -> None:
    among_others, alone, not_followed = found(wanted(CPU, RUNNING), wanted(RUNNING), wanted(CPU))
    assert (among_others.concurrency, alone.concurrency, not_followed.concurrency) == (5.0, 5.0, None)
    (unknown,) = found(wanted(RUNNING), prometheus=Prometheus(Unavailable("no answer")))
    assert unknown == Found((Unavailable("no answer"),))


def test_nothing_is_asked_of_who_is_not_needed() -> None:
    cluster = Cluster()
    found(wanted(RUNNING), cluster=cluster)
    assert not cluster.asked


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (None, ""),
        ({}, ""),
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        (
            {
                "matchLabels": {"c": "3"},
                "matchExpressions": [
                    {"key": "d", "operator": "In", "values": ["y", "x"]},
                    {"key": "b", "operator": "NotIn", "values": ["z"]},
                    {"key": "e", "operator": "Exists"},
                    {"key": "a", "operator": "DoesNotExist"},
                ],
            },
            "!a,b notin (z),c=3,d in (x,y),e",
        ),
    ],
)
def test_selectors_are_written_as_the_api_server_reads_them(selector: dict[str, Any] | None, text: str) -> None:
    assert selector_text(MetricSelector.model_validate(selector) if selector is not None else None) == text


def test_errors_of_every_kind_become_words() -> None:
    class Missing(Cluster):
        async def external(self, namespace: str, metric: str, series: str) -> tuple[int, ...]:
            raise NotFound("GET lag", words="no such metric")

    (one,) = found(wanted(LAG), cluster=Missing())
    assert one.samples == (Unavailable("unable to fetch metrics from external metrics API: GET lag: no such metric"),)
