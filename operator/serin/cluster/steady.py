"""Time that only goes forward: what deadlines between machines are counted by."""

import asyncio
import time
from typing import Protocol

_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux: it counts the time in which the machine was suspended too, and cannot be set."""


def seconds_since_boot() -> float:
    """A time that nobody sets."""
    return time.clock_gettime(_BOOT_CLOCK)


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
        return seconds_since_boot()

    async def sleep_until(self, when: float) -> None:
        """Sleep."""
        await asyncio.sleep(max(0.0, when - self.now()))
