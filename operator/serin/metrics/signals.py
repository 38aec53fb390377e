"""What can be counted, and by which series of a preset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from serin.api.spec import AnalysisMetric, DriftOf, MetricName, MetricSource
from serin.metrics.preset import MODEL_PRESET, Preset, PresetError, load_preset


class Signal(StrEnum):
    """What a query counts; one query answers error-rate and split alike."""

    REQUESTS = "requests"
    LATENCY = "latency"
    OUTCOMES = "outcomes"
    SCORES = "scores"
    CLASSES = "classes"
    FEATURES = "features"


HISTOGRAMS = frozenset({Signal.LATENCY, Signal.SCORES, Signal.FEATURES})
_WHAT = {
    Signal.OUTCOMES: "true labels",
    Signal.SCORES: "prediction scores",
    Signal.CLASSES: "predictions by class",
    Signal.FEATURES: "input features",
}
_SIGNALS: Mapping[str, Signal] = {
    MetricName.ERROR_RATE: Signal.REQUESTS,
    MetricName.LATENCY: Signal.LATENCY,
    MetricName.ACCURACY: Signal.OUTCOMES,
    MetricName.INPUT_DRIFT: Signal.FEATURES,
}


@dataclass(frozen=True)
class Source:
    """The series that count a signal.

    metrics: their names, more than one where the answer tells them apart by `COUNTER_LABEL`.
    labels: their labels beyond those of the revision, in the order of a cell.
    only, without: label to a regular expression; series that do not match, or that do, are not asked for.
    """

    metrics: tuple[str, ...]
    labels: tuple[str, ...]
    only: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)


def signal_of(metric: AnalysisMetric) -> Signal | None:
    """What a built-in metric reads; None for a metric of the user's own."""
    if metric.name == MetricName.PREDICTION_DRIFT:
        return Signal.CLASSES if metric.of is DriftOf.CLASSES else Signal.SCORES
    return _SIGNALS.get(metric.name)


def refusal(metric: AnalysisMetric, preset: Preset) -> str | None:
    """Why a preset cannot count a built-in metric, and where to take it from, for people; None if it can."""
    signal = signal_of(metric)
    if signal is None:
        return None
    lacking = next((text for name, text in preset.lacks.items() if name == metric.name), None)
    return _absent(signal, preset) if lacking is None and _source(signal, preset) is None else lacking


def _absent(signal: Signal, preset: Preset) -> str:
    return f"{preset.name} counts no {_WHAT.get(signal, signal)}"


def preset_of(metric: AnalysisMetric, *, server: str, gateway: str) -> Preset:
    """Whose series a built-in metric reads, with a model server and a gateway of these presets.

    A model server counts requests. True labels, predictions and features the model itself, a sidecar or a joiner
    exposes, by Serin's contract, unless the server's own preset has them.

    Raises:
        PresetError: there is no such preset.
    """
    if metric.source is MetricSource.GATEWAY:
        return load_preset(gateway)
    preset, signal = load_preset(server), signal_of(metric)
    return load_preset(MODEL_PRESET) if signal in _WHAT and _source(signal, preset) is None else preset


def source(signal: Signal, preset: Preset) -> Source:
    """The series that count a signal.

    Raises:
        PresetError: the preset does not count it.
    """
    found = _source(signal, preset)
    if found is None:
        raise PresetError(_absent(signal, preset))
    return found


def _source(signal: Signal, preset: Preset) -> Source | None:
    if signal is Signal.REQUESTS:
        requests = preset.requests
        metrics = tuple(counter.metric for counter in requests.counters)
        return Source(metrics, requests.labels, requests.only, requests.without)
    if signal is Signal.LATENCY and (latency := preset.latency):
        return Source((latency.metric,), ("le",), latency.only, latency.without)
    if signal is Signal.OUTCOMES and (outcomes := preset.outcomes):
        return Source((outcomes.metric,), (outcomes.predicted_label, outcomes.actual_label))
    if signal is Signal.SCORES and (scores := preset.scores):
        return Source((scores.metric,), ("le",))
    if signal is Signal.CLASSES and (classes := preset.classes):
        return Source((classes.metric,), (classes.class_label,))
    if signal is Signal.FEATURES and (features := preset.features):
        return Source((features.metric,), (features.feature_label, "le"))
    return None
