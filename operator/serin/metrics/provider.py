"""What a source of metrics must do, and how it fails.

MetricsError
├── UnknownServerError   the operator's settings name no such server
├── CredentialsError     the server's credentials cannot be read
├── UnreachableError     no connection, or no answer in time
├── RefusedError         the server will not answer this query
│   ├── TooLargeError    because it is too large: two halves of it may be answered
│   └── UnavailableError nor any other: overloaded, broken, no permission
├── UnreadableError      an answer that is not Prometheus' JSON
├── PartialAnswerError   an answer with warnings: some of the data may be missing
└── CircuitOpenError     not asked, because the server failed just before
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from serin.metrics.servers import DEFAULT_SERVER


class MetricsError(Exception):
    """A query was not answered in full; the message says why in words for a person."""


class UnknownServerError(MetricsError):
    """No server of the operator's settings bears that name."""


class CredentialsError(MetricsError):
    """The credentials cannot be read."""


class UnreachableError(MetricsError):
    """There was no connection, or no answer in time."""


class RefusedError(MetricsError):
    """The server answered that it will not."""


class TooLargeError(RefusedError):
    """The query asks for more than the server gives at once."""


class UnavailableError(RefusedError):
    """The server would refuse any other query as well."""


class UnreadableError(MetricsError):
    """The answer was not what Prometheus answers."""


class PartialAnswerError(MetricsError):
    """The server warned that the answer may lack data."""


class CircuitOpenError(MetricsError):
    """The server failed several times in a row and is spared for a while; the message is its last failure's."""


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """An expression, evaluated at every `step` from `start` to `end`, both included; answered within `timeout`.

    server: the name of the server that is asked.
    own: a user wrote it. It tells nothing of its server's health: it may be slow by itself.
    """

    expression: str
    start: datetime
    end: datetime
    step: timedelta
    timeout: timedelta
    server: str = DEFAULT_SERVER
    own: bool = False

    @property
    def halves(self) -> tuple["RangeQuery", ...]:
        """Two queries over half the time that together answer the same; none for a single time."""
        if self.start >= self.end:
            return ()
        middle = self.start + (self.end - self.start) // self.step // 2 * self.step
        return replace(self, end=middle), replace(self, start=middle + self.step)


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
