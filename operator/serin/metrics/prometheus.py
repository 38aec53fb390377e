"""Prometheus, over prometheus-api-client: synchronous requests in a few threads of their own."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests
from prometheus_api_client import PrometheusConnect
from pydantic import BaseModel, TypeAdapter, ValidationError
from requests.adapters import Retry

from serin.metrics.credentials import Stamp, adapter, open_session, stamp
from serin.metrics.promql import duration
from serin.metrics.provider import (
    MetricsError,
    PartialAnswerError,
    RangeQuery,
    RefusedError,
    Series,
    TooLargeError,
    UnavailableError,
    UnreachableError,
    UnreadableError,
)
from serin.metrics.servers import Access

_THREADS = 4
_SHORTEST = 0.02
"""Seconds in which an answer may still come."""
_OPEN = Access()
_RETRY = Retry(
    total=1, read=False, backoff_factor=0.2, status_forcelist=(408, 429, 502, 503, 504), raise_on_status=False
)
"""The next tick is the retry that matters."""


class _Element(BaseModel):
    metric: dict[str, str]
    values: list[tuple[float, float]]


_ELEMENT = TypeAdapter(_Element)


_TOO_LARGE = (
    "too many samples",  # Prometheus' --query.max-samples
    "exceeded maximum resolution",  # its 11,000 points a series
    "exceeded the maximum number of",  # Mimir's limits of series and chunks
    "exceeded series limit",  # Thanos
    "cannot select more than",  # VictoriaMetrics
)
_OF_ANY_QUERY = frozenset({401, 403, 407, 408, 429})
"""Statuses below 500 that tell of the server or of who asks, and not of what is asked."""


def _refuse_what_is_not_whole(response: requests.Response, *_: Any, **__: Any) -> None:
    """A hook of the session: the client itself drops an answer's warnings, and the status of a refusal.

    What newer servers call `infos` (a name that does not look like a counter's) says how a query was understood and
    not that data are missing, so it is not looked at.
    """
    if response.status_code != 200:
        raise _refusal(response)
    if b'"warnings"' not in response.content:
        return
    body = response.json()
    if isinstance(body, dict) and body.get("warnings"):
        warnings = "; ".join(str(warning) for warning in body["warnings"])
        raise PartialAnswerError(f"Prometheus warned that its answer may be incomplete: {_short(warnings)}")


def _refusal(response: requests.Response) -> RefusedError:
    if response.is_redirect:
        # requests would follow, and take some of the credentials along. Nobody else will read this answer to its end.
        response.close()
        place = response.headers["Location"].partition("?")[0].removesuffix("/api/v1/query_range")
        return UnavailableError(
            f"Prometheus is elsewhere (HTTP {response.status_code}): write {_short(place)} as its url"
        )
    words = response.reason or ""
    with contextlib.suppress(ValueError):
        body = response.json()
        if isinstance(body, dict):
            words = str(body.get("error", words))
    text = f"Prometheus refused the query (HTTP {response.status_code}): {_short(words)}"
    if response.status_code == 414 or any(phrase in words for phrase in _TOO_LARGE):
        return TooLargeError(text)
    if response.status_code >= 500 or response.status_code in _OF_ANY_QUERY:
        return UnavailableError(text)
    return RefusedError(text)


@dataclass(frozen=True)
class _Client:
    """One thread's own: a session of requests is not safe to share."""

    session: requests.Session
    api: PrometheusConnect
    credentials: Stamp


class PrometheusProvider:
    """Queries one Prometheus server. Close it when it is no longer needed.

    Args:
        url: such as http://prometheus.monitoring:9090, with a path prefix if there is one.
        longest: how long a query may take, even if its own timeout is longer.
        access: how it shows who it is.
        threads: how many queries are under way at once.
    """

    def __init__(self, url: str, longest: timedelta, *, access: Access = _OPEN, threads: int = _THREADS) -> None:
        self._url = url.rstrip("/")
        self._longest = longest
        self._access = access
        self._at_once = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="prometheus")
        self._local = threading.local()
        self._sessions: set[requests.Session] = set()

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """Answer a query in full, or raise a `MetricsError`."""
        seconds = min(query.timeout, self._longest).total_seconds()
        asked = self._threads.submit(self._query, query, seconds, time.monotonic() + seconds)
        try:
            # The time-out of requests is per read from the socket; this one bounds the whole.
            return await asyncio.wait_for(asyncio.wrap_future(asked), seconds)
        except TimeoutError as error:
            if asked.cancelled():
                raise self._not_asked(seconds) from error
            raise UnreachableError(f"Prometheus did not answer within {seconds:g}s") from error

    def _not_asked(self, seconds: float) -> UnreachableError:
        return UnreachableError(
            f"Prometheus was not asked within {seconds:g}s: more queries are due than {self._at_once} at once, which"
            " the server's concurrency allows, can ask in that time"
        )

    def close(self) -> None:
        """End the threads and connections; a query under way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for session in tuple(self._sessions):
            session.close()

    def _query(self, query: RangeQuery, seconds: float, deadline: float) -> tuple[Series, ...]:
        # Nobody listens to an answer after the deadline, and what waited for its turn has less time than it had.
        left = deadline - time.monotonic()
        if left < _SHORTEST:
            raise self._not_asked(seconds)
        try:
            answer = self._client().custom_query_range(
                query.expression,
                query.start,
                query.end,
                duration(query.step),
                # The client rounds times to seconds; a quarter of an interval may lie between.
                params={
                    "start": query.start.timestamp(),
                    "end": query.end.timestamp(),
                    "timeout": duration(timedelta(seconds=left)),
                },
                timeout=left,
            )
            return series_of(answer, query)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _in_words(error, seconds) from error

    def _client(self) -> PrometheusConnect:
        """This thread's client, made anew when a credential has changed: connections keep what they were made with."""
        # Before the files are read: what is replaced meanwhile is read again next time.
        now = stamp(self._access)
        client: _Client | None = getattr(self._local, "client", None)
        if client is not None and client.credentials == now:
            return client.api
        if client is not None:
            client.session.close()
            self._sessions.discard(client.session)
            self._local.client = None
        session = open_session(self._access)
        session.hooks["response"].append(_refuse_what_is_not_whole)
        api = PrometheusConnect(self._url, session=session)
        session.mount(self._url, adapter(self._access, _RETRY))
        self._sessions.add(session)
        self._local.client = _Client(session, api, now)
        return api


