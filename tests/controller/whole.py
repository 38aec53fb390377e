"""The whole operator in the test's own process: a fake API server, a time that the test moves, answers by the test."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from fakes.apiserver import Drop, FakeApiServer
from fakes.manual_time import ManualTime
from serin.cluster.client import KubeClient
from serin.cluster.metrics import ClientMetrics
from serin.controller.analysis import Collector
from serin.controller.autoscaling import SYNC_PERIOD
from serin.controller.operator import Measuring, Operator
from serin.controller.settings import Settings
from serin.judge import Counts, Pair, Tick
from serin.metrics import Subject, SubjectKey
from serin.metrics.containers import Workload
from serin.metrics.grid import next_tick
from serin.metrics.loads import Load
from serin.metrics.own_values import OwnValue
from serin.scaling.samples import ExternalValues, PodSample, PodUsage, PodValues, ResourceUsage, Unavailable

Object = dict[str, Any]

REQUESTS = 1000
LONGEST_SETTLING = 60.0
"""Seconds after which an operator that finds no rest, because something fails again and again, fails the test."""


class Judge:
    """Stands for Prometheus: requests follow the weights, and a share of the candidate's fails."""

    def __init__(self, split: Callable[[str], dict[str, int]]) -> None:
        self.failing = 0.0
        self.away = False
        self.asked = 0
        self._split = split

    async def collect(self, subjects: Sequence[Subject]) -> dict[SubjectKey, tuple[Tick, ...]]:
        """Every due tick of every subject."""
        self.asked += 1
        return {subject.key: tuple(self._tick(subject, at) for at in subject.due) for subject in subjects}

    def _tick(self, subject: Subject, at: Any) -> Tick:
        if self.away:
            return Tick(at, problem="Prometheus cannot be reached")
        weight = self._split(subject.model).get(f"{subject.model}-{subject.candidate}", 0)
        candidate, stable = REQUESTS * weight / 100, REQUESTS * (100 - weight) / 100
        counts = Pair(Counts(round(candidate * self.failing), candidate), Counts(0, stable))
        requests = Pair(Counts(0, candidate), Counts(0, stable))
        return Tick(at, {metric.name: counts for metric in subject.analysis.metrics}, requests)


class Signals:
    """Stands for Prometheus, where replicas follow it: signals by pod, and the values of queries."""

    def __init__(self) -> None:
        self.by_pod: Callable[[Load], dict[str, float]] = lambda _: {}
        self.values_of: Callable[[OwnValue], float | None] = lambda _: None
        self.cpu_of: Callable[[str], float | None] = lambda _: None
        """What a pod uses by cAdvisor, in cores."""
        self.asked: Counter[str] = Counter()

    async def loads(self, wanted: Iterable[Load], at: datetime) -> dict[Load, PodValues | Unavailable]:
        """What the test says of each pod."""
        asked = dict.fromkeys(wanted)
        self.asked["loads"] += bool(asked)
        return {load: self._load(load, at) for load in asked}

    def _load(self, load: Load, at: datetime) -> PodValues | Unavailable:
        values = {pod: PodSample(round(value * 1000), at) for pod, value in self.by_pod(load).items()}
        return PodValues(values) if values else Unavailable("Prometheus cannot be reached")

    async def usage(
        self, wanted: Mapping[str, Sequence[Workload]], at: datetime
    ) -> dict[tuple[str, str, str], ResourceUsage | Unavailable]:
        """What the test says that each pod uses."""
        self.asked["usage"] += bool(wanted)
        return {
            (resource, one.namespace, one.name): ResourceUsage(
                tuple(
                    PodUsage(pod.name, at, timedelta(minutes=1), {"model": {"cpu": round(cores * 1000)}})
                    for pod in one.pods
                    if (cores := self.cpu_of(pod.name)) is not None
                )
            )
            for resource, workloads in wanted.items()
            for one in workloads
        }

    async def values(self, wanted: Iterable[OwnValue], at: datetime) -> dict[OwnValue, ExternalValues | Unavailable]:
        """What the test says that a query gives."""
        asked = dict.fromkeys(wanted)
        self.asked["values"] += len(asked)
        values = {one: self.values_of(one) for one in asked}
        return {
            one: Unavailable("the query gives nothing") if value is None else ExternalValues((round(value * 1000),))
            for one, value in values.items()
        }


