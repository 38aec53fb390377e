"""What the metrics room tells of itself on /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Meters:
    """Queries sent, those not answered in full, how long they took, and which servers are spared."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queries = Counter(
            "serin_prometheus_queries",
            "Queries to Prometheus, by the server's name and the signal that they count (own: users' own).",
            ["server", "signal"],
            registry=registry,
        )
        self.failures = Counter(
            "serin_prometheus_query_failures",
            "Queries that were not answered in full, by server and why.",
            ["server", "reason"],
            registry=registry,
        )
        self.seconds = Histogram(
            "serin_prometheus_query_seconds",
            "How long a query took, answered or not.",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0),
            registry=registry,
        )
        self.circuits = Gauge(
            "serin_prometheus_circuit_open",
            "Whether a server failed several times in a row, so that it is asked only now and then: 1, else 0.",
            ["server"],
            registry=registry,
        )
