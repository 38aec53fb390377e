"""Asks Prometheus and keeps count. What fails is an answer, too."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeVar

from serin.metrics.meters import Meters
from serin.metrics.provider import MetricsError, MetricsProvider, RangeQuery, Series, TooLargeError

Answer = tuple[Series, ...] | MetricsError
Part = TypeVar("Part")

LOG = logging.getLogger(__name__)


class Asker:
    """A provider whose queries are counted by what they are for."""

    def __init__(self, provider: MetricsProvider, meters: Meters) -> None:
        self._provider = provider
        self._meters = meters

    async def ask(self, query: RangeQuery, signal: str, whose: str) -> Answer:
        """What is answered, or why nothing is.

        Args:
            query: what is asked.
            signal: what it is for, one of a few words.
            whose: who is left without an answer, for people.
        """
        self._meters.queries.labels(query.server, signal).inc()
        begun = time.monotonic()
        try:
            return await self._provider.query_range(query)
        except MetricsError as error:
            self._meters.failures.labels(query.server, type(error).__name__).inc()
            LOG.warning("no %s for %s: %s", signal, whose, error)
            return error
        finally:
            self._meters.seconds.observe(time.monotonic() - begun)

    async def ask_in_parts(
        self,
        members: Sequence[Part],
        query_of: Callable[[Sequence[Part]], RangeQuery],
        *,
        signal: str,
        too_large: Callable[[int], None],
    ) -> list[tuple[Sequence[Part], Answer]]:
        """The answer for all members at once, or those for halves of them, as small as the server wants.

        Args:
            members: those that the query is for.
            query_of: the query for some of them.
            signal: what it is for.
            too_large: told of a number of members that was too many.
        """
        answer = await self.ask(query_of(members), signal, f"{len(members)} revisions")
        middle = len(members) // 2
        if not isinstance(answer, TooLargeError) or not middle:
            return [(members, answer)]
        too_large(len(members))
        halves = (members[:middle], members[middle:])
        asked = (self.ask_in_parts(half, query_of, signal=signal, too_large=too_large) for half in halves)
        return [*chain.from_iterable(await asyncio.gather(*asked))]
