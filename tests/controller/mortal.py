"""An operator that is killed at a chosen write and started again later, and a record of what the world saw of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from prometheus_client import CollectorRegistry

from controller.whole import REQUESTS, Judge, Object, Whole
from fakes.apiserver import Call, Drop, FakeApiServer, Fault
from fakes.apiserver.store import Happening
from serin.api.names import MODEL_LABEL
from serin.cluster.client import KubeClient
from serin.cluster.metrics import ClientMetrics
from serin.judge import Counts, Pair, Tick
from serin.metrics import Subject

DOWN = timedelta(seconds=7)
CHILDREN = ("deployments", "services", "httproutes", "controllerrevisions", "configmaps")

Split = tuple[tuple[str, int], ...]
"""The weights of a route by the models' versions, zeros left out."""


@dataclass(frozen=True)
class Kill:
    """One moment at which the operator dies: directly before or after the effect of its write of this number, from 1.

    Events are not counted: nobody decides by them, so the world is the same before and after.
    """

    write: int
    after: bool
    down: timedelta = DOWN


@dataclass(frozen=True)
class Position:
    """What a status says about where a rollout stands."""

    phase: str
    candidate: str
    weight: int
    step: int


@dataclass(frozen=True)
class Step:
    """A time during which two versions shared the traffic, by the route: a status tells of it later, or never."""

    split: Split
    since: datetime
    left: datetime | None = None

    @property
    def seconds(self) -> float:
        """Its length."""
        assert self.left is not None, f"{self.split} was never left"
        return (self.left - self.since).total_seconds()


class Record:
    """Everything that can be seen from outside, in order and without repetitions."""

    def __init__(self, whole: "Mortal") -> None:
        """Record from now on."""
        self.positions: list[Position] = []
        self.splits: list[tuple[datetime, Split]] = []
        self.made: list[tuple[str, str]] = []
        self.changes = 0
        self.most_pods = 0
        """Of all versions together, at any one time."""
        self._whole = whole
        self._versions: dict[str, str] = {}
        whole.server.store.listeners.append(self._notice)

    @property
    def weights(self) -> list[Split]:
        """The splits that the route went through."""
        return [split for _, split in self.splits]

    @property
    def steps(self) -> list[Step]:
        """The splits between versions, and how long each lasted."""
        following = [since for since, _ in self.splits[1:]]
        times = zip_longest(self.splits, following)
        return [Step(split, since, left) for (since, split), left in times if len(split) > 1]

    def split_at(self, when: datetime) -> Split:
        """The split of that time: Prometheus remembers the requests that there were then."""
        return next((split for since, split in reversed(self.splits) if since < when), ())

    def _notice(self, happening: Happening) -> None:
        plural, metadata = happening.kind.plural, happening.object["metadata"]
        if plural == "events":
            return  # nobody decides by them
        self.changes += 1
        if happening.type == "ADDED":
            self.made.append((plural, metadata["name"]))
        if happening.type == "DELETED":
            return
        if plural == "deployments":
            image = happening.object["spec"]["template"]["spec"]["containers"][0]["image"]
            self._versions[metadata["name"]] = image.rpartition(":")[2]
            self.most_pods = max(self.most_pods, sum(self._whole.pods().values()))
        elif plural == "httproutes":
            self._see_split(happening.object)
        elif plural == "modeldeployments":
            self._see_status(happening.object.get("status") or {})

    def _see_split(self, route: Object) -> None:
        backends = [backend for rule in route["spec"].get("rules", []) for backend in rule["backendRefs"]]
        split = tuple(
            (self._versions.get(backend["name"], backend["name"]), backend.get("weight", 1))
            for backend in backends
            if backend.get("weight", 1)
        )
        if not self.splits or self.splits[-1][1] != split:
            self.splits.append((self._whole.time.now(), split))

    def _see_status(self, status: Object) -> None:
        if "phase" not in status:
            return
        step, candidate = status.get("step") or {}, status.get("candidateVersion", "")
        position = Position(status["phase"], candidate, status.get("weight") or 0, step.get("index", 0))
        if not self.positions or self.positions[-1] != position:
            self.positions.append(position)


