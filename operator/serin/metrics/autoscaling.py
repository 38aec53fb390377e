"""What autoscaling follows in Prometheus: many revisions with few queries. What goes wrong is a sample with words."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import TypeVar

from serin.metrics import containers, loads, own_values
from serin.metrics.asking import Answer, Asker
from serin.metrics.containers import Workload
from serin.metrics.loads import Kind, Load
from serin.metrics.meters import Meters
from serin.metrics.own import OwnQueryError
from serin.metrics.own_values import OwnValue
from serin.metrics.preset import preset_names
from serin.metrics.provider import MetricsProvider, RangeQuery
from serin.scaling.samples import ExternalValues, PodValues, ResourceUsage, Unavailable

Member = TypeVar("Member")

MOST_AT_ONCE = 10_000
"""Revisions in one query for a single time; a server that finds that too large gets halves."""


class AutoscalingMetrics:
    """Answers one pass over all autoscaled ModelDeployments."""

    def __init__(self, provider: MetricsProvider, meters: Meters) -> None:
        self._asker = Asker(provider, meters)
        self._most: dict[Hashable, int] = {}
        """Members in one query, of what a server once found too large: it is not asked for so much again."""

    async def loads(self, wanted: Iterable[Load], at: datetime) -> Mapping[Load, PodValues | Unavailable]:
        """Signals of presets: one query for each kind of them, whatever the number of revisions."""
        found: dict[Load, PodValues | Unavailable] = {}
        kinds: dict[Kind, list[Load]] = defaultdict(list)
        for load in dict.fromkeys(wanted):
            refused = _refusal(load.kind)
            if refused is None:
                kinds[load.kind].append(load)
            else:
                found[load] = Unavailable(refused)
        asked = (
            self._ask_all(kind, members, partial(loads.query_of, at=at), signal=kind.signal)
            for kind, members in kinds.items()
        )
        for members, answer in chain.from_iterable(await asyncio.gather(*asked)):
            found |= loads.read(members, answer, at)
        return found

    async def usage(
        self, wanted: Mapping[str, Collection[Workload]], at: datetime
    ) -> Mapping[tuple[str, str, str], ResourceUsage | Unavailable]:
        """What pods use by cAdvisor: one query for each resource, whatever the number of workloads.

        Args:
            wanted: workloads by resource, which is `cpu` or `memory`.
            at: when.

        Returns:
            by resource, namespace and name of the workload.
        """
        asked = (
            self._ask_all(resource, [*members], partial(containers.query_of, resource, at=at), signal="usage")
            for resource, members in wanted.items()
        )
        found = {}
        for resource, answers in zip(wanted, await asyncio.gather(*asked), strict=True):
            for members, answer in answers:
                for (namespace, name), sample in containers.read(resource, members, answer, at).items():
                    found[resource, namespace, name] = sample
        return found

    async def values(self, wanted: Iterable[OwnValue], at: datetime) -> Mapping[OwnValue, ExternalValues | Unavailable]:
        """Queries of users' own, each of which is asked alone."""
        distinct = list(dict.fromkeys(wanted))
        answers = await asyncio.gather(*(self._value(value, at) for value in distinct))
        return dict(zip(distinct, answers, strict=True))

    async def _value(self, value: OwnValue, at: datetime) -> ExternalValues | Unavailable:
        try:
            query = own_values.query_of(value, at)
        except OwnQueryError as error:
            return Unavailable(f"the query cannot be asked: {error}")
        whose = f"{value.namespace}/{value.model}"
        return own_values.read(await self._asker.ask(query, "own", whose), at)

    async def _ask_all(
        self,
        kind: Hashable,
        members: Sequence[Member],
        query_of: Callable[[Sequence[Member]], RangeQuery],
        *,
        signal: str,
    ) -> list[tuple[Sequence[Member], Answer]]:
        """The answers for all, in as few queries as the server takes."""
        most = self._most.get(kind, MOST_AT_ONCE)

        def too_large(number: int) -> None:
            self._most[kind] = min(max(1, number // 2), self._most.get(kind, number))

        parts = (members[start : start + most] for start in range(0, len(members), most))
        asked = (self._asker.ask_in_parts(part, query_of, signal=signal, too_large=too_large) for part in parts)
        return [*chain.from_iterable(await asyncio.gather(*asked))]


def _refusal(kind: Kind) -> str | None:
    """Why a signal cannot be asked for."""
    if kind.preset not in preset_names():
        return f"no preset is called {kind.preset!r}: write one of {', '.join(preset_names())} in spec.server"
    return loads.lacking(kind) if loads.series_of(kind) is None else None
