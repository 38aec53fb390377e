"""Time that only goes forward: what deadlines between machines are counted by."""

import asyncio
import time
from typing import Protocol


class SteadyTime(Protocol):
    """A clock that only goes forward, and a way to wait. Tests bring one of their own."""

    def now(self) -> float:
        """Seconds since some moment."""

    async def sleep_until(self, when: float) -> None:
        """Return at that time."""


class MachineTime(SteadyTime):
    """The machine's steady clock. It counts the time that the machine was suspended, too: others went on meanwhile."""

    def now(self) -> float:
        """Seconds since the machine started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    async def sleep_until(self, when: float) -> None:
        """Sleep."""
        await asyncio.sleep(max(0.0, when - self.now()))
