"""A time that only moves when a test says so."""

import asyncio
from datetime import UTC, datetime, timedelta


class ManualTime:
    """Fulfils `serin.controller.clock.TimeSource`."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        """Begin at this time."""
        self._now = start
        self._moved = asyncio.Event()
        self.sleepers: list[datetime] = []
        """The times that somebody is waiting for now."""

    def now(self) -> datetime:
        """The present time."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the time, and wake whoever waited for it."""
        self.set(self._now + timedelta(seconds=seconds))

    def set(self, when: datetime) -> None:
        """Move the time there, backwards too."""
        self._now = when
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, when: datetime) -> None:
        """Return once the time has been moved there."""
        self.sleepers.append(when)
        try:
            while self._now < when:
                await self._moved.wait()
        finally:
            self.sleepers.remove(when)
