"""The grid of ticks."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from serin.metrics.grid import PHASES, next_tick, phase, ticks_between

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

times = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
intervals = st.sampled_from([1, 4, 5, 10, 30, 60, 600]).map(lambda seconds: timedelta(seconds=seconds))
phases = st.integers(0, PHASES - 1)


def test_ticks_are_multiples_of_the_interval_moved_by_a_quarter_of_it_for_each_phase() -> None:
    assert next_tick(NOON, 20 * SECOND, 0) == NOON + 20 * SECOND
    assert next_tick(NOON, 20 * SECOND, 1) == NOON + 5 * SECOND
    assert next_tick(NOON, 20 * SECOND, 3) == NOON + 15 * SECOND
    assert next_tick(NOON, 5 * SECOND, 1) == NOON + 1.25 * SECOND


@given(times, intervals, phases)
def test_the_next_tick_is_later_by_at_most_an_interval(now: datetime, interval: timedelta, number: int) -> None:
    tick = next_tick(now, interval, number)
    assert now < tick <= now + interval
    assert next_tick(tick, interval, number) == tick + interval


@given(times, intervals, phases, st.integers(0, 20))
def test_ticks_between_are_all_of_them(now: datetime, interval: timedelta, number: int, count: int) -> None:
    ticks = ticks_between(now, now + count * interval, interval, number)
    assert len(ticks) == count
    assert list(ticks) == sorted(ticks)


@given(times, intervals)
def test_the_first_window_begins_within_a_quarter_of_one(began: datetime, interval: timedelta) -> None:
    first = next_tick(began + interval - timedelta(microseconds=1), interval, phase(began, interval))
    assert timedelta(0) <= first - interval - began < interval / PHASES


def test_all_phases_are_used() -> None:
    assert [phase(NOON + number * SECOND, 20 * SECOND) for number in (0, 1, 5, 6, 14, 16, 20)] == [0, 1, 1, 2, 3, 0, 0]
