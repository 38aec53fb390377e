"""The grid of ticks: multiples of the interval in Unix time, in at most four phases. Pure.

Rollouts with the same interval share at most four tick times per interval, so one query serves many of them, and the
load on Prometheus is spread. The grid needs no state: a restarted operator finds the same ticks.
"""

from datetime import UTC, datetime, timedelta

PHASES = 4

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
