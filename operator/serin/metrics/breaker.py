"""Spares a server that fails: after some failures in a row it is asked one thing at a time, and less and less often."""

import asyncio
import time
from collections.abc import Callable

from serin.metrics.provider import (
    CircuitOpenError,
    MetricsError,
    MetricsProvider,
    RangeQuery,
    Series,
    UnavailableError,
    UnreachableError,
    UnreadableError,
)

FAILURES = 3
"""So many in a row, and the server itself is taken to be at fault."""
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Seconds from one probe to the next, doubled from the first to the longest."""

_OF_THE_SERVER = (UnreachableError, UnavailableError, UnreadableError)
"""A query that is wrong or too large fails on a server in good health, and a partial answer comes from one."""


class Breaker:
    """A provider that answers with its last failure while its server is not well.

    Once open, the next query after the wait is the probe: the others wait for how it ends. If it is answered all of
    them are asked, so that no tick is lost when the server is back; if it is not, they fail like it.

    Args:
        provider: who asks the server.
        tell: told whether it is open, whenever that changes.
        clock: steady time in seconds.
    """

    def __init__(
        self, provider: MetricsProvider, tell: Callable[[bool], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._provider = provider
        self._tell = tell
        self._clock = clock
        self._failures = 0
        self._wait = FIRST_WAIT
        self._last: MetricsError | None = None
        self._next_probe = 0.0
        self._probe: asyncio.Future[None] | None = None

    @property
    def last(self) -> MetricsError | None:
        """The failure that it answers with while it is open."""
        return self._last

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """Answer a query in full, or raise a `MetricsError`."""
        while self._last is not None:
            if self._probe is not None:
                await asyncio.shield(self._probe)
            elif self._clock() < self._next_probe:
                raise CircuitOpenError(str(self._last))
            else:
                return await self._ask_as_probe(query)
        return await self._ask(query)

    async def _ask_as_probe(self, query: RangeQuery) -> tuple[Series, ...]:
        self._probe = asyncio.get_running_loop().create_future()
        try:
            return await self._ask(query)
        finally:
            self._probe.set_result(None)
            self._probe = None

    async def _ask(self, query: RangeQuery) -> tuple[Series, ...]:
        try:
            answer = await self._provider.query_range(query)
        except _OF_THE_SERVER as error:
            self._failed(error)
            raise
        except MetricsError:
            self._answered()
            raise
        self._answered()
        return answer

    def _failed(self, error: MetricsError) -> None:
        self._failures += 1
        if self._failures < FAILURES:
            return
        if self._last is None:
            self._tell(True)  # noqa: FBT003 - a gauge of one
            self._wait = FIRST_WAIT
        elif self._probe is not None:
            self._wait = min(2 * self._wait, LONGEST_WAIT)
        self._last = error
        self._next_probe = self._clock() + self._wait

    def _answered(self) -> None:
        self._failures = 0
        if self._last is not None:
            self._last = None
            self._tell(False)  # noqa: FBT003 - a gauge of one
