"""What makes the operator unlive, and that an API server which is away does not."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from cluster_room.support import QUICK, model_deployment, reflecting
from fakes.apiserver import Drop, FakeApiServer, Silence, on
from fakes.manual_time import ManualTime
from fakes.waiting import until
from serin.cluster.client import KubeClient
from serin.cluster.lease import Elector
from serin.cluster.metrics import ClientMetrics
from serin.cluster.primary import PrimaryReflector
from serin.cluster.pulse import Pulse
from serin.controller import queue as queue_module
from serin.controller.clock import Clock
from serin.controller.liveness import (
    LATE_SECONDS,
    OVERDUE_SECONDS,
    STUCK_WORK_SECONDS,
    clock_keeps_up,
    leadership_ends_in_time,
    watches_live,
    work_goes_on,
)
from serin.controller.queue import QueueMetrics, WorkQueue


class Seconds:
    """A steady clock that the test sets."""

    def __init__(self) -> None:
        self.value = 100.0

    def __call__(self) -> float:
        return self.value


def run(test: Callable[[FakeApiServer, KubeClient], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with FakeApiServer() as server:
            metrics = ClientMetrics(CollectorRegistry())
            async with KubeClient(server.configuration(), metrics, timeout_seconds=1.0) as client:
                await test(server, client)

    asyncio.run(whole())


def test_a_silent_watch_is_named() -> None:
    seconds = Seconds()
    pulses = {"services": Pulse(300, seconds), "modeldeployments": Pulse(420, seconds)}
    check = watches_live(pulses)
    seconds.value += 299
    assert check() == ("the watches live (none is silent)", True)
    seconds.value += 1
    assert check() == ("the watches live (services silent for 300 s)", False)
    pulses["services"].beat()
    assert check()[1]


def test_a_reflector_that_hangs_has_no_pulse_though_the_api_server_is_well() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.faults.add(Silence(), on(watch=True), times=None)
        patience = replace(QUICK, silence=60.0, stuck=0.4)
        async with reflecting(client, patience=patience) as (reflector, _):
            await until(reflector.synced.is_set)
            assert reflector.pulse.alive
            await until(lambda: not reflector.pulse.alive)

    run(test)


def test_a_reflector_lives_while_the_api_server_is_away_or_says_nothing_but_bookmarks() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        patience = replace(QUICK, stuck=0.5)
        async with reflecting(client, patience=patience) as (reflector, _):
            await until(reflector.synced.is_set)
            server.bookmark_seconds = 0.05
            server.watches.cut()
            longest = await longest_silence(reflector.pulse, seconds=1.0)
            server.faults.add(Drop(), lambda _: True, times=None)
            server.watches.cut()
            longest = max(longest, await longest_silence(reflector.pulse, seconds=1.0))
            assert longest < 0.5

    run(test)


def test_the_watch_by_kopf_has_a_pulse_for_each_kind_also_while_the_api_server_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serin.cluster.primary.RETRY_SECONDS", 0.2)

    async def test(server: FakeApiServer, client: KubeClient) -> None:
        stop = asyncio.Event()
        primary = PrimaryReflector(client, on_change=lambda *_: None)
        assert primary.pulses.keys() == {"modeldeployments", "rolloutactions"}
        task = asyncio.create_task(primary.run(stop))
        await until(primary.synced.is_set)
        deployments, actions = primary.pulses.values()
        await asyncio.sleep(0.3)
        assert deployments.silence > 0.2, "nothing has happened to beat for"
        server.store.create(server.store.kind("modeldeployments"), model_deployment(), manager="user")
        await until(lambda: deployments.silence < 0.2)
        assert actions.silence > 0.2, "each kind has its own"
        server.faults.add(Drop(), lambda _: True, times=None)
        server.watches.cut()
        before = len(server.log)
        await until(lambda: len([c for c in server.log[before:] if c.plural == "rolloutactions"]) >= 2)
        await until(lambda: actions.silence < 0.3 and deployments.silence < 0.3)
        server.faults.clear()
        stop.set()
        await asyncio.wait_for(task, 20)

    run(test)


async def longest_silence(pulse: Pulse, *, seconds: float) -> float:
    """Watch a pulse for a while."""
    loop, longest = asyncio.get_running_loop(), 0.0
    end = loop.time() + seconds
    while loop.time() < end:
        await asyncio.sleep(0.01)
        longest = max(longest, pulse.silence)
    return longest


def test_a_clock_that_is_behind_all_the_time_is_noticed_and_one_that_catches_up_is_not() -> None:
    time, seconds, woken = ManualTime(), Seconds(), list[str]()
    clock: Clock[str] = Clock(woken.append, time)
    check = clock_keeps_up(clock, time, seconds)
    clock.wake_at("fraud", time.now())
    assert check()[1]
    time.advance(3600)
    seconds.value += LATE_SECONDS
    assert check()[1]
    seconds.value += 1
    assert check() == ("the clock keeps up (behind for 61 s)", False)
    clock.wake_at("fraud", None)
    assert check() == ("the clock keeps up (behind for 0 s)", True)
    clock.wake_at("fraud", time.now())
    seconds.value += 1
    assert check()[1], "late from now on only"


def test_work_that_does_not_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = Seconds()
    monkeypatch.setattr(queue_module, "time", SimpleNamespace(monotonic=seconds))

    async def whole() -> None:
        go_on = asyncio.Event()

        async def work(key: str) -> None:
            if key == "stuck":
                await go_on.wait()

        queue: WorkQueue[str] = WorkQueue(work, workers=2, metrics=QueueMetrics(CollectorRegistry()))
        check = work_goes_on(queue)
        task = asyncio.create_task(queue.run())
        queue.add("stuck")
        await until(lambda: queue._running)
        seconds.value += STUCK_WORK_SECONDS
        queue.add("well")
        assert check()[1]
        seconds.value += 1
        assert check() == ("work goes on (the longest under way for 301 s)", False)
        go_on.set()
        await until(lambda: not queue._running)
        assert check() == ("work goes on (the longest under way for 0 s)", True)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(whole())


def test_a_leader_that_does_not_know_that_its_time_is_over_is_noticed() -> None:
    elector: Any = SimpleNamespace(overdue=OVERDUE_SECONDS)
    check = leadership_ends_in_time(cast("Elector", elector))
    assert check()[1]
    elector.overdue = OVERDUE_SECONDS + 1
    assert check() == ("leadership ends in time (overdue by 6 s)", False)
