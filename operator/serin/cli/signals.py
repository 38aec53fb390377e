"""What a preset counts, as a list of series with the labels that they must bear."""

from collections.abc import Mapping
from dataclasses import dataclass

from serin.metrics.preset import CounterKind, Preset


@dataclass(frozen=True)
class SeriesWanted:
    """One metric that a preset reads.

    signal: what it is for, in a word.
    labels: those that must be there, beside the revision's.
    only: label to regular expression: which of its series count.
    needed: without it there is nothing to judge by; the others are there on some servers only, or after a first event.
    unit_seconds: of a histogram of durations, what one unit of `le` is.
    """

    signal: str
    metric: str
    labels: tuple[str, ...] = ()
    only: Mapping[str, str] | None = None
    needed: bool = False
    unit_seconds: float | None = None


def series_of(preset: Preset) -> tuple[SeriesWanted, ...]:
    """Every metric that a preset reads, the needed ones first."""
    wanted = [
        SeriesWanted(
            "requests" if counter.counts is CounterKind.REQUESTS else "failures",
            counter.metric,
            tuple(sorted({label for matchers in (*counter.bad, *counter.ignored) for label in matchers})),
            preset.requests.only,
            needed=counter.counts is CounterKind.REQUESTS,
        )
        for counter in preset.requests.counters
    ]
    if preset.latency is not None:
        latency = preset.latency
        wanted.append(
            SeriesWanted(
                "latency", latency.metric, ("le",), latency.only, needed=True, unit_seconds=latency.unit_seconds
            )
        )
    if preset.outcomes is not None:
        labels = (preset.outcomes.predicted_label, preset.outcomes.actual_label)
        wanted.append(SeriesWanted("outcomes", preset.outcomes.metric, labels))
    if preset.scores is not None:
        wanted.append(SeriesWanted("scores", preset.scores.metric, ("le",)))
    if preset.classes is not None:
        wanted.append(SeriesWanted("classes", preset.classes.metric, (preset.classes.class_label,)))
    if preset.features is not None:
        wanted.append(SeriesWanted("features", preset.features.metric, (preset.features.feature_label, "le")))
    wanted += [
        SeriesWanted(signal, gauge.metric, only=gauge.only)
        for signal, gauge in (("queue", preset.queue), ("running", preset.running))
        if gauge is not None
    ]
    return tuple(wanted)