class Whole:
    """An operator and its world."""

    def __init__(self, server: FakeApiServer, client: KubeClient) -> None:
        self.server = server
        self.client = client
        self.judge = Judge(self.split)
        self.signals = Signals()
        self.audit_log = ""
        """The operator's setting; a test that looks at the log names a file."""
        self.time = ManualTime()
        server.store.now = self.time.now
        self.operator: Operator | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def collector(self) -> Collector:
        """What counts requests for the operator."""
        return self.judge

    async def start(self) -> None:
        """Start an operator, and wait until it has seen everything."""
        settings = replace(Settings(), http_address="127.0.0.1", http_port=0, audit_log=self.audit_log)
        measuring = Measuring(self.collector, self.signals)
        self.operator = Operator(settings, self.client, measuring, CollectorRegistry(), self.time)
        self._task = asyncio.create_task(self.operator.run())
        await asyncio.wait_for(self.operator.synced.wait(), 10)

    async def kill(self) -> None:
        """End the operator as SIGKILL would: nothing more is written."""
        assert self._task is not None
        death = self.server.faults.add(Drop(), lambda _: True, times=None)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.server.faults.remove(death)

    async def stop(self) -> None:
        """Ask the operator to stop, as SIGTERM does."""
        assert self.operator is not None
        assert self._task is not None
        self.operator.stop()
        await asyncio.wait_for(self._task, 20)

    def find(self, plural: str, name: str) -> Object | None:
        """An object of the test's namespace."""
        return self.server.store.find(self.server.store.kind(plural), ("ml", name))

    def status(self, name: str = "fraud") -> Object:
        """A ModelDeployment's status."""
        return (self.find("modeldeployments", name) or {}).get("status") or {}

    def split(self, name: str = "fraud") -> dict[str, int]:
        """The weights in its route."""
        route = self.find("httproutes", name) or {"spec": {}}
        backends = [backend for rule in route["spec"].get("rules", []) for backend in rule["backendRefs"]]
        return {backend["name"]: backend.get("weight", 1) for backend in backends}

    def deploy(self, version: str, name: str = "fraud", **spec: Any) -> None:
        """What `kubectl apply` of a version does, past whatever faults there are."""
        store, kind, item = (
            self.server.store,
            self.server.store.kind("modeldeployments"),
            manifest(name, version, **spec),
        )
        present = store.find(kind, ("ml", name))
        if present is None:
            store.create(kind, item, manager="kubectl")
        else:
            store.update(kind, {**present, "spec": item["spec"]}, manager="kubectl", status=False)

    async def settle(self) -> None:
        """Wait until the operator has done all that it can do at this time."""
        assert self.operator is not None
        queue = self.operator._queue
        quiet, seen, began = 0, -1, time.monotonic()
        while quiet < 3:
            await asyncio.sleep(0.003)
            if time.monotonic() - began > LONGEST_SETTLING:
                states = (
                    f"{len(queue)} wait, {queue._running} run, {queue._failures} failed, {list(queue._later)} later"
                )
                raise AssertionError(f"no rest: {states}; last: {[str(call) for call in self.server.log[-5:]]}")
            busy = len(queue) or queue._running or queue._later or self._audits() or self._looks() or self._passes()
            under_way = any(not (call.ended or call.watch or call.held) for call in self.server.log[-50:])
            now = len(self.server.log) + len(self.server.store.happenings)
            quiet, seen = (quiet + 1 if now == seen and not busy and not under_way else 0), now

    def _looks(self) -> bool:
        """Whether ticks are being asked for or judged: who is done with that sleeps until the next."""
        assert self.operator is not None
        desk = self.operator._desk
        looks = [course.next_look(desk.delay) for course in desk.courses.values()]
        return bool(looks) and min(looks) not in self.time.sleepers

    def _passes(self) -> bool:
        """Whether replicas are being advised on: who is done with that sleeps until the next pass, if there is one."""
        assert self.operator is not None
        desk = self.operator._autoscaling
        following = next_tick(self.time.now(), SYNC_PERIOD, 0)
        return desk.is_passing or (bool(desk.scaled) and following not in self.time.sleepers)

    def _audits(self) -> bool:
        """Whether the audit log is being read or written."""
        assert self.operator is not None
        journal = self.operator._journal
        return journal is not None and bool(journal._waiting or not self.operator._acting)

    async def until(self, condition: Callable[[], object], *, within: timedelta = timedelta(hours=1)) -> None:
        """Let time pass, from one thing that is waited for to the next, until the condition is true."""
        end = self.time.now() + within
        while True:
            await self.settle()
            if condition():
                return
            upcoming = min((when for when in self.time.sleepers if when > self.time.now()), default=None)
            if upcoming is None or upcoming > end:
                raise AssertionError(f"not within {within}; the status is {self.status()}")
            self.time.set(upcoming)

    async def pass_until(self, when: datetime) -> None:
        """Let time pass up to a moment, from one thing that is waited for to the next."""
        while self.time.now() < when:
            await self.settle()
            upcoming = min((due for due in self.time.sleepers if due > self.time.now()), default=when)
            self.time.set(min(upcoming, when))
        await self.settle()


def own_route(name: str) -> Object:
    """A route of the user's own."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": f"{name}-front", "namespace": "ml"},
        "spec": {
            "parentRefs": [{"name": "public"}],
            "rules": [{"backendRefs": [{"group": "", "kind": "Service", "name": name, "port": 80, "weight": 1}]}],
        },
    }


def manifest(name: str, version: str, **spec: Any) -> Object:
    """A ModelDeployment with a canary of two steps."""
    container = {"name": "model", "image": f"example.com/fraud:{version}"}
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": "ml"},
        "spec": {
            "model": {"version": version},
            "replicas": 2,
            "template": {"spec": {"containers": [container]}},
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public"}]}},
            "strategy": {"canary": {"steps": [{"weight": 20, "hold": "60s"}, {"weight": 50, "hold": "60s"}]}},
            "analysis": {
                "interval": "10s",
                "metrics": [{"name": "error-rate", "threshold": "2%"}],
            },
            "rollback": {"keepWarm": "5m", "drain": "1s"},
            **spec,
        },
    }


@asynccontextmanager
async def whole_operator() -> AsyncIterator[Whole]:
    """An operator that has started."""
    async with FakeApiServer() as server:
        metrics = ClientMetrics(CollectorRegistry())
        async with KubeClient(server.configuration(), metrics) as client:
            whole = Whole(server, client)
            await whole.start()
            try:
                yield whole
            finally:
                await whole.stop()
