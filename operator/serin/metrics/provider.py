"""What a source of metrics must do, and how it fails.

MetricsError
├── UnreachableError     no connection, or no answer in time
├── RefusedError         an answer that is not 200: overloaded, wrong query, no permission
├── UnreadableError      an answer that is not Prometheus' JSON
└── PartialAnswerError   an answer with warnings: some of the data may be missing
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


class MetricsError(Exception):
    """A query was not answered in full; the message says why in words for a person."""


class UnreachableError(MetricsError):
    """There was no connection, or no answer in time."""


class RefusedError(MetricsError):
    """The server answered that it will not."""


class UnreadableError(MetricsError):
    """The answer was not what Prometheus answers."""


class PartialAnswerError(MetricsError):
    """The server warned that the answer may lack data."""


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """An expression, evaluated at every `step` from `start` to `end`, both included; answered within `timeout`."""

    expression: str
    start: datetime
    end: datetime
    step: timedelta
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels, and values by Unix time in milliseconds."""

    labels: Mapping[str, str]
    values: Mapping[int, float]


class MetricsProvider(Protocol):
    """A source of metrics that understands PromQL."""

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """Answer a query in full.

        Raises:
            MetricsError: it was not answered in full and in time.
        """
        ...
