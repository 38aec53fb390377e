"""One query for many rollouts: which are needed, for whom, and over which times."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote_plus

from serin.metrics.preset import Preset, RevisionLabels, load_preset
from serin.metrics.promql import any_of, counted, quote, selector
from serin.metrics.provider import RangeQuery
from serin.metrics.signals import HISTOGRAMS, Signal, refusal, signal_of, source
from serin.metrics.subject import Subject

MAX_SUBJECTS = 2000
"""Rollouts in one query."""
MAX_POINTS = 10_000
"""Rollouts times ticks in one query: a history or a long outage is read in pieces. Each point is two versions' worth of
series, a dozen for a histogram, and an answer takes some hundred bytes of memory for each."""
MAX_SELECTOR = 280
"""Characters of a label's regular expression in a URL. It stands in the query six times, and the query in the URL: in
all below 8,000 characters, of which proxies in front of Prometheus (nginx, Apache) refuse more."""

TIMEOUT_OF_INTERVAL = 0.8
"""The next tick must not wait for the answer to this one."""


class Kind(NamedTuple):
    """What is counted, by the series of which preset, and which server is asked for it."""

    server: str
    signal: Signal
    preset: str


@dataclass(frozen=True)
class Batch:
    """One query, and the rollouts that it answers for."""

    kind: Kind
    preset: Preset
    subjects: tuple[Subject, ...]
    query: RangeQuery

    @property
    def points(self) -> int:
        """Rollouts times ticks."""
        return len(self.subjects) * ((self.query.end - self.query.start) // self.query.step + 1)


def needs(subject: Subject) -> set[Kind]:
    """What a rollout reads."""
    server = subject.analysis.prometheus
    read = {Kind(server, Signal.REQUESTS, subject.requests_preset.name)}
    for metric in subject.analysis.metrics:
        signal, preset = signal_of(metric), subject.preset_of(metric)
        if signal is not None and refusal(metric, preset) is None:
            read.add(Kind(server, signal, preset.name))
    return read


def batches(subjects: Iterable[Subject], most: Mapping[Kind, int] | None = None) -> Iterator[Batch]:
    """The fewest queries that answer for all: one per server, signal, preset, interval and phase of the grid.

    Args:
        subjects: the rollouts that are due.
        most: of what a server found too large, how many points to ask for at once.
    """
    groups: dict[tuple[Kind, timedelta, timedelta], list[Subject]] = defaultdict(list)
    for subject in subjects:
        interval = subject.analysis.interval
        phase = timedelta(seconds=subject.due[-1].timestamp()) % interval
        for kind in needs(subject):
            groups[kind, interval, phase].append(subject)
    for (kind, interval, _), members in sorted(groups.items(), key=lambda group: group[0]):
        points = min(MAX_POINTS, (most or {}).get(kind, MAX_POINTS))
        for chunk in _chunks(sorted(members, key=lambda subject: subject.key), min(MAX_SUBJECTS, points)):
            for start, end in _spans(chunk, interval, points):
                yield _batch(kind, chunk, start, end)


def halves(batch: Batch) -> tuple[Batch, ...]:
    """Two queries that together answer for the same, over half the time or for half the rollouts; none for one tick
    of one rollout."""
    query, middle = batch.query, len(batch.subjects) // 2
    if query.halves:
        return tuple(replace(batch, query=half) for half in query.halves)
    parts = (batch.subjects[:middle], batch.subjects[middle:])
    return tuple(_batch(batch.kind, part, query.start, query.end) for part in parts) if middle else ()


def _chunks(members: Sequence[Subject], length: int) -> Iterator[tuple[Subject, ...]]:
    for start in range(0, len(members), length):
        yield tuple(members[start : start + length])


def _spans(chunk: Sequence[Subject], interval: timedelta, points: int) -> Iterator[tuple[datetime, datetime]]:
    start = min(subject.due[0] for subject in chunk)
    last = max(subject.due[-1] for subject in chunk)
    length = interval * (max(1, points // len(chunk)) - 1)
    while start <= last:
        yield start, min(start + length, last)
        start += length + interval


def _batch(kind: Kind, chunk: tuple[Subject, ...], start: datetime, end: datetime) -> Batch:
    """One query for rollouts of the same interval."""
    preset, interval = load_preset(kind.preset), chunk[0].analysis.interval
    expression = _expression(kind.signal, preset, interval, chunk)
    query = RangeQuery(expression, start, end, interval, interval * TIMEOUT_OF_INTERVAL, server=kind.server)
    return Batch(kind, preset, chunk, query)


def _expression(signal: Signal, preset: Preset, interval: timedelta, chunk: Sequence[Subject]) -> str:
    read = source(signal, preset)
    matchers = {**read.only, **_matchers(preset, chunk)}
    if signal is Signal.FEATURES and _fits(wanted := _features(chunk)):
        matchers[read.labels[0]] = wanted
    # The total of a histogram falls whenever its server restarts; its buckets, many more, need not be looked at.
    telling = matchers | {"le": r"\+Inf"} if signal in HISTOGRAMS else matchers
    # Several counters are one query, in which their names are a label.
    metric, named = (read.metrics[0], {}) if len(read.metrics) == 1 else ("", {"__name__": any_of(read.metrics)})
    return counted(
        selector(metric, named | matchers, read.without),
        interval,
        telling=selector(metric, named | telling, read.without),
        scope=preset.label_names,
        by=(*preset.label_names, *read.labels),
    )


def _features(chunk: Sequence[Subject]) -> str:
    """What matches the features that somebody asks for: a server may expose many more."""
    metrics = (metric for subject in chunk for metric in subject.analysis.metrics)
    return any_of(sorted({metric.feature for metric in metrics if metric.feature is not None}))


def _matchers(preset: Preset, chunk: Sequence[Subject]) -> dict[str, str]:
    identities = {
        subject.identity(preset, revision) for subject in chunk for revision in (subject.candidate, subject.stable)
    }
    return narrowing(preset.revision, identities)


def narrowing(revision: RevisionLabels, identities: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """What narrows the query: each revision label's values, or what they have in common, or only that there is one.

    The answer is joined exactly in any case; this only spares Prometheus what nobody asked for.
    """
    matchers = {}
    for label, values in zip(revision.labels, zip(*identities, strict=True), strict=True):
        if label not in revision.extract:
            matchers[label] = narrowed(values)
        else:
            within = f".*({any_of(sorted(set(values)))}).*"
            matchers[label] = within if _fits(within) else ".+"
    return matchers


def narrowed(values: Iterable[str], *, followed_by: str = "") -> str:
    """An expression that matches these texts, each with something behind it that `followed_by` matches; or more."""
    wanted = sorted(set(values))
    exact = f"({any_of(wanted)}){followed_by}" if followed_by else any_of(wanted)
    return exact if _fits(exact) else _beginnings(wanted)


def _fits(pattern: str) -> bool:
    return len(quote_plus(quote(pattern))) <= MAX_SELECTOR


def _beginnings(values: Sequence[str]) -> str:
    """A pattern for many values by how they begin, as far as that can be written; anything if it cannot.

    Rollouts are cut by their names, so what a part of them begins with is not what the others begin with.
    """
    best, low, high = ".+", 1, max(map(len, values))
    while low <= high:
        length = (low + high) // 2
        pattern = f"({any_of(sorted({value[:length] for value in values}))}).*"
        if _fits(pattern):
            best, low = pattern, length + 1
        else:
            high = length - 1
    return best
