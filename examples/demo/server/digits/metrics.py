"""The metrics by which the two servers are judged.

Names and labels are the contract that Serin's `contract` preset reads. The series of a model server carry
no revision: Prometheus puts the pod's labels on them. Those of the joiner carry `serin_model` and
`serin_revision` themselves, because its pod belongs to no revision.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector

# A service-level objective is measured exactly where it is a bucket edge.
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0)
LAG_BUCKETS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0)
DIGITS = range(10)

disable_created_metrics()  # type: ignore[no-untyped-call]


class ServerMetrics:
    """What a model server counts."""

    def __init__(self) -> None:
        """Register every series at zero, so that a first error is an increase and not a new series."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "model_request_total", "Prediction requests by outcome.", ["outcome"], registry=self.registry
        )
        self.durations = Histogram(
            "model_request_duration_seconds",
            "Time from a request's arrival to its answer.",
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        self.predictions = Counter(
            "model_prediction_total", "Predictions by predicted class.", ["class"], registry=self.registry
        )
        self.trained = Gauge("model_trained_timestamp_seconds", "When the model was trained.", registry=self.registry)
        self.data_cutoff = Gauge(
            "model_data_cutoff_timestamp_seconds", "When its training data ended.", registry=self.registry
        )
        self.loaded = Gauge("model_loaded_timestamp_seconds", "When the model was loaded.", registry=self.registry)
        for outcome in ("success", "error", "rejected"):
            self.requests.labels(outcome)
        for digit in DIGITS:
            self.predictions.labels(str(digit))

    def answered(self, outcome: str, seconds: float) -> None:
        """Count one request and its duration."""
        self.requests.labels(outcome).inc()
        self.durations.observe(seconds)

    def predicted(self, digit: int) -> None:
        """Count one prediction."""
        self.predictions.labels(str(digit)).inc()


class OutcomeMetrics:
    """What the joiner counts: a confusion matrix per revision, how late labels are, and what it refused."""

    def __init__(self) -> None:
        """Register the metrics; a revision's series appear with its first label."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        revision = ["serin_model", "serin_revision"]
        self.outcomes = Counter(
            "model_outcome_total",
            "True labels by what the revision had predicted.",
            [*revision, "predicted", "actual"],
            registry=self.registry,
        )
        self.lags = Histogram(
            "model_outcome_lag_seconds",
            "Time from a prediction to its true label.",
            revision,
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )
        self.refusals = Counter(
            "outcome_refused_total", "Labels that were not counted.", ["reason"], registry=self.registry
        )
