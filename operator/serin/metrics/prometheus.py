"""Prometheus, over prometheus-api-client: synchronous requests in a few threads of their own."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from pydantic import BaseModel, TypeAdapter, ValidationError
from requests.adapters import Retry

from serin.metrics.promql import duration
from serin.metrics.provider import (
    MetricsError,
    PartialAnswerError,
    RangeQuery,
    RefusedError,
    Series,
    UnreachableError,
    UnreadableError,
)

_THREADS = 4
_RETRY = Retry(total=1, read=False, backoff_factor=0.2, status_forcelist=(408, 429, 502, 503, 504))
"""The next tick is the retry that matters."""


class _Element(BaseModel):
    metric: dict[str, str]
    values: list[tuple[float, float]]


_ANSWER = TypeAdapter(list[_Element])


def _refuse_warnings(response: requests.Response, *_: Any, **__: Any) -> None:
    """A hook of the session: the client itself drops the warnings of an answer."""
    if response.status_code != 200 or b'"warnings"' not in response.content:
        return
    body = response.json()
    if isinstance(body, dict) and body.get("warnings"):
        warnings = "; ".join(str(warning) for warning in body["warnings"])
        raise PartialAnswerError(f"Prometheus warned that its answer may be incomplete: {warnings}")


class PrometheusProvider:
    """Queries one Prometheus server. Close it when it is no longer needed.

    Args:
        url: such as http://prometheus.monitoring:9090, with a path prefix if there is one.
        longest: how long a query may take, even if its own timeout is longer.
    """

    def __init__(self, url: str, longest: timedelta) -> None:
        self._url = url.rstrip("/")
        self._longest = longest
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="prometheus")
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """Answer a query in full, or raise a `MetricsError`."""
        seconds = min(query.timeout, self._longest).total_seconds()
        loop = asyncio.get_running_loop()
        try:
            # The time-out of requests is per read from the socket; this one bounds the whole.
            return await asyncio.wait_for(loop.run_in_executor(self._threads, self._query, query, seconds), seconds)
        except TimeoutError as error:
            raise UnreachableError(f"Prometheus did not answer within {seconds:g}s") from error

    def close(self) -> None:
        """End the threads and connections; a query under way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for session in self._sessions:
            session.close()

    def _query(self, query: RangeQuery, seconds: float) -> tuple[Series, ...]:
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
                    "timeout": duration(timedelta(seconds=seconds)),
                },
                timeout=seconds,
            )
            return tuple(_series(element, query) for element in _ANSWER.validate_python(answer))
        except (OSError, ValueError, KeyError, TypeError, PrometheusApiClientException) as error:
            raise _in_words(error, seconds) from error

    def _client(self) -> PrometheusConnect:
        """This thread's own client: a session of requests is not safe to share."""
        client = getattr(self._local, "client", None)
        if client is None:
            session = requests.Session()
            session.hooks["response"].append(_refuse_warnings)
            client = PrometheusConnect(self._url, session=session, retry=_RETRY)
            self._sessions.append(session)
            self._local.client = client
        return client


def _series(element: _Element, query: RangeQuery) -> Series:
    values = {round(at * 1000): value for at, value in element.values}
    start, end = (round(when.timestamp() * 1000) for when in (query.start, query.end))
    step = query.step // timedelta(milliseconds=1)
    for at in values:
        # A cache in between that answers for times of its own choice would be taken for a series that is gone.
        if not start <= at <= end or (at - start) % step:
            raise UnreadableError(f"The answer is for {at / 1000:.3f} (Unix time), which was not asked for")
    return Series(element.metric, values)


def _in_words(error: Exception, seconds: float) -> MetricsError:
    """The error as one of ours. Order matters: requests' JSON error is a ValueError and a RequestException."""
    if isinstance(error, PrometheusApiClientException):
        return RefusedError(f"Prometheus refused the query: {_short(error)}")
    if isinstance(error, requests.exceptions.RetryError):
        return RefusedError(f"Prometheus refused the query twice: {_short(error)}")
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
