"""From rollouts that are due to ticks: ask together, read apart. Whatever goes wrong becomes missing data."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import TypeVar
from zlib import crc32

from serin.judge import Pair, Tick
from serin.metrics.asking import Answer, Asker
from serin.metrics.batch import Batch, Kind, batches, halves, needs
from serin.metrics.meters import Meters
from serin.metrics.own_queries import OwnAnswers, own_queries
from serin.metrics.own_reading import own_pair
from serin.metrics.preset import Preset, preset_names, proxy_names
from serin.metrics.provider import MetricsError, MetricsProvider, RangeQuery, TooLargeError
from serin.metrics.reading import Cell, Cells, Table, built_in_pair, no_counts, requests_pair, totals, with_lateness
from serin.metrics.signals import Signal, refusal, signal_of, source
from serin.metrics.subject import Subject, SubjectKey

T = TypeVar("T")


@dataclass
class _Answers:
    """What came back: tables of counts, and for whom and when there was no answer."""

    tables: dict[Kind, Table] = field(default_factory=lambda: defaultdict(Table))
    failures: dict[tuple[Kind, SubjectKey], list[tuple[datetime, datetime, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    own: OwnAnswers = field(default_factory=OwnAnswers)

    def add(self, batch: Batch, result: Answer) -> None:
        kind, query = batch.kind, batch.query
        if isinstance(result, MetricsError):
            for subject in batch.subjects:
                self.failures[kind, subject.key].append((query.start, query.end, str(result)))
        else:
            self.tables[kind].add(result, batch.preset.revision, source(kind.signal, batch.preset).labels)

    def failure(self, kind: Kind, subject: Subject, at: datetime) -> str | None:
        for start, end, text in self.failures.get((kind, subject.key), ()):
            if start <= at <= end:
                return text
        return None


class MetricsCollector:
    """Answers for many rollouts with few queries."""

    def __init__(self, provider: MetricsProvider, meters: Meters) -> None:
        self._asker = Asker(provider, meters)
        self._most: dict[Kind, int] = {}
        """Points in one query, of what a server once found too large: it is not asked for so much again."""

    async def collect(self, subjects: Sequence[Subject]) -> dict[SubjectKey, tuple[Tick, ...]]:
        """One tick for each due time of each subject, oldest first.

        Never raises for what Prometheus does. A tick with a `problem` was not answered in full: what it holds is
        good, and it should be asked for again at the next tick.
        """
        unknown = {one.key: problem for one in subjects if (problem := _without_preset(one)) is not None}
        wanted = [subject for subject in subjects if subject.due and subject.key not in unknown]
        asked, asked_apart = await asyncio.gather(
            asyncio.gather(*(self._ask(batch) for batch in batches(wanted, self._most))),
            asyncio.gather(*(self._ask_apart(one.key, query) for one, query in _own_queries(wanted))),
        )
        answers = _Answers()
        for batch, result in chain.from_iterable(asked):
            answers.add(batch, result)
        for key, query, result in chain.from_iterable(asked_apart):
            answers.own.add(key, query, result)
        ticks = {}
        for subject in wanted:
            read = sorted(needs(subject))
            ticks[subject.key] = tuple(_tick(subject, at, answers, read) for at in subject.due)
            await asyncio.sleep(0)  # hundreds of rollouts, each with a history: others have work to do, too
        # One rollout's mistake must not take the others' answers.
        for subject in subjects:
            if subject.key in unknown:
                ticks[subject.key] = tuple(Tick(at, problem=unknown[subject.key]) for at in subject.due)
        return ticks

    async def _ask(self, batch: Batch) -> list[tuple[Batch, Answer]]:
        """What is answered to a query, or to the parts of it that are small enough."""
        answer = await self._asker.ask(batch.query, batch.kind.signal, f"{len(batch.subjects)} rollouts")
        parts = halves(batch) if isinstance(answer, TooLargeError) else ()
        if not parts:
            return [(batch, answer)]
        self._most[batch.kind] = min(batch.points // 2, self._most.get(batch.kind, batch.points))
        return [*chain.from_iterable(await asyncio.gather(*map(self._ask, parts)))]

    async def _ask_apart(self, key: SubjectKey, query: RangeQuery) -> list[tuple[SubjectKey, RangeQuery, Answer]]:
        """What is answered to a user's own query, or to the parts of its time that are small enough."""
        answer = await self._asker.ask(query, "own", "/".join(key))
        parts = query.halves if isinstance(answer, TooLargeError) else ()
        if not parts:
            return [(key, query, answer)]
        return [*chain.from_iterable(await asyncio.gather(*(self._ask_apart(key, part) for part in parts)))]


