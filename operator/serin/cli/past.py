"""What a Prometheus knows of two versions in the past, by the operator's own queries and on its own grid."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from prometheus_client import CollectorRegistry

from serin.cli.live import PATIENCE
from serin.cli.problems import UnusableInputError
from serin.cli.target import Target
from serin.judge import Tick
from serin.metrics import Meters, MetricsCollector, MetricsProvider, Subject
from serin.metrics.grid import before_first, history, phase, ticks_between
from serin.metrics.provider import RangeQuery, Series
from serin.metrics.subject import gateway_of

AT_ONCE = 500
"""Ticks in one query: Prometheus refuses more than 11,000 points a series."""


@dataclass(frozen=True)
class Versions:
    """The revisions that are compared, as their series are labeled."""

    candidate: str
    stable: str


@dataclass(frozen=True)
class Past:
    """history: ticks of stable from before the analysis; ticks: those of the analysis. Both oldest first."""

    history: tuple[Tick, ...]
    ticks: tuple[Tick, ...]


class _Patient:
    """The past does not hurry: a query may take longer than an interval."""

    def __init__(self, provider: MetricsProvider) -> None:
        self._provider = provider

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        return await self._provider.query_range(replace(query, timeout=PATIENCE))


def read_past(provider: MetricsProvider, target: Target, versions: Versions, began: datetime, end: datetime) -> Past:
    """Every tick from the beginning of an analysis up to `end`, and the history before it.

    Raises:
        UnusableInputError: there is no tick in that time; Prometheus did not answer; or it knows nothing of either
            version.
    """
    interval = target.analysis.interval
    due = ticks_between(before_first(began, interval), end, interval, phase(began, interval))
    if not due:
        raise UnusableInputError(
            "no tick lies between --start and --end: the first one is over an interval after --start and initialDelay"
        )
    before = history(began, interval)
    ticks = collect(provider, target, versions, (*before, *due))
    past = Past(ticks[: len(before)], ticks[len(before) :])
    if all(_is_empty(tick) for tick in past.ticks):
        note = next((pair.note for tick in past.ticks for pair in tick.metrics.values() if pair.note), None)
        raise UnusableInputError(
            f"Prometheus knows nothing of {target.namespace}/{target.name}, revisions {versions.candidate} and "
            f"{versions.stable}, in that time{f': {note}' if note else ''}; serin presets probe {target.spec.server} "
            "shows which revisions it knows"
        )
    return past


def collect(
    provider: MetricsProvider, target: Target, versions: Versions, due: tuple[datetime, ...]
) -> tuple[Tick, ...]:
    """These ticks, oldest first, whatever is in them.

    Raises:
        UnusableInputError: Prometheus did not answer.
    """
    collector = MetricsCollector(_Patient(provider), Meters(CollectorRegistry()))
    ticks: list[Tick] = []
    for first in range(0, len(due), AT_ONCE):
        subject = Subject(
            namespace=target.namespace,
            model=target.name,
            candidate=versions.candidate,
            stable=versions.stable,
            analysis=target.analysis,
            server=target.spec.server,
            gateway=gateway_of(target.spec),
            due=due[first : first + AT_ONCE],
        )
        ticks += asyncio.run(collector.collect([subject]))[subject.key]
    problem = next((tick for tick in ticks if tick.problem is not None), None)
    if problem is not None:
        raise UnusableInputError(f"the tick of {problem.at:%Y-%m-%dT%H:%M:%SZ} cannot be read: {problem.problem}")
    return tuple(ticks)


def _is_empty(tick: Tick) -> bool:
    pairs = [*tick.metrics.values(), *([tick.requests] if tick.requests else [])]
    return all(pair.candidate is None and pair.stable is None for pair in pairs)
