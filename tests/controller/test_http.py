"""The operator's endpoints, over real HTTP on the loopback."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from fakes.waiting import until
from serin.controller.http import STUCK_SECONDS, Heartbeat, serve
from serin.controller.settings import Settings, SettingsError

Get = Callable[[str], Awaitable[tuple[int, str]]]


class Harness:
    """The endpoints of an operator whose state the test sets."""

    def __init__(self, url: str, registry: CollectorRegistry, synced: asyncio.Event) -> None:
        self.url, self.registry, self.synced = url, registry, synced
        self.seconds = 0.0
        self.well, self.asked = True, 0

    def check(self) -> tuple[str, bool]:
        """A check of the test's own."""
        self.asked += 1
        return "all is well", self.well

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as response:
            return response.status, await response.text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(test: Callable[[Harness], Awaitable[None]]) -> None:
    async def whole() -> None:
        settings = replace(Settings(), http_address="127.0.0.1", http_port=free_port())
        registry, synced = CollectorRegistry(), asyncio.Event()
        harness = Harness(f"http://127.0.0.1:{settings.http_port}", registry, synced)
        heartbeat = Heartbeat(synced, [harness.check], monotonic=lambda: harness.seconds)
        task = asyncio.create_task(serve(settings, registry, heartbeat))
        try:
            await until(lambda: task.done() or _listens(settings.http_port))
            await test(harness)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(whole())


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_readyz_says_what_is_missing_until_everything_has_been_seen() -> None:
    async def test(harness: Harness) -> None:
        assert await harness.get("/readyz") == (503, "[-] everything that there is has been seen\n")
        harness.synced.set()
        assert await harness.get("/readyz") == (200, "[+] everything that there is has been seen\n")

    run(test)


def test_livez_notices_a_loop_that_misses_its_beats() -> None:
    async def test(harness: Harness) -> None:
        assert await harness.get("/livez") == (200, "[+] the event loop turns (last beat 0 s ago)\n[+] all is well\n")
        harness.seconds = STUCK_SECONDS
        assert (await harness.get("/livez"))[0] == 503

    run(test)


def test_livez_tells_of_each_check_and_asks_it_with_each_beat() -> None:
    async def test(harness: Harness) -> None:
        await until(lambda: harness.asked >= 2)
        harness.well = False
        assert await harness.get("/livez") == (
            503,
            "[+] the event loop turns (last beat 0 s ago)\n[-] all is well\n",
        )

    run(test)


def test_the_heart_beats_and_tells_how_late() -> None:
    async def test(harness: Harness) -> None:
        harness.seconds = 3.0
        lag = harness.registry.get_sample_value
        await until(lambda: lag("serin_event_loop_lag_seconds") == 2.0)
        assert (await harness.get("/livez"))[1].startswith("[+] the event loop turns (last beat 0 s ago)\n")

    run(test)


def test_metrics_are_those_of_the_registry_that_was_given() -> None:
    async def test(harness: Harness) -> None:
        Counter("serin_test", "A counter.", registry=harness.registry).inc()
        status, text = await harness.get("/metrics")
        assert status == 200
        assert "serin_test_total 1.0" in text

    run(test)


def test_a_port_that_is_taken_is_told() -> None:
    async def whole() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            settings = replace(Settings(), http_address="127.0.0.1", http_port=taken.getsockname()[1])
            with pytest.raises(SettingsError, match=r"cannot listen on 127\.0\.0\.1:[0-9]+"):
                await serve(settings, CollectorRegistry(), Heartbeat(asyncio.Event()))

    asyncio.run(whole())
