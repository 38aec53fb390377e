"""Several electors that want one Lease of a fake API server, and a steady clock that the test moves."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from fakes.apiserver import Call, FakeApiServer
from fakes.steady_time import ManualSteadyTime
from serin.cluster.client import KubeClient
from serin.cluster.lease import Elector, Terms
from serin.cluster.metrics import ClientMetrics, ElectionMetrics

NAMESPACE, NAME = "serin-system", "serin-operator"
TERMS = Terms(answer=0.25)
"""As in earnest, but for how long an answer may take: that alone is real time."""
STEP = 0.5


class Candidate:
    """One elector, what it was told, and a process that may end."""

    def __init__(self, identity: str, server: FakeApiServer, steady: ManualSteadyTime) -> None:
        configuration = server.configuration()
        configuration.api_key["BearerToken"] = f"Bearer {identity}"
        self.identity = identity
        self.registry = CollectorRegistry()
        self.client = KubeClient(configuration, ClientMetrics(CollectorRegistry()), timeout_seconds=TERMS.answer)
        self.elector = Elector(
            self.client,
            namespace=NAMESPACE,
            name=NAME,
            identity=identity,
            metrics=ElectionMetrics(self.registry),
            terms=TERMS,
            time=steady,
        )
        self.told: list[str] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        """Whether it may act now."""
        return self.elector.leads

    def sent(self, call: Call) -> bool:
        """Whether a request is this one's; matches calls for faults."""
        return call.headers.get("Authorization") == f"Bearer {self.identity}"

    def start(self) -> None:
        """Compete."""
        gained, lost = lambda: self.told.append("gained"), lambda: self.told.append("lost")
        self._task = asyncio.create_task(self.elector.run(on_gained=gained, on_lost=lost))

    def assert_alive(self) -> None:
        """Fail if it ended by itself."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    async def kill(self) -> None:
        """End as by SIGKILL: the Lease is left as it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def exit(self) -> None:
        """End as by SIGTERM."""
        await self.kill()
        await self.elector.release()


class Contest:
    """The Lease, its server, and who wants it."""

    def __init__(self, server: FakeApiServer, candidates: list[Candidate], steady: ManualSteadyTime) -> None:
        self.server, self.candidates, self.time = server, candidates, steady

    @property
    def leaders(self) -> list[str]:
        """Who may act now; never more than one."""
        leaders = [candidate.identity for candidate in self.candidates if candidate.leads]
        assert len(leaders) <= 1, f"{leaders} lead at once"
        return leaders

    @property
    def lease(self) -> dict[str, Any]:
        """The Lease as it is."""
        store = self.server.store
        return store.get(store.kind("leases"), (NAMESPACE, NAME))

    def edit(self, **spec: Any) -> None:
        """Change the Lease by hand."""
        store, lease = self.server.store, self.lease
        lease["spec"] |= spec
        store.update(store.kind("leases"), lease, manager="kubectl", status=False)

    async def settle(self) -> None:
        """Wait until nobody is waiting for an answer, and nothing new is asked."""
        quiet, seen, began = 0, -1, time.monotonic()
        while quiet < 3:
            await asyncio.sleep(0.002)
            now = len(self.server.log) + len(self.server.store.happenings)
            # A call that the server holds is given up by whoever made it.
            waiting = time.monotonic() - began < TERMS.answer + 0.1
            open_calls = waiting and any(not call.ended and not call.watch for call in self.server.log[-20:])
            quiet, seen = (quiet + 1 if now == seen and not open_calls else 0), now
            assert self.leaders is not None
            for candidate in self.candidates:
                candidate.assert_alive()

    async def passes(self, seconds: float) -> None:
        """Let time pass, a little at a time; at no moment do two lead."""
        for _ in range(round(seconds / STEP)):
            self.time.advance(STEP)
            await self.settle()

    async def seconds_until(self, condition: Callable[[], object], *, within: float = 60.0) -> float:
        """How long it takes until the condition is true."""
        began = self.time.now()
        while not condition():
            assert self.time.now() - began < within, f"not within {within} s"
            await self.passes(STEP)
        return self.time.now() - began


@asynccontextmanager
async def contest(*identities: str) -> AsyncIterator[Contest]:
    """Electors that are not yet started."""
    steady = ManualSteadyTime()
    async with FakeApiServer() as server, AsyncExitStack() as stack:
        candidates = [Candidate(identity, server, steady) for identity in identities]
        for candidate in candidates:
            stack.push_async_callback(candidate.client.close)
            stack.push_async_callback(candidate.kill)
        yield Contest(server, candidates, steady)


def play(*identities: str, test: Callable[[Contest], Awaitable[None]]) -> None:
    """Run a test of a contest whose first elector leads, and whose others stand by."""

    async def whole() -> None:
        async with contest(*identities) as it:
            for candidate in it.candidates:
                candidate.start()
                await it.settle()
            assert it.leaders == list(identities[:1])
            await test(it)

    asyncio.run(whole())
