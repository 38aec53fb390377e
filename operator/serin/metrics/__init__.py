"""Counts per version from Prometheus: presets, query building and batching, the client."""

from serin.metrics.collector import MetricsCollector
from serin.metrics.meters import Meters
from serin.metrics.prometheus import PrometheusProvider
from serin.metrics.provider import MetricsError, MetricsProvider
from serin.metrics.subject import Subject, SubjectKey

__all__ = [
    "Meters",
    "MetricsCollector",
    "MetricsError",
    "MetricsProvider",
    "PrometheusProvider",
    "Subject",
    "SubjectKey",
]