class Mortal(Whole):
    """An operator and its world; it dies once, if it is told where, and comes back later."""

    def __init__(self, server: FakeApiServer, client: KubeClient, kill: Kill | None) -> None:
        """Prepare the death."""
        super().__init__(server, client)
        self.record = Record(self)
        self.judge = Historian(self)
        self.moments: dict[tuple[int, datetime], tuple[Kill, str]] = {}
        """The moments at which it could die. Where the world is the same, whoever starts next finds the same."""
        self._kill = kill
        self._writes = 0
        self._mortal = False
        self._struck = asyncio.Event()

    def pods(self) -> dict[str, int]:
        """How many pods each version is meant to have, those without any left out."""
        store = self.server.store
        deployments = [item["spec"] for item in store.all(store.kind("deployments"))]
        images = [spec["template"]["spec"]["containers"][0]["image"] for spec in deployments]
        pods = zip(images, deployments, strict=True)
        return {image.rpartition(":")[2]: spec["replicas"] for image, spec in pods if spec["replicas"]}

    def arm(self) -> None:
        """Count writes from now on, and die at the chosen one: whatever is sent after it has no effect."""
        self._mortal = True
        faults = self.server.faults
        faults.add(Drop(), lambda _: self._struck.is_set(), times=None)
        faults.add(Drop(after_effect=bool(self._kill and self._kill.after)), self._strikes, times=1)
        faults.add(_Moments(self), lambda call: self._kill is None and self._counts(call), times=None)

    def disarm(self) -> None:
        """Live on from here."""
        self._mortal = False

    def note(self, call: Call, *, after: bool) -> None:
        """Note a moment to die at."""
        self._writes += not after
        word = "after" if after else "before"
        kill, what = Kill(self._writes, after=after), f"{word} {call.method} {call.plural} {call.name}"
        self.moments.setdefault((self.record.changes, self.time.now()), (kill, what))

    def _counts(self, call: Call) -> bool:
        return self._mortal and call.write and call.plural != "events"

    def _strikes(self, call: Call) -> bool:
        if self._kill is None or self._struck.is_set() or not self._counts(call):
            return False
        self._writes += 1
        if self._writes != self._kill.write:
            return False
        self._struck.set()
        return True

    async def settle(self) -> None:
        """Wait until nothing more can happen at this time; if the operator dies meanwhile, bring it back first."""
        if not self._struck.is_set():
            struck = asyncio.create_task(self._struck.wait())
            settled = asyncio.create_task(super().settle())
            await asyncio.wait({struck, settled}, return_when=asyncio.FIRST_COMPLETED)
            struck.cancel()
            if not self._struck.is_set():
                await settled
                return
            settled.cancel()
            await asyncio.gather(struck, settled, return_exceptions=True)
            await self.kill()
            await self.client.close()
            self.server.faults.clear()
            self.client = new_client(self.server)
            assert self._kill is not None
            self.time.advance(self._kill.down.total_seconds())
            await self.start()
        await super().settle()


class _Moments(Fault):
    """Notes the moments around a write; nothing goes wrong."""

    def __init__(self, mortal: Mortal) -> None:
        self._mortal = mortal

    async def before(self, call: Call) -> None:
        """Note the moment before its effect."""
        self._mortal.note(call, after=False)

    async def after(self, call: Call) -> None:
        """Note the moment after it."""
        self._mortal.note(call, after=True)


class Historian(Judge):
    """Prometheus with a memory: a look at the past tells of the weights of then."""

    def __init__(self, mortal: Mortal) -> None:
        """Answer from the record."""
        super().__init__(mortal.split)
        self._mortal = mortal

    def _tick(self, subject: Subject, at: datetime) -> Tick:
        split = dict(self._mortal.record.split_at(at))
        weights = list(split.items())
        candidate = self._mortal.status(subject.model).get("candidateVersion", "")
        share = split.get(candidate, 0) / max(1, sum(weight for _, weight in weights))
        ours, theirs = REQUESTS * share, REQUESTS * (1 - share)
        failed = round(ours * self.failing)
        counts = Pair(Counts(failed, ours), Counts(0, theirs))
        requests = Pair(Counts(0, ours), Counts(0, theirs))
        return Tick(at, {metric.name: counts for metric in subject.analysis.metrics}, requests)


def remains(whole: Whole) -> dict[str, list[Any]]:
    """What there is in the end, as far as two lives can be compared: no uids, no times."""
    store = whole.server.store
    left: dict[str, list[Any]] = {}
    for plural in CHILDREN:
        left[plural] = [
            (
                item["metadata"]["name"],
                item["metadata"].get("labels", {}).get(MODEL_LABEL),
                {
                    name: text
                    for name, text in item["metadata"].get("annotations", {}).items()
                    if "rejected" not in name
                },
                item.get("spec") or item.get("data"),
            )
            for item in store.all(store.kind(plural))
        ]
    left["modeldeployments"] = [_decided(item) for item in store.all(store.kind("modeldeployments"))]
    return left


def _decided(item: Object) -> Object:
    status = item["status"]
    return {
        "finalizers": item["metadata"].get("finalizers"),
        "phase": status["phase"],
        "version": status.get("version"),
        "rejected": (status.get("rejected") or {}).get("reason"),
        "history": [(entry["version"], entry["outcome"]) for entry in status.get("history", ())],
        "revisions": [
            (entry["version"], entry["role"], entry.get("replicas"), entry.get("weight"), entry.get("readyReplicas"))
            for entry in status["revisions"]
        ],
        "conditions": {condition["type"]: condition["status"] for condition in status["conditions"]},
    }


@asynccontextmanager
async def mortal_operator(kill: Kill | None, audit_log: str = "") -> AsyncIterator[Mortal]:
    """An operator that has started, and will die."""
    async with FakeApiServer() as server:
        mortal = Mortal(server, new_client(server), kill)
        mortal.audit_log = audit_log
        await mortal.start()
        try:
            yield mortal
        finally:
            await mortal.stop()
            await mortal.client.close()


def new_client(server: FakeApiServer) -> KubeClient:
    """A process that starts anew has no connections from before."""
    return KubeClient(server.configuration(), ClientMetrics(CollectorRegistry()))
