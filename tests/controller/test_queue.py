"""The work queue: bursts collapse, a key is alone, failures wait longer each time."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry

from fakes.waiting import until
from serin.cluster.errors import NotLeading, ServerError
from serin.controller.queue import Again, Backoff, QueueMetrics, WorkQueue

Work = Callable[[str], Awaitable[None]]


def run(test: Callable[["Harness"], Awaitable[None]], *, workers: int = 4, backoff: Backoff | None = None) -> None:
    async def whole() -> None:
        harness = Harness(workers, backoff or Backoff())
        task = asyncio.create_task(harness.queue.run())
        try:
            await test(harness)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(whole())


class Harness:
    """A queue whose work the test does."""

    def __init__(self, workers: int, backoff: Backoff) -> None:
        self.registry = CollectorRegistry()
        self.done: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.running = 0
        self.most_running = 0
        self.failures: Iterator[int] = iter([])
        self.queue = WorkQueue(self.work, workers=workers, metrics=QueueMetrics(self.registry), backoff=backoff)

    async def work(self, key: str) -> None:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            if next(self.failures, 0):
                raise ServerError("GET pods", status=500)
            self.done.append(key)
        finally:
            self.running -= 1


def test_a_burst_collapses() -> None:
    async def test(harness: Harness) -> None:
        for _ in range(100):
            harness.queue.add("a")
        await until(lambda: harness.done)
        await asyncio.sleep(0.02)
        assert harness.done == ["a"]

    run(test)


def test_a_key_that_is_added_while_it_is_worked_on_is_worked_on_once_more_and_never_twice_at_once() -> None:
    async def test(harness: Harness) -> None:
        harness.gate.clear()
        harness.queue.add("a")
        await until(lambda: harness.running)
        harness.queue.add("a")
        harness.queue.add("a")
        await asyncio.sleep(0.01)
        assert harness.running == 1
        harness.gate.set()
        await until(lambda: len(harness.done) == 2)
        await asyncio.sleep(0.02)
        assert harness.done == ["a", "a"]
        assert harness.most_running == 1

    run(test)


def test_several_keys_are_worked_on_at_once_but_not_more_than_there_are_workers() -> None:
    async def test(harness: Harness) -> None:
        harness.gate.clear()
        for number in range(10):
            harness.queue.add(f"k{number}")
        await until(lambda: harness.running == 3)
        assert len(harness.queue) == 7
        harness.gate.set()
        await until(lambda: len(harness.done) == 10)
        assert harness.most_running == 3

    run(test, workers=3)


def test_a_failure_comes_again_and_does_not_stop_others(caplog: pytest.LogCaptureFixture) -> None:
    async def test(harness: Harness) -> None:
        harness.failures = iter([1, 1, 0, 0])
        harness.queue.add("a")
        await until(lambda: harness.done == ["a"])
        assert harness.registry.get_sample_value("serin_reconcile_failures_total") == 2
        harness.queue.add("b")
        await until(lambda: harness.done == ["a", "b"])

    run(test, backoff=Backoff(first=0.001, longest=0.002))
    assert "a failed 2 times in a row" in caplog.text
    assert "Traceback" not in caplog.text, "what the API server said needs no traceback"


def test_the_pause_doubles_up_to_a_limit() -> None:
    backoff = Backoff(first=1.0, longest=60.0)
    assert 0.75 <= backoff.delay(1) <= 1.25
    assert 6.0 <= backoff.delay(4) <= 10.0
    assert 45.0 <= backoff.delay(1000) <= 75.0


def test_a_success_resets_the_pause(caplog: pytest.LogCaptureFixture) -> None:
    async def test(harness: Harness) -> None:
        harness.failures = iter([1, 0, 1, 0])
        harness.queue.add("a")
        await until(lambda: len(harness.done) == 1)
        harness.queue.add("a")
        await until(lambda: len(harness.done) == 2)

    run(test, backoff=Backoff(first=0.001, longest=0.002))
    assert "failed 2 times" not in caplog.text


def test_of_several_later_times_the_earliest_counts_and_an_addition_takes_their_place() -> None:
    async def test(harness: Harness) -> None:
        harness.queue.add_after("a", 60)
        harness.queue.add_after("a", 0.01)
        harness.queue.add_after("a", 60)
        await until(lambda: harness.done == ["a"])
        harness.queue.add_after("b", 0.02)
        harness.queue.add("b")
        await until(lambda: harness.done == ["a", "b"])
        await asyncio.sleep(0.04)
        assert harness.done == ["a", "b"]

    run(test)


def test_a_forgotten_key_does_not_come_again() -> None:
    async def test(harness: Harness) -> None:
        harness.queue.add_after("a", 0.01)
        harness.queue.forget("a")
        await asyncio.sleep(0.03)
        assert harness.done == []

    run(test)


def test_closing_lets_what_is_under_way_end_and_drops_the_rest() -> None:
    async def test(harness: Harness) -> None:
        harness.gate.clear()
        harness.queue.add("running")
        await until(lambda: harness.running)
        harness.queue.add("running")
        harness.queue.add("waiting")
        harness.queue.add_after("later", 0.01)
        harness.queue.close()
        harness.queue.add("too late")
        assert not await harness.queue.drained(grace_seconds=0.02)
        harness.gate.set()
        assert await harness.queue.drained(grace_seconds=5)
        await asyncio.sleep(0.03)
        assert harness.done == ["running"]

    run(test, workers=1)


def test_what_was_overtaken_comes_again_later_each_time_and_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        registry, times = CollectorRegistry(), list[float]()

        async def work(_: str) -> None:
            times.append(asyncio.get_running_loop().time())
            if len(times) < 5:
                raise Again("seen too late")

        queue = WorkQueue(work, workers=1, metrics=QueueMetrics(registry), backoff=Backoff(first=0.02))
        task = asyncio.create_task(queue.run())
        queue.add("a")
        await until(lambda: len(times) == 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert all(pause > 0.02 * 2**number * 0.75 for number, pause in enumerate(pauses)), pauses
        assert registry.get_sample_value("serin_reconcile_failures_total") == 0
        assert not caplog.records

    asyncio.run(test())


def test_what_another_replica_is_to_do_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def whole() -> None:
        registry, worked = CollectorRegistry(), list[str]()

        async def work(key: str) -> None:
            worked.append(key)
            raise NotLeading("somebody else leads")

        queue: WorkQueue[str] = WorkQueue(work, workers=1, metrics=QueueMetrics(registry))
        task = asyncio.create_task(queue.run())
        queue.add("fraud")
        await until(lambda: worked and not queue._running)
        assert not queue._later
        assert registry.get_sample_value("serin_reconcile_failures_total") == 0
        assert not [record for record in caplog.records if record.levelname == "WARNING"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(whole())
