"""Counts per version from Prometheus: presets, query building and batching, the client."""

from serin.metrics.autoscaling import AutoscalingMetrics
from serin.metrics.collector import MetricsCollector
from serin.metrics.meters import Meters
from serin.metrics.pool import ServerPool
from serin.metrics.prometheus import PrometheusProvider
from serin.metrics.provider import MetricsError, MetricsProvider
from serin.metrics.servers import Server, ServersError, load_servers
from serin.metrics.subject import Subject, SubjectKey

__all__ = [
    "AutoscalingMetrics",
    "Meters",
    "MetricsCollector",
    "MetricsError",
    "MetricsProvider",
    "PrometheusProvider",
    "Server",
    "ServerPool",
    "ServersError",
    "Subject",
    "SubjectKey",
    "load_servers",
]
