"""A steady clock that only moves when a test says so."""

import asyncio


class ManualSteadyTime:
    """Fulfils `serin.cluster.steady.SteadyTime`."""

    def __init__(self) -> None:
        """Begin well after zero, which is no moment to count from."""
        self._now = 1000.0
        self._moved = asyncio.Event()

    def now(self) -> float:
        """The present time, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the time forward; whoever waited wakes when the loop turns next."""
        self._now += seconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, when: float) -> None:
        """Return once the time has been moved there."""
        await asyncio.sleep(0)
        while self._now < when:
            await self._moved.wait()
