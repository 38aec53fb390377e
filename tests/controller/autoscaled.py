"""A whole operator whose models have pods under load, in a cluster that can tell what they use."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from controller.whole import Object, Whole
from fakes.apiserver import Call, FakeApiServer, Refusal
from fakes.apiserver.store import Happening
from serin.api.base import format_time, parse_time
from serin.cluster.client import KubeClient
from serin.cluster.metrics import ClientMetrics

REQUEST = 1.0
"""Cores that every pod requests."""
WINDOW = timedelta(seconds=15)
"""Of metrics-server."""
SPEC: dict[str, Any] = {
    "replicas": 1,
    "autoscaling": {"minReplicas": 2, "maxReplicas": 20, "scaleUpAbove": {"cpu": "70%"}},
}
"""A pod carries 0.7 cores."""


class Load:
    """What the models have to do, in cores, and the pods that do it, each its part of what its version gets.

    down: metrics-server is registered and does not answer.
    """

    def __init__(self, whole: Whole) -> None:
        """Pods come and go with the replicas of Deployments."""
        self.cores: dict[str, float] = {}
        self.factors: dict[str, float] = {}
        """By revision: how much more one costs than others."""
        self.down = False
        self.asked = 0
        self._whole = whole
        whole.server.store.listeners.append(self._notice)
        whole.server.aggregated.serve("metrics.k8s.io", self._answer)

    def pods(self, name: str = "fraud", revision: str = "") -> list[Object]:
        """The pods of a model, or of one of its revisions."""
        store = self._whole.server.store
        return [
            pod
            for pod in store.all(store.kind("pods"))
            if pod["metadata"]["labels"]["serin.dev/model"] == name
            and revision in {"", pod["metadata"]["labels"]["serin.dev/revision"]}
        ]

    def used_by(self, pod: Object) -> float:
        """The cores that a pod uses."""
        name, revision = (pod["metadata"]["labels"][f"serin.dev/{part}"] for part in ("model", "revision"))
        split = self._whole.split(name)
        weight = split.get(f"{name}-{revision}", 0) / max(1, sum(split.values()))
        part = self.cores.get(name, 0.0) * weight * self.factors.get(revision, 1.0)
        return part / max(1, len(self.pods(name, revision)))

    def _notice(self, happening: Happening) -> None:
        if happening.kind.plural != "deployments":
            return
        wanted = 0 if happening.type == "DELETED" else happening.object["spec"].get("replicas", 1)
        store, deployment = self._whole.server.store, happening.object["metadata"]["name"]
        kind = store.kind("pods")
        there = {pod["metadata"]["name"] for pod in store.all(kind)}
        names = [f"{deployment}-{number}" for number in range(wanted)]
        for name in sorted(there):
            if name.rpartition("-")[0] == deployment and name not in names:
                store.delete(kind, ("ml", name))
        for name in names:
            if name not in there:
                labels = happening.object["spec"]["template"]["metadata"]["labels"]
                store.create(kind, _pod(name, labels), manager="kubelet")
                status = _running(self._whole.time.now())
                pod = store.get(kind, ("ml", name))
                store.update(kind, {**pod, "status": status}, manager="kubelet", status=True)

    def _answer(self, call: Call) -> Object:
        self.asked += 1
        if self.down:
            raise Refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        store, now = self._whole.server.store, self._whole.time.now()
        items = [
            {
                "metadata": {name: pod["metadata"][name] for name in ("name", "namespace", "labels")},
                "timestamp": format_time(now),
                "window": "15s",
                "containers": [
                    {"name": "model", "usage": {"cpu": f"{round(self.used_by(pod) * 1e9)}n", "memory": "1Mi"}}
                ],
            }
            for pod in store.all(store.kind("pods"))
            if parse_time(pod["metadata"]["creationTimestamp"]) + WINDOW <= now
        ]
        return {"kind": "PodMetricsList", "metadata": {}, "items": items}


def _pod(name: str, labels: dict[str, str]) -> Object:
    container = {"name": "model", "resources": {"requests": {"cpu": f"{REQUEST:g}", "memory": "1Gi"}}}
    return {"metadata": {"name": name, "namespace": "ml", "labels": labels}, "spec": {"containers": [container]}}


def _running(now: datetime) -> Object:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": format_time(now)}
    return {"phase": "Running", "startTime": format_time(now), "conditions": [ready]}


class Autoscaled(Whole):
    """An operator and its world, with a load."""

    def __init__(self, server: FakeApiServer, client: KubeClient) -> None:
        super().__init__(server, client)
        self.load = Load(self)

    def replicas(self, revision: str, name: str = "fraud") -> int:
        """Of a revision's Deployment."""
        found = self.find("deployments", f"{name}-{revision}")
        return found["spec"]["replicas"] if found else 0

    @property
    def stable(self) -> int:
        """The replicas of stable."""
        return self.replicas(self.status()["stable"])

    async def minutes(self, number: float) -> None:
        """Let time go by."""
        await self.pass_until(self.time.now() + timedelta(minutes=number))

    async def seen(self, what: Callable[[], int], until: Callable[[], object]) -> set[int]:
        """Every number that there was until then."""
        found: set[int] = set()

        def is_over() -> object:
            found.add(what())
            return until()

        await self.until(is_over)
        return found

    async def healthy(self, version: str, name: str = "fraud") -> None:
        """Wait until a version has all the traffic."""
        await self.until(
            lambda: self.status(name).get("phase") == "Healthy" and self.status(name).get("version") == version
        )

    def told_of(self, revision: str, name: str = "fraud") -> Object:
        """What the status says of how a revision is scaled."""
        entries = self.status(name).get("autoscaling") or []
        return next((entry for entry in entries if entry["revision"] == revision), {})

    def active(self, name: str = "fraud") -> Object:
        """The condition AutoscalingActive."""
        conditions = self.status(name).get("conditions") or []
        return next((each for each in conditions if each["type"] == "AutoscalingActive"), {})


@asynccontextmanager
async def autoscaled_operator() -> AsyncIterator[Autoscaled]:
    """An operator that has started."""
    async with (
        FakeApiServer() as server,
        KubeClient(server.configuration(), ClientMetrics(CollectorRegistry())) as client,
    ):
        whole = Autoscaled(server, client)
        await whole.start()
        try:
            yield whole
        finally:
            await whole.stop()
