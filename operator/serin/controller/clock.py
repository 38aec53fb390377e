"""The central clock: wakes each key when it is due, and sleeps in between."""

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Gauge

from serin.cluster.steady import seconds_since_boot

logger = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)

LONGEST_SLEEP_SECONDS = 30.0
LARGEST_DRIFT_SECONDS = 0.25
"""What the wall clock may gain or lose from one look to the next and still be believed: an NTP client corrects it in
smaller pieces, and the steady clock follows those too."""
ONE_MOMENT_SECONDS = 0.01
LOOKS = 5


class TimeSource(Protocol):
    """What time it is, and a way to wait. Tests bring one of their own."""

    def now(self) -> datetime:
        """The present time, in UTC."""

    async def sleep_until(self, when: datetime) -> None:
        """Return at that time, or a little earlier."""


class SystemTime:
    """The machine's wall clock as it was at the start, going on evenly from there.

    Whoever sets the wall clock neither ends the steps under way nor prolongs them: a jump is told, and not followed. A
    restart begins with the wall clock again.
    """

    def __init__(
        self, *, wall: Callable[[], float] = time.time, steady: Callable[[], float] = seconds_since_boot
    ) -> None:
        """Begin with the wall clock.

        Args:
            wall: Unix time in seconds, which may be set at any moment.
            steady: seconds of a clock that is never set.
        """
        self._wall = wall
        self._steady = steady
        self._apart = self._clocks_apart()
        self._offset = 0.0

    @property
    def offset(self) -> float:
        """By how many seconds the wall clock is ahead of Serin's time, because it was set."""
        self._look()
        return self._offset

    def now(self) -> datetime:
        """The present time, in UTC."""
        self._look()
        return datetime.fromtimestamp(self._steady() + self._apart - self._offset, UTC)

    async def sleep_until(self, when: datetime) -> None:
        """Sleep, but never long: no sleep counts the time in which the machine is suspended."""
        seconds = (when - self.now()).total_seconds()
        await asyncio.sleep(min(max(0.0, seconds), LONGEST_SLEEP_SECONDS))

    def _look(self) -> None:
        """Follow what the wall clock drifted since the last look; count what it jumped."""
        apart = self._clocks_apart()
        moved, self._apart = apart - self._apart, apart
        if abs(moved) < LARGEST_DRIFT_SECONDS:
            return
        self._offset += moved
        logger.warning(
            "The machine's clock was set by %+.1f s. Serin's time goes on evenly: no step gets shorter or longer. "
            "It differs from the machine's by %+.1f s now, until Serin is restarted",
            moved,
            self._offset,
        )

    def _clocks_apart(self) -> float:
        """How far the wall clock is ahead of the steady one, both read at one moment."""
        for _ in range(LOOKS):
            before = self._steady()
            wall = self._wall()
            if self._steady() - before < ONE_MOMENT_SECONDS:
                break  # else the process was stopped in between, which looks like a jump
        return wall - before


def tell_offset(registry: CollectorRegistry, time: SystemTime) -> SystemTime:
    """Have /metrics tell what jumps of the machine's clock Serin did not follow; returns the time."""
    gauge = Gauge(
        "serin_clock_offset_seconds",
        "How far the machine's clock is ahead of Serin's time because it was set since the start.",
        registry=registry,
    )
    gauge.set_function(lambda: time.offset)
    return time


class Clock(Generic[Key]):
    """Calls `wake(key)` at each key's time."""

    def __init__(self, wake: Callable[[Key], None], time: TimeSource) -> None:
        """Prepare; `run` does the work.

        Args:
            wake: called for each key that is due; must not block.
            time: the time that `wake_at` is meant in.
        """
        self._wake = wake
        self._time = time
        self._due: dict[Key, datetime] = {}
        self._heap: list[tuple[datetime, int, Key]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """How many keys have a time."""
        return len(self._due)

    def wake_at(self, key: Key, when: datetime | None) -> None:
        """Wake the key then, instead of when it was to be woken before; None: not at all.

        A plan says all that it waits for each time that it is made, so the last word counts.
        """
        if when is None:
            self._due.pop(key, None)
            return
        if self._due.get(key) == when:
            return
        self._due[key] = when
        heapq.heappush(self._heap, (when, next(self._order), key))
        if self._heap[0][2] == key:
            self._changed.set()
        if len(self._heap) > 2 * len(self._due) + 64:
            self._compact()

    def next_due(self) -> datetime | None:
        """When the next key is due."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # what was replaced or dropped
        return self._heap[0][0] if self._heap else None

    async def run(self) -> None:
        """Wake keys until cancelled."""
        while True:
            self._changed.clear()
            due = self.next_due()
            if due is not None and due <= self._time.now():
                _, _, key = heapq.heappop(self._heap)
                del self._due[key]
                self._wake(key)
                continue
            await self._sleep(due)

    async def _sleep(self, due: datetime | None) -> None:
        """Until the time, or until an earlier one is set."""
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._changed.wait())]
        if due is not None:
            waits.append(asyncio.create_task(self._time.sleep_until(due)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _compact(self) -> None:
        """Drop what was replaced, before it outgrows what counts."""
        self._heap = [(when, next(self._order), key) for key, when in self._due.items()]
        heapq.heapify(self._heap)
