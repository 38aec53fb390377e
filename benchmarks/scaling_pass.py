"""What one whole pass of the operator costs for many autoscaled ModelDeployments: all but the network.

The answers of the API server and of Prometheus are as large as real ones and are read from their bytes; pods and
statuses are those of a fleet at rest under loads that change from pass to pass.
"""

import asyncio
import cProfile
import gc
import json
import pstats
import random
import statistics
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus
from serin.cluster.groups import Groups
from serin.cluster.measurements import Measurements
from serin.cluster.resources import ObjectKey
from serin.controller.autoscaling import SYNC_PERIOD, AutoscalingDesk
from serin.controller.main import COLLECTION_THRESHOLDS
from serin.controller.pods import PodBook
from serin.controller.sampling import Sampler
from serin.metrics import AutoscalingMetrics, Meters
from serin.metrics.prometheus import series_of
from serin.metrics.provider import RangeQuery, Series

START = datetime(2026, 1, 1, tzinfo=UTC)
REVISION = "5c9d7f4b6d"
BEHAVIOR = {
    "scaleUp": {"stabilizationWindowSeconds": 60},
    "scaleDown": {"policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}]},
}


class Fleet:
    """ModelDeployments with their pods, and what the metrics of each are now."""

    def __init__(self, number: int, most_pods: int, chance: random.Random) -> None:
        """Make them."""
        self.now = START
        self.book = PodBook()
        self.keys = [ObjectKey(f"team-{index % 50}", f"model-{index}") for index in range(number)]
        self.replicas = {key: chance.randint(1, most_pods) for key in self.keys}
        self.loads: dict[ObjectKey, float] = {}
        self._chance = chance
        for key in self.keys:
            for name in self.pods(key):
                self.book.changed(ObjectKey(key.namespace, name), _pod(key, name))

    def pods(self, key: ObjectKey) -> list[str]:
        """The names of a model's pods."""
        return [f"{key.name}-{REVISION}-{number}" for number in range(self.replicas[key])]

    def go_on(self) -> None:
        """The next pass, under another load each."""
        self.now += SYNC_PERIOD
        self.loads = {key: self._chance.uniform(0.85, 1.15) for key in self.keys}

    def usage(self) -> bytes:
        """What metrics-server answers."""
        stamp = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        items = []
        for key in self.keys:
            cores = round(1.4e9 * self.loads[key])
            labels = {"serin.dev/model": key.name, "serin.dev/revision": REVISION, "app.kubernetes.io/name": key.name}
            for name in self.pods(key):
                containers = [
                    {"name": "server", "usage": {"cpu": f"{cores}n", "memory": "2097152Ki"}},
                    {"name": "proxy", "usage": {"cpu": "50000000n", "memory": "32768Ki"}},
                ]
                metadata = {"name": name, "namespace": key.namespace, "creationTimestamp": stamp, "labels": labels}
                items.append({"metadata": metadata, "timestamp": stamp, "window": "15.1s", "containers": containers})
        return json.dumps({"kind": "PodMetricsList", "metadata": {}, "items": items}).encode()

    def signal(self, keys: Iterable[ObjectKey]) -> bytes:
        """What Prometheus answers to a signal of the pods of some models."""
        at = self.now.timestamp()
        result = [
            {"metric": _labels(key, name), "values": [[at, f"{9 * self.loads[key]:.3f}"]]}
            for key in keys
            for name in self.pods(key)
        ]
        return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def _labels(key: ObjectKey, pod: str) -> dict[str, str]:
    return {"namespace": key.namespace, "serin_model": key.name, "serin_revision": REVISION, "pod": pod}


def _pod(key: ObjectKey, name: str) -> dict[str, Any]:
    since = "2025-12-01T00:00:00Z"
    requests = {"server": {"cpu": "2", "memory": "4Gi"}, "proxy": {"cpu": "100m", "memory": "64Mi"}}
    labels = {"serin.dev/model": key.name, "serin.dev/revision": REVISION}
    containers = [{"name": each, "resources": {"requests": amounts}} for each, amounts in requests.items()]
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": since}]
    return {
        "metadata": {"name": name, "namespace": key.namespace, "labels": labels},
        "spec": {"containers": containers},
        "status": {"phase": "Running", "startTime": since, "conditions": ready},
    }


class ApiServer:
    """Answers as the API server does, from bytes that were made before."""

    def __init__(self) -> None:
        self.answer = b"{}"

    async def read(self, _path: str, resource: str, _query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Discovery, or the usage of all pods."""
        if resource == "discovery":
            return {"versions": [{"version": "v1beta1"}]}
        answer: dict[str, Any] = json.loads(self.answer)
        return answer


class Prometheus:
    """Answers as Prometheus does, from bytes that were made before; reading them is a part of the cost."""

    def __init__(self) -> None:
        self.waiting = self.running = b"{}"
        self.queries = 0

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """The signal that was asked for."""
        self.queries += 1
        answer = self.waiting if "num_requests_waiting" in query.expression else self.running
        return series_of(json.loads(answer)["data"]["result"], query)


class Time:
    """The fleet's."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def now(self) -> datetime:
        """The present pass."""
        return self._fleet.now

    async def sleep_until(self, when: datetime) -> None:
        """Nobody sleeps here."""


class Pods:
    """All that there are."""

    def __init__(self, book: PodBook) -> None:
        self.book = book

    def need(self, *, needed: bool) -> None:
        """They are there anyway."""

    async def synced(self) -> None:
        """At once."""


async def whole_passes(number: int, most_pods: int, passes: int, seed: int, *, profile: bool) -> None:
    """Run the passes, and print what they cost."""
    chance = random.Random(seed)
    fleet, server, prometheus = Fleet(number, most_pods, chance), ApiServer(), Prometheus()
    time_, woken = Time(fleet), set[ObjectKey]()
    cluster = Measurements(server, Groups(server, time_.now))  # type: ignore[arg-type]
    sampler = Sampler(cluster, AutoscalingMetrics(prometheus, Meters(CollectorRegistry())))
    desk = AutoscalingDesk(sampler, Pods(fleet.book), woken.add, time_)  # type: ignore[arg-type]
    specs = {key: _spec(chance) for key in fleet.keys}
    two = [key for key, spec in specs.items() if len(spec.autoscaling.metrics) > 2]  # type: ignore[union-attr, arg-type]
    for key, spec in specs.items():
        desk.follow(key, "uid", spec, _status(fleet.replicas[key]))
    costs, news = [], []
    profiler = cProfile.Profile()
    for index in range(passes):
        fleet.go_on()
        server.answer, prometheus.waiting, prometheus.running = (
            fleet.usage(),
            fleet.signal(fleet.keys),
            fleet.signal(two),
        )
        woken.clear()
        asked = prometheus.queries
        began = time.process_time()
        if profile and index == passes - 1:
            profiler.enable()
        await desk._pass()  # noqa: SLF001 - what the grid calls
        profiler.disable()
        costs.append(time.process_time() - began)
        news.append(len(woken))
    settled = costs[20:] or costs
    pods = sum(fleet.replicas.values())
    print(f"the desk's whole pass: {number:,} ModelDeployments, {pods:,} pods, {prometheus.queries - asked} queries:")
    print(f"  {statistics.median(settled):.2f} s a pass (median), {max(settled):.2f} s at most")
    print(f"  {statistics.median(news[20:] or news):.0f} woken a pass")
    if profile:
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(35)


def _spec(chance: random.Random) -> ModelDeploymentSpec:
    target = {"type": "AverageValue", "averageValue": "10"}
    signals = ["queue-length", "running-requests"] if chance.random() < 0.3 else ["queue-length"]
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    metrics: list[dict[str, Any]] = [{"type": "Resource", "resource": resource}]
    metrics += [{"type": "Prometheus", "prometheus": {"metric": each, "target": target}} for each in signals]
    autoscaling: dict[str, Any] = {"maxReplicas": 50, "metrics": metrics}
    if chance.random() < 0.5:
        autoscaling["behavior"] = BEHAVIOR
    container = {"name": "server", "image": "example.com/model:1"}
    return ModelDeploymentSpec.model_validate(
        {
            "model": {"version": "1.0.0"},
            "server": "vllm",
            "autoscaling": autoscaling,
            "template": {"spec": {"containers": [container]}},
        }
    )


def _status(replicas: int) -> ModelDeploymentStatus:
    entry = {"revision": REVISION, "version": "1.0.0", "role": "Stable", "replicas": replicas}
    return ModelDeploymentStatus.model_validate(
        {"phase": "Healthy", "stable": REVISION, "capacity": {"whole": replicas}, "revisions": [entry]}
    )


def run(number: int, most_pods: int, passes: int, seed: int, *, profile: bool) -> None:
    """The passes, in an event loop of their own, with memory looked after as the operator does it."""
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    asyncio.run(whole_passes(number, most_pods, passes, seed, profile=profile))
