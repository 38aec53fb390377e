"""What `/metrics` tells about Serin's dealings with the API server."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class ClientMetrics:
    """Counts requests by verb, kind and answer: labels that cannot grow without bound."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register with the operator's own registry."""
        self.requests = Counter(
            "serin_kubernetes_requests",
            "Requests to the API server, by verb, resource and status code (0: no answer).",
            ("verb", "resource", "code"),
            registry=registry,
        )
        self.seconds = Histogram(
            "serin_kubernetes_request_duration_seconds",
            "Time from a request to its whole answer, waits for a free slot not counted.",
            ("verb",),
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
        )
        self.watch_restarts = Counter(
            "serin_kubernetes_watch_restarts",
            "Watches that had to begin anew, by resource and cause.",
            ("resource", "cause"),
            registry=registry,
        )


class EventMetrics:
    """Counts what became of news about objects."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register with the operator's own registry."""
        self.results = Counter(
            "serin_kubernetes_events",
            "Events about objects: created, counted up, held back by the rate limit, or failed.",
            ("result",),
            registry=registry,
        )
