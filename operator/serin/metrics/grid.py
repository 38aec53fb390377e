"""The grid of ticks: multiples of the interval in Unix time, in at most four phases. Pure.

Rollouts with the same interval share at most four tick times per interval, so one query serves many of them, and the
load on Prometheus is spread. The grid needs no state: a restarted operator finds the same ticks.
"""

from datetime import UTC, datetime, timedelta

PHASES = 4
HISTORY = timedelta(minutes=30)
"""Of stable alone, from before the analysis: how much more than chance its numbers jump (judging.md, phi0)."""
HISTORY_TICKS = 60

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def phase(began: datetime, interval: timedelta) -> int:
    """The phase, from 0 to 3, in which what began then waits least: its first window begins within a quarter of one."""
    quarters = -((_EPOCH - began) // (interval / PHASES))
    return quarters % PHASES


def next_tick(after: datetime, interval: timedelta, phase: int) -> datetime:
    """The first tick later than `after`."""
    offset = _EPOCH + interval * phase / PHASES
    return offset + ((after - offset) // interval + 1) * interval


def ticks_between(after: datetime, until: datetime, interval: timedelta, phase: int) -> tuple[datetime, ...]:
    """Every tick later than `after`, up to and with `until`, oldest first."""
    found = []
    tick = next_tick(after, interval, phase)
    while tick <= until:
        found.append(tick)
        tick += interval
    return tuple(found)


def history(began: datetime, interval: timedelta) -> tuple[datetime, ...]:
    """The ticks before an analysis that stable's habits are learned from, oldest first."""
    known = min(HISTORY, HISTORY_TICKS * interval)
    return ticks_between(began - known, began, interval, phase(began, interval))


def before_first(began: datetime, interval: timedelta) -> datetime:
    """Just before the first tick whose window lies in an analysis."""
    return began + interval - timedelta(microseconds=1)
