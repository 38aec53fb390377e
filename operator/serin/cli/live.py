"""A live Prometheus, asked by the operator's own client."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from serin.cli.problems import UnusableInputError
from serin.metrics import MetricsError, MetricsProvider, PrometheusProvider
from serin.metrics.provider import RangeQuery
from serin.metrics.servers import Access

PATIENCE = timedelta(seconds=30)
"""How long one query may take."""


@dataclass(frozen=True)
class Found:
    """One element of an instant answer."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Address:
    """Where a Prometheus is, and how one shows it who one is."""

    url: str
    access: Access


@contextmanager
def connected(address: Address) -> Iterator[MetricsProvider]:
    """A Prometheus that can be asked."""
    provider = PrometheusProvider(address.url, PATIENCE, access=address.access)
    try:
        yield provider
    finally:
        provider.close()


def ask(provider: MetricsProvider, expression: str) -> list[Found]:
    """What an expression is now.

    Raises:
        UnusableInputError: it was not answered in full.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    query = RangeQuery(expression, now, now, timedelta(seconds=1), PATIENCE)
    try:
        series = asyncio.run(provider.query_range(query))
    except MetricsError as error:
        raise UnusableInputError(f"{error} (--prometheus names the server)") from error
    return [Found(one.labels, value) for one in series for value in one.values.values()]