def series_of(answer: Any, query: RangeQuery) -> tuple[Series, ...]:
    """The series of a matrix, as Prometheus' JSON has it; the list is used up.

    Raises:
        TypeError, ValidationError: it is no such list.
        UnreadableError: it is for times that were not asked for.
    """
    start, end = (round(when.timestamp() * 1000) for when in (query.start, query.end))
    times = range(start, end + 1, query.step // timedelta(milliseconds=1))
    return tuple(_series(_ELEMENT.validate_python(element), times) for element in _consumed(answer))


def _consumed(answer: Any) -> Iterator[Any]:
    """The elements, each let go before the next: a long answer need not be in memory twice."""
    if not isinstance(answer, list):
        raise TypeError("not a list of series")
    answer.reverse()
    while answer:
        yield answer.pop()


def _series(element: _Element, times: range) -> Series:
    """One series; `times` are those that were asked for, in milliseconds."""
    values = {round(at * 1000): value for at, value in element.values}
    for at in values:
        # A cache in between that answers for times of its own choice would be taken for a series that is gone.
        if at not in times:
            raise UnreadableError(f"The answer is for {at / 1000:.3f} (Unix time), which was not asked for")
    return Series(element.metric, values)


def _in_words(error: Exception, seconds: float) -> MetricsError:
    """The error as one of ours. Order matters: requests' JSON error is a ValueError and a RequestException."""
    if isinstance(error, requests.Timeout):
        return UnreachableError(f"Prometheus did not answer within {seconds:g}s")
    if isinstance(error, (requests.exceptions.InvalidJSONError, ValidationError, KeyError, TypeError)):
        return UnreadableError("The answer is not Prometheus' JSON: is the URL that of a Prometheus server?")
    if isinstance(error, OSError):
        return UnreachableError(f"Prometheus cannot be reached: {_short(_cause(error))}")
    return UnreadableError(f"The answer cannot be read: {_short(error)}")


def _cause(error: OSError) -> object:
    """What went wrong below requests and its pool, which put it into the words of their own classes."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return error if reason is None else str(reason).rpartition("): ")[2].rpartition("connection: ")[2]


def _short(error: object) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}…"
