"""The metrics APIs that Kubernetes' own autoscaler asks, asked as it asks them.

`metrics.k8s.io` tells what containers use, `custom.metrics.k8s.io` what an adapter knows of pods and of other objects,
`external.metrics.k8s.io` what it knows from outside of the cluster. Everything that is the same for several
ModelDeployments is asked for once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

from serin.api.names import MODEL_LABEL
from serin.cluster.client import KubeClient, Object
from serin.cluster.errors import ApiError, NotFound
from serin.cluster.groups import Groups
from serin.cluster.measured import pod_sample_of, readable, usage_of, value_of
from serin.cluster.resources import ObjectKey, segment
from serin.scaling.samples import PodSample, PodUsage

RESOURCE_METRICS = "metrics.k8s.io"
CUSTOM_METRICS = "custom.metrics.k8s.io"
EXTERNAL_METRICS = "external.metrics.k8s.io"
UNDERSTOOD: Mapping[str, tuple[str, ...]] = {
    RESOURCE_METRICS: ("v1beta1", "v1"),
    CUSTOM_METRICS: ("v1beta2", "v1beta1"),
    EXTERNAL_METRICS: ("v1beta1",),
}


@dataclass(frozen=True)
class DescribedObject:
    """An object that a metric is of. api_version: empty for one of the core group."""

    kind: str
    name: str
    api_version: str = ""


class Measurements:
    """Asks the metrics APIs of one cluster."""

    def __init__(self, client: KubeClient, groups: Groups, namespace: str = "") -> None:
        """Prepare.

        Args:
            client: the API server, which passes the questions on.
            groups: which of the APIs there are.
            namespace: the only one that Serin serves; all of them if empty.
        """
        self._client = client
        self._groups = groups
        self._namespace = namespace

    async def usage(self, resources: Collection[str]) -> Mapping[ObjectKey, PodUsage] | None:
        """What all pods of ModelDeployments use of these resources, in one request; None if that is not served.

        Raises:
            ApiError: it was not answered.
        """
        version = await self._groups.version(RESOURCE_METRICS, UNDERSTOOD[RESOURCE_METRICS])
        if version is None:
            return None
        within = f"/namespaces/{segment(self._namespace)}" if self._namespace else ""
        path = f"/apis/{RESOURCE_METRICS}/{version}{within}/pods"
        try:
            listed = await self._client.read(path, "podmetrics", {"labelSelector": MODEL_LABEL})
        except NotFound:
            self._groups.forget(RESOURCE_METRICS)
            return None
        return dict(readable(listed, partial(usage_of, resources=resources)))

    async def of_pods(self, namespace: str, metric: str, series: str) -> Mapping[str, PodSample]:
        """A metric of all pods of ModelDeployments in a namespace, by pod.

        Args:
            namespace: where they are.
            metric: the metric's name.
            series: a label selector of the metric's series.

        Raises:
            ApiError: it was not answered.
        """
        path = f"namespaces/{segment(namespace)}/pods/*/{segment(metric)}"
        listed = await self._custom(path, {"labelSelector": MODEL_LABEL} | _selecting(series))
        return dict(readable(listed, pod_sample_of))

    async def of_object(self, namespace: str, described: DescribedObject, metric: str, series: str) -> int:
        """A metric of another object in a namespace, in milli-units.

        Raises:
            ApiError: it was not answered, or not with one value.
        """
        path = f"namespaces/{segment(namespace)}/"
        if described.kind == "Namespace" and "/" not in described.api_version:
            # As upstream has it: it is the namespace itself, whatever its name says.
            path += f"metrics/{segment(metric)}"
        else:
            plural = await self._groups.plural(described.api_version, described.kind)
            path += f"{segment(plural)}/{segment(described.name)}/{segment(metric)}"
        listed = await self._custom(path, _selecting(series))
        values = list(readable(listed, value_of))
        if len(values) != 1:
            words = f"the custom metrics API answered with {len(values)} results where one was asked for"
            raise ApiError(f"GET {CUSTOM_METRICS} {path}", words=words)
        return values[0]

    async def external(self, namespace: str, metric: str, series: str) -> tuple[int, ...]:
        """The values of all series of an external metric, in milli-units.

        Raises:
            ApiError: it was not answered.
        """
        version = await self._version(EXTERNAL_METRICS)
        path = f"/apis/{EXTERNAL_METRICS}/{version}/namespaces/{segment(namespace)}/{segment(metric)}"
        query = {"labelSelector": series} if series else {}
        listed = await self._asked(EXTERNAL_METRICS, path, query)
        values = tuple(readable(listed, value_of))
        if len(values) != len(listed.get("items") or ()):
            raise ApiError(f"GET {path}", words="the external metrics API answered with what is no quantity")
        return values

    async def _custom(self, path: str, query: Mapping[str, str]) -> Object:
        version = await self._version(CUSTOM_METRICS)
        return await self._asked(CUSTOM_METRICS, f"/apis/{CUSTOM_METRICS}/{version}/{path}", query)

    async def _asked(self, group: str, path: str, query: Mapping[str, str]) -> Object:
        try:
            return await self._client.read(path, group.partition(".")[0] + "metrics", query)
        except NotFound:
            # There is no such metric, or no such API any more.
            self._groups.forget(group)
            raise

    async def _version(self, group: str) -> str:
        version = await self._groups.version(group, UNDERSTOOD[group])
        if version is None:
            raise NotFound(
                f"GET {group}",
                words=f"the cluster does not serve {group}: install an adapter that does, such as prometheus-adapter or"
                " KEDA",
            )
        return version


def _selecting(series: str) -> dict[str, str]:
    return {"metricLabelSelector": series} if series else {}
