"""The words of `spec.analysis.metrics`: which signals there are, who counts them, and how they are compared."""

from enum import StrEnum


class MetricName(StrEnum):
    """The signals that Serin knows how to count; any other name is one of the user's own."""

    ERROR_RATE = "error-rate"
    LATENCY = "latency"
    ACCURACY = "accuracy"
    PREDICTION_DRIFT = "prediction-drift"
    INPUT_DRIFT = "input-drift"


class MetricKind(StrEnum):
    """What a metric measures, and so how it is judged."""

    SHARE = "Share"
    """Bad events of all events."""
    MEAN = "Mean"
    """A mean over events, with its scatter."""
    GAUGE = "Gauge"
    """A level without counts."""
    DISTRIBUTION = "Distribution"
    """Counts per bin, compared between the versions."""


class MetricSource(StrEnum):
    """Who counts the requests."""

    SERVER = "Server"
    GATEWAY = "Gateway"


class MetricAction(StrEnum):
    """What a failed metric does."""

    ROLLBACK = "Rollback"
    WARN = "Warn"


class Direction(StrEnum):
    """Which values of a mean or a gauge are the good ones."""

    LOWER_IS_BETTER = "LowerIsBetter"
    HIGHER_IS_BETTER = "HigherIsBetter"


class DriftOf(StrEnum):
    """What prediction-drift compares."""

    SCORES = "Scores"
    CLASSES = "Classes"


class Divergence(StrEnum):
    """How far apart two distributions are, by which measure."""

    PSI = "PSI"
    KL = "KL"
    JS = "JS"
    KS = "KS"


DRIFTS = (MetricName.PREDICTION_DRIFT, MetricName.INPUT_DRIFT)
"""The built-in signals that are distributions; the others are shares."""
SHARES = tuple(name for name in MetricName if name not in DRIFTS)
