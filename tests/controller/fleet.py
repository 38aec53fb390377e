"""Several ModelDeployments under one operator that is hurried, killed and lied to, and a Prometheus that remembers."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any
from unittest.mock import patch

from prometheus_client import CollectorRegistry

from controller.watchman import Watchman
from controller.whole import Object, Whole
from fakes.apiserver import FakeApiServer, Hold, Lag, Silence
from serin.cluster.client import KubeClient
from serin.cluster.metrics import ClientMetrics
from serin.controller.queue import Backoff
from serin.metrics import Meters, MetricsCollector
from serin.metrics.provider import (
    PartialAnswerError,
    RangeQuery,
    RefusedError,
    Series,
    UnreachableError,
    UnreadableError,
)

WATCHED = (
    "modeldeployments",
    "rolloutactions",
    "deployments",
    "services",
    "controllerrevisions",
    "configmaps",
    "httproutes",
)
REQUESTS = 1000
BAD = "-bad"
"""What the tag of a model ends with whose requests fail, a third of them."""

FAILURES: dict[str, Callable[[], Exception]] = {
    "down": lambda: UnreachableError("Prometheus cannot be reached: [Errno 111] Connection refused"),
    "slow": lambda: UnreachableError("Prometheus did not answer within 10s"),
    "HTML": lambda: UnreadableError("The answer is not Prometheus' JSON"),
    "wrong time": lambda: UnreadableError("The answer is for 1.000 (Unix time), which was not asked for"),
    "500": lambda: RefusedError("Prometheus refused the query: HTTP Status Code 500"),
    "warnings": lambda: PartialAnswerError("Prometheus warned that its answer may be incomplete"),
    "a bug": lambda: RuntimeError("nobody expected this"),
}
DISTORTIONS = ("empty", "NaN", "half of the series")
PROMETHEUS_FAULTS = ("", *FAILURES, *DISTORTIONS)


class RememberingPrometheus:
    """Answers for every version by the weights that it had in its route at the time; fulfils `MetricsProvider`."""

    def __init__(self, watchman: Watchman) -> None:
        """Answer from what the watchman saw."""
        self.fault = ""
        self.asked = 0
        self.told_bad: set[tuple[str, str]] = set()
        """Each ModelDeployment and revision of which failed requests were told, as they were."""
        self._watchman = watchman

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """The requests of every version, one point a step."""
        self.asked += 1
        if self.fault in FAILURES:
            failure = FAILURES[self.fault]
            raise failure()
        if self.fault == "empty":
            return ()
        values: dict[tuple[str, str, str], dict[int, float]] = {}
        at = query.start
        while at <= query.end:
            for model, revision, weight in self._watchman.weights_at(at):
                failed = round(REQUESTS * weight / 300) if self._watchman.is_bad(model, revision) else 0
                counts = {"error": failed, "success": REQUESTS * weight // 100 - failed}
                for outcome, count in counts.items():
                    values.setdefault((model, revision, outcome), {})[round(at.timestamp() * 1000)] = count
            at += query.step
        return tuple(self._series(*names, points) for names, points in values.items() if self._is_told(*names))

    def _is_told(self, model: str, revision: str, outcome: str) -> bool:
        told = self.fault != "half of the series" or revision < "k"
        if told and outcome == "error" and not self.fault and self._watchman.is_bad(model, revision):
            self.told_bad.add((model, revision))
        return told

    def _series(self, model: str, revision: str, outcome: str, points: Mapping[int, float]) -> Series:
        labels = {"namespace": "ml", "serin_model": model, "serin_revision": revision, "outcome": outcome}
        return Series(labels, {at: float("nan") if self.fault == "NaN" else count for at, count in points.items()})


class Fleet(Whole):
    """An operator and its world, with everything that can go wrong in it."""

    def __init__(self, server: FakeApiServer) -> None:
        """Prepare; `start` starts an operator."""
        super().__init__(server, new_client(server))
        self.watchman = Watchman(server, self.time)
        self.prometheus = RememberingPrometheus(self.watchman)
        self.watchman.told_bad = self.prometheus.told_bad
        # So long the operator sees Deployments without pods, and routes that nobody accepted yet.
        server.simulation.deployments.delay_seconds = server.simulation.routes.delay_seconds = 0.01
        self.hanging = False
        self.lags: list[Lag] = []
        self.holds: list[Hold] = []
        self.silences: list[Silence] = []

    @property
    def collector(self) -> MetricsCollector:
        """The real one, which asks the Prometheus that remembers."""
        return MetricsCollector(self.prometheus, Meters(CollectorRegistry()))

    @property
    def clouded(self) -> bool:
        """Whether the operator may see an old world, or one in which nothing becomes Ready."""
        return bool(self.lags or self.silences or self.hanging)

    @property
    def running(self) -> bool:
        """Whether there is an operator."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Start an operator that waits for nothing longer than it must."""
        await super().start()
        assert self.operator is not None
        self.operator._queue._backoff = Backoff(first=0.01, longest=0.05)

    async def restart(self, *, down: float = 0.0) -> None:
        """Kill the operator, and start another process so many seconds later."""
        await self.kill()
        await self.client.close()
        self.time.advance(down)
        self.client = new_client(self.server)
        await self.start()

    async def settle(self) -> None:
        """Wait until the operator has seen all that it can see, and done what it can do at this time."""
        began = time.monotonic()
        while not self.clouded and not all(map(self.server.watches.count, WATCHED)):
            await asyncio.sleep(0.003)
            if time.monotonic() - began > 20:
                missing = [plural for plural in WATCHED if not self.server.watches.count(plural)]
                raise AssertionError(f"nobody watches {missing}")
        await super().settle()
        while self.server.simulation.busy:
            await asyncio.sleep(0.003)
            await super().settle()

    def hang(self) -> None:
        """Let no pod become Ready, and no route be accepted, until `lift`."""
        self.hanging = True
        self.server.simulation.hang()

    def lift(self) -> None:
        """Let everything go well from now on: what was held back comes, what had fallen silent is noticed."""
        self.server.faults.clear()
        self.prometheus.fault = ""
        for released in [*(held.released for held in self.holds), *(lag.released for lag in self.lags)]:
            released.set()
        if self.silences:
            self.server.watches.cut()
        self.holds, self.lags, self.silences = [], [], []
        if self.hanging:
            self.hanging = False
            self.server.simulation.resume()

    async def calls_in(self, passing: timedelta) -> int:
        """How many requests the operator makes while time passes; its watches and its lease are not counted."""
        before, end = len(self.server.log), self.time.now() + passing
        await self.pass_until(end)
        return len([call for call in self.server.log[before:] if not call.watch and call.plural != "leases"])

    async def end(self) -> None:
        """Stop all of it."""
        self.lift()
        if self.running:
            await self.stop()
        await self.client.close()


