"""What `/metrics` tells about Serin's dealings with the API server."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


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


class ElectionMetrics:
    """Tells whether this replica leads, and how often that changed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register with the operator's own registry; a replica that nobody elects leads."""
        self.leads = Gauge("serin_leader", "Whether this replica acts: 1, or 0 if it stands by.", registry=registry)
        self.leads.set(1)
        self.changes = Counter(
            "serin_leader_changes",
            "How often this replica gained the Lease, lost it, or gave it back.",
            ("change",),
            registry=registry,
        )

    def follow(self, leads: Callable[[], bool]) -> None:
        """Ask somebody who knows whether this replica leads."""
        self.leads.set_function(lambda: float(leads()))
