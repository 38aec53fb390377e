"""All the servers that the operator knows, as one provider: each with its own threads, time-out and breaker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from serin.metrics.breaker import Breaker
from serin.metrics.meters import Meters
from serin.metrics.prometheus import PrometheusProvider
from serin.metrics.provider import CircuitOpenError, RangeQuery, Series, UnknownServerError
from serin.metrics.servers import Server


@dataclass(frozen=True)
class _Member:
    """own: users' own queries have threads of their own, so that slow ones hold up nobody's batch."""

    batched: PrometheusProvider
    own: PrometheusProvider
    breaker: Breaker


class ServerPool:
    """Fulfils `MetricsProvider` by the query's server. Close it when it is no longer needed.

    Args:
        servers: at least one.
        longest: how long a query may take where the server says nothing.
        meters: told which servers are spared.
    """

    def __init__(self, servers: Sequence[Server], longest: timedelta, meters: Meters) -> None:
        self._members = {server.name: _member(server, longest, meters) for server in servers}

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """Answer a query in full, or raise a `MetricsError`."""
        member = self._members.get(query.server)
        if member is None:
            known = ", ".join(sorted(self._members))
            raise UnknownServerError(
                f"no Prometheus of the operator's settings is called {query.server!r}: write one of {known}"
            )
        if not query.own:
            return await member.breaker.query_range(query)
        if member.breaker.last is not None:
            raise CircuitOpenError(str(member.breaker.last))
        return await member.own.query_range(query)

    def close(self) -> None:
        """End the threads and connections; queries under way are not waited for."""
        for member in self._members.values():
            member.batched.close()
            member.own.close()


def _member(server: Server, longest: timedelta, meters: Meters) -> _Member:
    longest = server.timeout or longest
    own_threads = max(1, server.concurrency // 2)
    batched = PrometheusProvider(server.url, longest, access=server, threads=server.concurrency)
    own = PrometheusProvider(server.url, longest, access=server, threads=own_threads)
    circuit = meters.circuits.labels(server.name)
    return _Member(batched, own, Breaker(batched, tell=circuit.set))