@contextmanager
def hurried() -> Iterator[None]:
    """Retries that take seconds take hundredths of them: nothing else is waited for in real time."""
    from serin.cluster import primary, reflector

    settings = primary._settings

    def quick() -> Any:
        made = settings()
        made.networking.error_backoffs = (0.02,) * 5
        made.watching.reconnect_backoff = 0.01
        return made

    # Every new client reads the machine's certificates, which takes longer than the rest of its start.
    certificates = cache(ssl.create_default_context)
    quickly = reflector.Patience(first_retry=0.01, longest_retry=0.05, missing_kind=0.05)
    defaults = {**(reflector.Reflector.__init__.__kwdefaults__ or {}), "patience": quickly}
    with (
        patch("ssl.create_default_context", certificates),
        patch.object(primary, "RETRY_SECONDS", 0.02),
        patch.object(primary, "_settings", quick),
        patch.object(reflector.Reflector.__init__, "__kwdefaults__", defaults),
    ):
        yield


def new_client(server: FakeApiServer) -> KubeClient:
    """A process that starts anew has no connections from before. It soon gives up a call that has no answer."""
    return KubeClient(server.configuration(), ClientMetrics(CollectorRegistry()), timeout_seconds=1.0)


def model(name: str, version: str, **spec: Any) -> Object:
    """The spec of a ModelDeployment."""
    container = {"name": "model", "image": f"example.com/{name}:{version}"}
    template = {"spec": {"containers": [{**container, "envFrom": [{"configMapRef": {"name": f"{name}-settings"}}]}]}}
    return {"model": {"version": version}, "template": template, **spec}