def _without_preset(subject: Subject) -> str | None:
    """Which of the presets that it asks for does not exist, or counts for nobody; None if all is well."""
    if subject.server not in preset_names():
        return f"no preset is called {subject.server!r}"
    if subject.gateway not in proxy_names():
        return f"no proxy's preset is called {subject.gateway!r}: write one of {', '.join(proxy_names())}"
    return None


def _own_queries(subjects: Sequence[Subject]) -> list[tuple[Subject, RangeQuery]]:
    """Oldest first, in another order at each tick: where more are due than are answered in time, nobody starves."""
    found = [(subject, query) for subject in subjects for query in own_queries(subject)]
    return sorted(found, key=lambda asked: (asked[1].start, crc32(f"{asked[1].start}{asked[1].expression}".encode())))


def _tick(subject: Subject, at: datetime, answers: _Answers, read: Sequence[Kind]) -> Tick:
    problems = {kind: answers.failure(kind, subject, at) for kind in read}
    problem = next((text for text in problems.values() if text is not None), None)
    metrics = {}
    for metric in subject.analysis.metrics:
        preset = subject.preset_of(metric)
        signal = signal_of(metric)
        if signal is None:
            # The requests of the same tick tell how the server is: what fails here alone is the query's own fault.
            metrics[metric.name] = own_pair(subject, metric, at, answers.own)
            continue
        kind = Kind(subject.analysis.prometheus, signal, preset.name)
        if (refused := refusal(metric, preset)) is not None:
            metrics[metric.name] = Pair(None, None, refused)
        elif problems[kind] is None:
            table = answers.tables[kind]
            cells = _of_both(subject, preset, at, table.cells)
            pair = _with_note(built_in_pair(metric, preset, *cells), cells, signal, preset)
            candidate, stable = _of_both(subject, preset, at, table.was_scraped_once)
            metrics[metric.name] = with_lateness(pair, subject.analysis.interval, candidate=candidate, stable=stable)
    preset = subject.requests_preset
    requests_kind = Kind(subject.analysis.prometheus, Signal.REQUESTS, preset.name)
    requests = None
    if problems[requests_kind] is None:
        cells = _of_both(subject, preset, at, answers.tables[requests_kind].cells)
        requests = _with_note(totals(requests_pair(preset, *cells)), cells, Signal.REQUESTS, preset)
    return Tick(at, metrics, requests, problem)


def _of_both(subject: Subject, preset: Preset, at: datetime, look_up: Callable[[Cell, int], T]) -> tuple[T, T]:
    """What a table knows of the candidate and of stable, at the end of one window."""
    milliseconds = round(at.timestamp() * 1000)
    revisions = (subject.candidate, subject.stable)
    candidate, stable = (look_up(subject.identity(preset, revision), milliseconds) for revision in revisions)
    return candidate, stable


def _with_note(pair: Pair, cells: tuple[Cells, Cells], signal: Signal, preset: Preset) -> Pair:
    """What is missing, or is there and no count, is named, so that a person can look for it."""
    sides = zip((pair.candidate, pair.stable), cells, strict=True)
    unread = [side_cells for counts, side_cells in sides if counts is None]
    if pair.note is not None or not unread:
        return pair
    name = " or ".join(source(signal, preset).metrics)
    labels = ", ".join(preset.label_names)
    return Pair(pair.candidate, pair.stable, f"{name} (by {labels}) {no_counts(*unread)} in the window")
