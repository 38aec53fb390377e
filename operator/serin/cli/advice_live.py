"""What a live Prometheus shows of a ModelDeployment's metrics: series that are missing, bucket edges, scrapes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from serin.api.spec import AnalysisMetric, MetricName
from serin.cli.findings import Finding, Severity, finding
from serin.cli.manifests import FieldPath
from serin.cli.probe import Probed, Scope, in_seconds, probe
from serin.cli.signals import SeriesWanted, series_of
from serin.cli.target import Target
from serin.metrics import MetricsProvider
from serin.metrics.preset import Preset
from serin.metrics.signals import preset_of, refusal
from serin.metrics.subject import gateway_of

METRICS: FieldPath = ("spec", "analysis", "metrics")
_SERIES = {MetricName.ERROR_RATE: "requests", MetricName.LATENCY: "latency"}
"""The series that must be there whenever there is traffic; others come with labels and first events."""

_ROUND = timedelta(seconds=5)


@dataclass(frozen=True)
class Seen:
    """One metric's series. position: of the metric in the manifest."""

    metric: AnalysisMetric
    position: int
    probed: Probed


def look(target: Target, provider: MetricsProvider) -> tuple[Seen, ...]:
    """Look for what the built-in metrics need.

    Raises:
        UnusableInputError: Prometheus did not answer.
    """
    seen = []
    for position, metric in enumerate(target.analysis.metrics):
        wanted = _wanted(target, metric)
        if wanted is not None:
            seen.append(Seen(metric, position, _probe(target, provider, *wanted)))
    return tuple(seen)


def scraped_every(seen: Sequence[Seen]) -> timedelta | None:
    """The usual time between two scrapes, of the target that is scraped least; None if none is known.

    A scrape of those that were counted may have been missed: it is rounded down to what people write, such as 15s.
    """
    known = [one.probed.scraped_every for one in seen if one.probed.scraped_every is not None]
    longest = max(known, default=None)
    return longest if longest is None or longest < 2 * _ROUND else longest // _ROUND * _ROUND


def live_advice(target: Target, seen: Sequence[Seen]) -> Iterator[Finding]:
    """Series that are missing, and thresholds off the edges of their histogram's buckets."""
    for one in seen:
        if one.probed.problem is not None:
            yield finding(
                target.document,
                (*METRICS, one.position, "name"),
                f"{one.probed.wanted.metric}: {one.probed.problem}",
                rule="series-missing",
                severity=Severity.WARNING,
            )
        elif one.metric.name == MetricName.LATENCY and one.probed.edges:
            yield from _edges(target, one)


def _wanted(target: Target, metric: AnalysisMetric) -> tuple[Preset, SeriesWanted] | None:
    signal = next((signal for name, signal in _SERIES.items() if name == metric.name), None)
    preset = preset_of(metric, server=target.spec.server, gateway=gateway_of(target.spec))
    if signal is None or refusal(metric, preset) is not None:
        return None
    series = next((series for series in series_of(preset) if series.signal == signal), None)
    return None if series is None else (preset, series)


def _probe(target: Target, provider: MetricsProvider, preset: Preset, wanted: SeriesWanted) -> Probed:
    """Of this model; before its first rollout, of any other: the same server has the same buckets."""
    own = probe(provider, preset, wanted, Scope(target.namespace, target.name))
    return own if own.problem is None else probe(provider, preset, wanted, Scope())


def _edges(target: Target, one: Seen) -> Iterator[Finding]:
    limit = one.metric.latency_threshold.total_seconds()
    edges = one.probed.edges
    if any(abs(edge - limit) <= 1e-9 * limit for edge in edges):
        return
    path = (*METRICS, one.position, "threshold")
    above = next((edge for edge in edges if edge > limit), None)
    if above is None:
        yield finding(
            target.document,
            path,
            f"it holds every rollout: {one.probed.wanted.metric} has no bucket edge at or above it; write at most "
            f"{in_seconds(edges[-1])}, or give the histogram more buckets",
            rule="threshold-beyond-buckets",
        )
        return
    below = max((edge for edge in edges if edge < limit), default=None)
    near = in_seconds(above) if below is None else f"{in_seconds(below)} or {in_seconds(above)}"
    yield finding(
        target.document,
        path,
        f"it is judged at {in_seconds(above)}, the next bucket edge of {one.probed.wanted.metric}: write {near}, or "
        "give the histogram a bucket there",
        rule="threshold-off-bucket-edge",
        severity=Severity.WARNING,
    )
