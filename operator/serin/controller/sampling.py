"""What every metric of every autoscaled revision is now: from whoever knows it, each asked once a pass.

A metric that nobody answers for is a sample with words, which is never taken for a zero.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from serin.api.autoscaling_metrics import AutoscalingMetric, PrometheusMetricSource, Signal
from serin.cluster.errors import ApiError
from serin.cluster.measurements import RESOURCE_METRICS, DescribedObject
from serin.cluster.resources import ObjectKey
from serin.controller import questions
from serin.controller.questions import OfObject, OfPods, Wanted
from serin.metrics.containers import SERIES, Workload
from serin.metrics.loads import MILLI, Load
from serin.metrics.own_values import OwnValue
from serin.scaling.metrics import MetricSpec, PrometheusMetric
from serin.scaling.pods import Pod
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

CADVISOR = "Prometheus (cAdvisor)"

Question = TypeVar("Question", OfPods, OfObject)
Answer = TypeVar("Answer")
Usages = Mapping[ObjectKey, PodUsage] | Unavailable | None
"""What `metrics.k8s.io` says; None if it is not served."""
Cadvisor = Mapping[tuple[str, str, str], ResourceUsage | Unavailable]
"""What cAdvisor says, by resource, namespace and name of the workload."""


class ClusterMetrics(Protocol):
    """The metrics APIs of the cluster; `serin.cluster.measurements` asks them."""

    async def usage(self, resources: Collection[str]) -> Mapping[ObjectKey, PodUsage] | None:
        """What all pods of ModelDeployments use of some resources; None if the cluster does not serve that."""

    async def of_pods(self, namespace: str, metric: str, series: str) -> Mapping[str, PodSample]:
        """A metric of all pods of ModelDeployments in a namespace, by pod."""

    async def of_object(self, namespace: str, described: DescribedObject, metric: str, series: str) -> int:
        """A metric of another object in a namespace, in milli-units."""

    async def external(self, namespace: str, metric: str, series: str) -> tuple[int, ...]:
        """The values of all series of an external metric, in milli-units."""


class PrometheusMetrics(Protocol):
    """What Prometheus knows; `serin.metrics.autoscaling` asks it."""

    async def loads(self, wanted: Iterable[Load], at: datetime) -> Mapping[Load, PodValues | Unavailable]:
        """Signals of presets, pod by pod."""

    async def usage(self, wanted: Mapping[str, Sequence[Workload]], at: datetime) -> Cadvisor:
        """What pods use: workloads by resource."""

    async def values(self, wanted: Iterable[OwnValue], at: datetime) -> Mapping[OwnValue, ExternalValues | Unavailable]:
        """Queries of users' own."""


@dataclass(frozen=True)
class Found:
    """One sample a metric; where CPU and memory come from, if one is about them; and requests under way, if known."""

    samples: tuple[Sample, ...]
    source: str | None = None
    concurrency: float | None = None


@dataclass(frozen=True)
class _Answers:
    """What came back, by what was asked."""

    used: Usages
    cadvisor: Cadvisor
    loads: Mapping[Load, PodValues | Unavailable]
    values: Mapping[OwnValue, ExternalValues | Unavailable]
    pods: Mapping[OfPods, Mapping[str, PodSample] | Unavailable]
    objects: Mapping[OfObject, int | Unavailable]
    external: Mapping[OfPods, tuple[int, ...] | Unavailable]


class Sampler:
    """Asks for all revisions of one pass at once."""

    def __init__(self, cluster: ClusterMetrics, prometheus: PrometheusMetrics) -> None:
        self._cluster = cluster
        self._prometheus = prometheus

    async def sample(self, wanted: Sequence[Wanted], at: datetime) -> list[Found]:
        """What is known of each revision; of a metric that was not answered, why."""
        (used, cadvisor), loads, values, pods, objects, external = await asyncio.gather(
            self._usage(wanted, at),
            self._prometheus.loads(questions.loads(wanted), at),
            self._prometheus.values(questions.own_values(wanted), at),
            _each(questions.of_pods(wanted), self._cluster.of_pods, "custom"),
            _each(questions.of_objects(wanted), self._cluster.of_object, "custom"),
            _each(questions.external(wanted), self._cluster.external, "external"),
        )
        answers = _Answers(used, cadvisor, loads, values, pods, objects, external)
        return [_found(one, answers) for one in wanted]

    async def _usage(self, wanted: Sequence[Wanted], at: datetime) -> tuple[Usages, Cadvisor]:
        """By metrics.k8s.io, and only where that is not served by cAdvisor.

        One that is served and does not answer is waited for: the other knows another window, and replicas would follow
        the change.
        """
        asking = [(one, resources) for one in wanted if (resources := questions.resources(one))]
        if not asking:
            return {}, {}
        try:
            used = await self._cluster.usage(set().union(*(resources for _, resources in asking)))
        except ApiError as error:
            return Unavailable(_failed("resource", error)), {}
        if used is not None:
            return used, {}
        workloads: dict[str, list[Workload]] = defaultdict(list)
        for one, resources in asking:
            for resource in resources & SERIES.keys():
                workloads[resource].append(one.workload)
        return None, await self._prometheus.usage(workloads, at)


