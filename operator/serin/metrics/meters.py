"""What the metrics room tells of itself on /metrics."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class Meters:
    """Queries sent, those not answered in full, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queries = Counter(
            "serin_prometheus_queries",
            "Queries sent to Prometheus, by the signal that they count.",
            ["signal"],
            registry=registry,
        )
        self.failures = Counter(
            "serin_prometheus_query_failures",
            "Queries that were not answered in full, by why.",
            ["reason"],
            registry=registry,
        )
        self.seconds = Histogram(
            "serin_prometheus_query_seconds",
            "How long a query took, answered or not.",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0),
            registry=registry,
        )
