"""What containers use of CPU and memory, as the kubelet's cAdvisor tells Prometheus.

It stands in for `metrics.k8s.io` where that is not served. Of a container that was restarted cAdvisor exposes the old
series for some minutes beside the new one, and a kubelet may be scraped twice: the largest counts, and never the sum.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from serin.metrics.asking import Answer
from serin.metrics.batch import narrowed
from serin.metrics.loads import STEP, TIMEOUT, milli
from serin.metrics.promql import duration, selector
from serin.metrics.provider import MetricsError, RangeQuery
from serin.metrics.servers import DEFAULT_SERVER
from serin.scaling.pods import Pod
from serin.scaling.samples import PodUsage, ResourceUsage, Unavailable

WINDOW = timedelta(minutes=2)
"""A rate needs two scrapes; what cAdvisor exposes bears times of its own, and would be taken for new for 5 minutes."""
SERIES: Mapping[str, tuple[str, str]] = {
    "cpu": ("container_cpu_usage_seconds_total", "rate"),
    "memory": ("container_memory_working_set_bytes", "last_over_time"),
}
"""By resource: its series, and what reads them."""
_NO_CONTAINER = {"container": "|POD"}
"""The sums over a pod, and what holds its network, are no containers."""


@dataclass(frozen=True)
class Workload:
    """The pods of one revision. name: what their names begin with."""

    namespace: str
    name: str
    pods: tuple[Pod, ...]


def query_of(resource: str, workloads: Sequence[Workload], at: datetime) -> RangeQuery:
    """One query for many workloads."""
    metric, function = SERIES[resource]
    matchers = {
        "namespace": narrowed(workload.namespace for workload in workloads),
        "pod": narrowed((workload.name for workload in workloads), followed_by="-.*"),
    }
    selected = selector(metric, matchers, _NO_CONTAINER)
    expression = f"max by (namespace, pod, container) ({function}({selected}[{duration(WINDOW)}]))"
    return RangeQuery(expression, at, at, STEP, TIMEOUT, server=DEFAULT_SERVER)


def read(
    resource: str, workloads: Iterable[Workload], answer: Answer, at: datetime
) -> dict[tuple[str, str], ResourceUsage | Unavailable]:
    """What each workload uses, by namespace and name; a pod of which a container is missing is missing as a whole."""
    if isinstance(answer, MetricsError):
        return {(one.namespace, one.name): Unavailable(str(answer)) for one in workloads}
    milliseconds = round(at.timestamp() * 1000)
    found: dict[tuple[str, str], dict[str, Mapping[str, int]]] = defaultdict(dict)
    for series in answer:
        labels = series.labels
        amount = milli(series.values.get(milliseconds, float("nan")))
        if amount is not None:
            key = labels.get("namespace", ""), labels.get("pod", "")
            found[key][labels.get("container", "")] = {resource: amount}
    return {(one.namespace, one.name): _usage(resource, one, found, at) for one in workloads}


def _usage(
    resource: str,
    workload: Workload,
    found: Mapping[tuple[str, str], Mapping[str, Mapping[str, int]]],
    at: datetime,
) -> ResourceUsage | Unavailable:
    usages = []
    for pod in workload.pods:
        containers = found.get((workload.namespace, pod.name))
        if containers and all(container.name in containers for container in pod.containers):
            usages.append(PodUsage(pod.name, at, WINDOW, containers))
    if usages:
        return ResourceUsage(tuple(usages))
    return Unavailable(
        f"metrics.k8s.io is not served, and Prometheus has no {SERIES[resource][0]} of these pods: install"
        " metrics-server, or have Prometheus scrape cAdvisor of the kubelets"
    )