async def _each(
    asked: Iterable[Question], ask: Callable[..., Awaitable[Answer]], api: str
) -> dict[Question, Answer | Unavailable]:
    """The answer to each different question, or why there is none."""

    async def answer(question: Question) -> Answer | Unavailable:
        try:
            return await ask(*question)
        except (ApiError, ValueError) as error:
            return Unavailable(_failed(api, error))

    distinct = list(dict.fromkeys(asked))
    return dict(zip(distinct, await asyncio.gather(*map(answer, distinct)), strict=True))


def _failed(api: str, error: Exception) -> str:
    return f"unable to fetch metrics from {api} metrics API: {error}"


def _found(wanted: Wanted, answers: _Answers) -> Found:
    samples = tuple(_sample(wanted, metric, followed, answers) for metric, followed in wanted.metrics)
    source = None
    if questions.resources(wanted):
        source = CADVISOR if answers.used is None else RESOURCE_METRICS
    return Found(samples, source, _concurrency(wanted, answers))


def _sample(wanted: Wanted, metric: AutoscalingMetric, followed: MetricSpec, answers: _Answers) -> Sample:
    if (resource := questions.resource_of(metric)) is not None:
        return _used(wanted, resource, answers)
    if (of_pods := wanted.of_pods(metric)) is not None:
        known = answers.pods[of_pods]
        return known if isinstance(known, Unavailable) else PodValues(_of(wanted.pods, known))
    if (of_object := wanted.of_object(metric)) is not None:
        value = answers.objects[of_object]
        return value if isinstance(value, Unavailable) else ObjectValue(value)
    if (external := wanted.external(metric)) is not None:
        values = answers.external[external]
        return values if isinstance(values, Unavailable) else ExternalValues(values)
    if metric.prometheus is not None:
        per_pod = isinstance(followed, PrometheusMetric) and followed.per_pod
        return _from_prometheus(wanted, metric.prometheus, answers, per_pod=per_pod)
    return Unavailable(f"no source is known for metrics of type {metric.type}")


def _used(wanted: Wanted, resource: str, answers: _Answers) -> Sample:
    namespace, used = wanted.model.namespace, answers.used
    if isinstance(used, Unavailable):
        return used
    if used is not None:
        found = (used.get(ObjectKey(namespace, pod.name)) for pod in wanted.pods)
        return ResourceUsage(tuple(usage for usage in found if usage is not None))
    sample = answers.cadvisor.get((resource, namespace, wanted.workload.name))
    return sample or Unavailable(
        f"{RESOURCE_METRICS} is not served, and Prometheus is asked for {' and '.join(SERIES)} alone: install"
        " metrics-server"
    )


def _from_prometheus(wanted: Wanted, source: PrometheusMetricSource, answers: _Answers, *, per_pod: bool) -> Sample:
    if source.query is not None:
        return answers.values[wanted.own_value(source, source.query)]
    if source.metric is None:
        return Unavailable("neither a signal of the preset nor a query is named")
    known = answers.loads[wanted.load(source, source.metric)]
    if isinstance(known, Unavailable):
        return known
    values = _of(wanted.pods, known.values)
    if per_pod:
        return PodValues(values)
    total = _total(wanted.pods, values)
    return ExternalValues((total,)) if total is not None else Unavailable("not all pods that serve have a value")


def _of(pods: Iterable[Pod], known: Mapping[str, PodSample]) -> dict[str, PodSample]:
    """Of what is known what is about these pods: of one that is gone something may be known for some minutes."""
    return {pod.name: known[pod.name] for pod in pods if pod.name in known}


def _total(pods: Iterable[Pod], values: Mapping[str, PodSample]) -> int | None:
    """The sum over the pods; None where it would be too small, as one that serves has no value."""
    if any(pod.serves and not pod.deleted and pod.name not in values for pod in pods):
        return None
    return sum(sample.value for sample in values.values())


def _concurrency(wanted: Wanted, answers: _Answers) -> float | None:
    """The requests under way in all pods of a revision, where it is scaled by them."""
    for metric, _ in wanted.metrics:
        source = metric.prometheus
        if source is not None and source.metric is Signal.RUNNING_REQUESTS:
            known = answers.loads[wanted.load(source, source.metric)]
            if isinstance(known, Unavailable):
                return None
            total = _total(wanted.pods, _of(wanted.pods, known.values))
            return None if total is None else total / MILLI
    return None
