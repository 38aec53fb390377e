"""One query for many rollouts: which are needed, for whom, and over which times."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from serin.metrics.preset import Preset, load_preset
from serin.metrics.promql import any_of, counted, escape_regex, selector
from serin.metrics.provider import RangeQuery
from serin.metrics.signals import HISTOGRAMS, Signal, refusal, signal_of, source
from serin.metrics.subject import Subject

MAX_SUBJECTS = 2000
"""Rollouts in one query."""
MAX_POINTS = 10_000
"""Rollouts times ticks in one query: a history or a long outage is read in pieces. Each point is two versions' worth of
series, a dozen for a histogram, and an answer takes some hundred bytes of memory for each."""
MAX_SELECTOR = 300
"""Characters of a label's regular expression. It stands in the query five times, and the query in the URL: in all below
8,000 characters, of which proxies in front of Prometheus (nginx, Apache) refuse more."""

TIMEOUT_OF_INTERVAL = 0.8
"""The next tick must not wait for the answer to this one."""


@dataclass(frozen=True)
class Batch:
    """One query, and the rollouts that it answers for."""

    signal: Signal
    preset: Preset
    subjects: tuple[Subject, ...]
    query: RangeQuery


def needs(subject: Subject) -> set[tuple[Signal, str]]:
    """The signals that a rollout reads, each with the name of its preset."""
    read = {(Signal.REQUESTS, subject.requests_preset.name)}
    for metric in subject.analysis.metrics:
        signal, preset = signal_of(metric), subject.preset_of(metric)
        if signal is not None and refusal(metric, preset) is None:
            read.add((signal, preset.name))
    return read


def batches(subjects: Iterable[Subject]) -> Iterator[Batch]:
    """The fewest queries that answer for all: one per signal, preset, interval and phase of the grid."""
    groups: dict[tuple[Signal, str, timedelta, timedelta], list[Subject]] = defaultdict(list)
    for subject in subjects:
        interval = subject.analysis.interval
        phase = timedelta(seconds=subject.due[-1].timestamp()) % interval
        for signal, name in needs(subject):
            groups[signal, name, interval, phase].append(subject)
    for (signal, name, interval, _), members in sorted(groups.items(), key=lambda group: group[0]):
        preset = load_preset(name)
        for chunk in _chunks(sorted(members, key=lambda subject: subject.key)):
            expression = _expression(signal, preset, interval, chunk)
            for start, end in _spans(chunk, interval):
                yield Batch(
                    signal, preset, chunk, RangeQuery(expression, start, end, interval, interval * TIMEOUT_OF_INTERVAL)
                )


def _chunks(members: Sequence[Subject]) -> Iterator[tuple[Subject, ...]]:
    for start in range(0, len(members), MAX_SUBJECTS):
        yield tuple(members[start : start + MAX_SUBJECTS])


def _spans(chunk: Sequence[Subject], interval: timedelta) -> Iterator[tuple[datetime, datetime]]:
    start = min(subject.due[0] for subject in chunk)
    last = max(subject.due[-1] for subject in chunk)
    length = interval * (max(1, MAX_POINTS // len(chunk)) - 1)
    while start <= last:
        yield start, min(start + length, last)
        start += length + interval


def _expression(signal: Signal, preset: Preset, interval: timedelta, chunk: Sequence[Subject]) -> str:
    read = source(signal, preset)
    matchers = {**read.only, **_matchers(preset, chunk)}
    if signal is Signal.FEATURES and len(wanted := _features(chunk)) <= MAX_SELECTOR:
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
    """What narrows the query: each revision label's values, or what they have in common, or only that there is one.

    The answer is joined exactly in any case; this only spares Prometheus what nobody asked for.
    """
    identities = [
        subject.identity(preset, revision) for subject in chunk for revision in (subject.candidate, subject.stable)
    ]
    matchers = {}
    for position, label in enumerate(preset.label_names):
        values = sorted({identity[position] for identity in identities})
        matchers[label] = any_of(values)
        if label in preset.revision.extract:
            matchers[label] = f".*({matchers[label]}).*"
        if len(matchers[label]) > MAX_SELECTOR:
            matchers[label] = ".+" if label in preset.revision.extract else _prefixes(values)
    return matchers


def _prefixes(values: Sequence[str]) -> str:
    """A pattern for many values by their first part, such as a namespace before `_`; anything if that is no shorter."""
    prefixes = "|".join(sorted({escape_regex(value.split("_")[0]) + "_.*" for value in values if "_" in value}))
    return prefixes if prefixes and len(prefixes) <= MAX_SELECTOR else ".+"
