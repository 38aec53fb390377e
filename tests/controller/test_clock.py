"""The central clock, driven by a time that only moves when the test says so."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from fakes.manual_time import ManualTime
from fakes.waiting import until
from serin.controller.clock import Clock, SystemTime, tell_offset

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def run(test: Callable[[Clock[str], ManualTime, list[str]], Awaitable[None]]) -> None:
    async def whole() -> None:
        time, woken = ManualTime(START), list[str]()
        clock: Clock[str] = Clock(woken.append, time)
        task = asyncio.create_task(clock.run())
        try:
            await test(clock, time, woken)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(whole())


def test_keys_are_woken_in_the_order_of_their_times_and_not_before() -> None:
    async def test(clock: Clock[str], time: ManualTime, woken: list[str]) -> None:
        clock.wake_at("b", at(20))
        clock.wake_at("a", at(10))
        await until(lambda: time.sleepers == [at(10)])
        time.advance(9.999)
        await asyncio.sleep(0.01)
        assert woken == []
        time.advance(0.001)
        await until(lambda: woken == ["a"])
        time.advance(100)
        await until(lambda: woken == ["a", "b"])
        assert len(clock) == 0

    run(test)


def test_an_earlier_time_wakes_the_sleeping_clock() -> None:
    async def test(clock: Clock[str], time: ManualTime, woken: list[str]) -> None:
        clock.wake_at("late", at(100))
        await until(lambda: time.sleepers == [at(100)])
        clock.wake_at("early", at(0))
        await until(lambda: woken == ["early"])

    run(test)


def test_the_last_word_about_a_key_counts() -> None:
    async def test(clock: Clock[str], time: ManualTime, woken: list[str]) -> None:
        clock.wake_at("a", at(10))
        clock.wake_at("a", at(30))
        clock.wake_at("b", at(10))
        clock.wake_at("b", None)
        time.advance(29)
        await asyncio.sleep(0.01)
        assert woken == []
        time.advance(1)
        await until(lambda: woken == ["a"])

    run(test)


def test_a_clock_that_was_set_back_wakes_later() -> None:
    async def test(clock: Clock[str], time: ManualTime, woken: list[str]) -> None:
        clock.wake_at("a", at(10))
        time.set(at(-3600))
        await asyncio.sleep(0.01)
        assert woken == []
        time.set(at(10))
        await until(lambda: woken == ["a"])

    run(test)


def test_it_does_not_turn_while_nothing_is_due() -> None:
    async def test(clock: Clock[str], time: ManualTime, woken: list[str]) -> None:
        looks = 0
        now = time.now

        def counting() -> datetime:
            nonlocal looks
            looks += 1
            return now()

        time.now = counting  # type: ignore[method-assign]
        clock.wake_at("a", at(10))
        await asyncio.sleep(0.05)
        assert looks <= 3

    run(test)


def test_what_was_replaced_does_not_pile_up() -> None:
    async def test(clock: Clock[str], time: ManualTime, woken: list[str]) -> None:
        for second in range(10_000):
            clock.wake_at("a", at(100 + second))
        assert len(clock._heap) < 100
        assert clock.next_due() == at(100 + 9_999)

    run(test)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 50)), max_size=30))
def test_each_key_is_woken_once_at_its_last_time(words: list[tuple[str, int | None]]) -> None:
    async def test(clock: Clock[str], time: ManualTime, woken: list[str]) -> None:
        expected: dict[str, int] = {}
        for key, second in words:
            clock.wake_at(key, None if second is None else at(second))
            expected.pop(key, None)
            if second is not None:
                expected[key] = second
        assert clock.next_due() == min((at(second) for second in expected.values()), default=None)
        time.set(at(50))
        await until(lambda: len(clock) == 0)
        assert sorted(woken) == sorted(expected)
        assert [expected[key] for key in woken] == sorted(expected.values())

    run(test)


def test_the_machines_clock_wakes_in_time() -> None:
    async def test() -> None:
        woken: list[str] = []
        clock: Clock[str] = Clock(woken.append, SystemTime())
        task = asyncio.create_task(clock.run())
        due = SystemTime().now() + timedelta(seconds=0.05)
        clock.wake_at("a", due)
        await until(lambda: woken)
        assert SystemTime().now() >= due
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(test())


class Machine:
    """A machine's two clocks: the one that people set, and the one that nobody can."""

    def __init__(self) -> None:
        self.wall = START.timestamp()
        self.steady = 1000.0
        self.stops_between_looks = 0.0
        self.time = SystemTime(wall=self._look, steady=lambda: self.steady)

    def _look(self) -> float:
        now = self.wall
        self.pass_seconds(self.stops_between_looks)
        self.stops_between_looks = 0.0
        return now

    def pass_seconds(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def seconds(self) -> float:
        """What Serin takes for the time since the start."""
        return (self.time.now() - START).total_seconds()


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 1.0, -0.3])
def test_time_goes_on_evenly_when_the_machines_clock_is_set(jump: float, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.pass_seconds(10)
    assert machine.seconds() == pytest.approx(10)
    machine.pass_seconds(1)
    machine.wall += jump
    assert machine.seconds() == pytest.approx(11)
    machine.pass_seconds(1)
    assert machine.seconds() == pytest.approx(12)
    assert machine.time.offset == pytest.approx(jump)
    (told,) = [record.getMessage() for record in caplog.records]
    assert f"The machine's clock was set by {jump:+.1f} s" in told


def test_a_clock_that_is_set_back_to_what_it_was_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.wall += 3600
    assert machine.seconds() == pytest.approx(0)
    machine.wall -= 3600
    machine.pass_seconds(5)
    assert machine.seconds() == pytest.approx(5)
    assert machine.time.offset == pytest.approx(0)
    assert len(caplog.records) == 2


def test_small_corrections_of_the_machines_clock_are_followed(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    for _ in range(100):
        machine.pass_seconds(10)
        machine.wall += 0.02
        machine.time.now()
    assert machine.seconds() == pytest.approx(1002)
    assert machine.time.offset == 0
    assert not caplog.records


def test_a_process_that_is_stopped_between_two_looks_sees_no_jump(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    machine.stops_between_looks = 20.0
    assert machine.seconds() == pytest.approx(20)
    assert not caplog.records


def test_the_time_in_which_the_machine_was_suspended_counts() -> None:
    machine = Machine()
    machine.pass_seconds(3600)
    assert machine.seconds() == pytest.approx(3600)


def test_how_far_the_machines_clock_was_set_is_in_the_metrics() -> None:
    machine, registry = Machine(), CollectorRegistry()
    tell_offset(registry, machine.time)
    assert registry.get_sample_value("serin_clock_offset_seconds") == 0
    machine.wall -= 60
    assert registry.get_sample_value("serin_clock_offset_seconds") == pytest.approx(-60)


small, great = st.floats(-0.2, 0.2), st.floats(0.3, 1e5)


@given(st.lists(st.tuples(st.floats(0, 1e4), small | great | great.map(float.__neg__))))
def test_whatever_is_done_to_the_machines_clock_time_follows_small_corrections_alone(
    happenings: list[tuple[float, float]],
) -> None:
    machine = Machine()
    for seconds, correction in happenings:
        before = machine.seconds()
        machine.pass_seconds(seconds)
        machine.wall += correction
        followed = correction if abs(correction) < 0.25 else 0.0
        assert machine.seconds() - before == pytest.approx(seconds + followed, abs=1e-3)
