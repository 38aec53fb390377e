"""A fake Prometheus over HTTP, in a thread, that answers `query_range` with what a test put in, and has faults.

It evaluates no PromQL: a query that names a metric gets the series that the test gave for that metric, one sample
per step. What the real server makes of the queries is tested on the real server.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from aiohttp import web

TOO_MANY_SAMPLES = "query processing would load too many samples into memory in query execution"

Value = float | Callable[[float], float | None]
"""The same for every step, or by the step's Unix time; None is no sample."""


class Fault(StrEnum):
    """What the server does instead of answering well. That it is down is `stop()`."""

    SLOW = "slow"
    EMPTY = "empty"
    NAN = "nan"
    PARTIAL = "partial"
    HTML = "html"
    ERROR = "error"
    BUSY = "busy"
    NOT_JSON = "not json"
    WRONG_SHAPE = "wrong shape"
    WRONG_TIME = "wrong time"
    PAST = "past"
    FUTURE = "future"


@dataclass(frozen=True)
class RecordedQuery:
    """One query as it was received; times are Unix seconds."""

    expression: str
    start: float
    end: float
    step: float


@dataclass
class FakePrometheus:
    """Use it as a context manager.

    series: by metric name, the answer to every query that names it.
    required: headers without which a query is refused.
    too_large: which queries are refused because they ask for too much.
    fault: what goes wrong with every query that names a metric in `faulty`, or with every query if that is empty.
    """

    series: dict[str, list[tuple[Mapping[str, str], Value]]] = field(default_factory=dict)
    fault: Fault | None = None
    faulty: set[str] = field(default_factory=set)
    required: dict[str, str] = field(default_factory=dict)
    too_large: Callable[["RecordedQuery"], bool] = lambda _: False
    queries: list[RecordedQuery] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-prometheus", daemon=True)
        self._runner: web.AppRunner | None = None
        self._released = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Where it listens; the same after a stop and a start."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the port that it had before."""
        if self._runner is None:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._runner is not None:
            asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()

    async def _start(self) -> None:
        self._released.clear()
        application = web.Application()
        application.router.add_get("/api/v1/query_range", self._query_range)
        self._runner = web.AppRunner(application, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        assert self._runner is not None
        self._released.set()
        await self._runner.cleanup()
        self._runner = None

    async def _query_range(self, request: web.Request) -> web.Response:
        query = RecordedQuery(
            request.query["query"],
            float(request.query["start"]),
            float(request.query["end"]),
            _seconds(request.query["step"]),
        )
        self.queries.append(query)
        if any(request.headers.get(name) != value for name, value in self.required.items()):
            return web.Response(text="Unauthorized", status=401)
        fault = self.fault
        if self.faulty and not any(metric in query.expression for metric in self.faulty):
            fault = None
        if self.too_large(query):
            return web.json_response({"status": "error", "error": TOO_MANY_SAMPLES}, status=422)
        if fault is Fault.SLOW:
            await self._released.wait()
        return _FAULTY_RESPONSES[fault]() if fault in _FAULTY_RESPONSES else self._answer(query, fault)

    def _answer(self, query: RecordedQuery, fault: Fault | None) -> web.Response:
        body: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": []}}
        if fault is Fault.PARTIAL:
            body["warnings"] = ["the store gateway of last week did not answer"]
        if fault is not Fault.EMPTY:
            body["data"]["result"] = [
                {"metric": dict(labels), "values": values}
                for metric, series in self.series.items()
                if metric in query.expression
                for labels, value in series
                if (values := _samples(query, value, fault))
            ]
        return web.json_response(body)


def _samples(query: RecordedQuery, value: Value, fault: Fault | None) -> list[list[float | str]]:
    samples: list[list[float | str]] = []
    steps = round((query.end - query.start) / query.step)
    for number in range(steps + 1):
        at = query.start + number * query.step
        sample = value(at) if callable(value) else value
        if fault is Fault.NAN:
            sample = float("nan")
        if sample is not None:
            samples.append([at + _SHIFTS.get(fault, 0.0) * query.step, _written(sample)])
    return samples


def _written(value: float) -> str:
    return "NaN" if value != value else f"{value:g}"  # noqa: PLR0124 - only NaN differs from itself


def _seconds(duration: str) -> float:
    return float(duration[:-2]) / 1000 if duration.endswith("ms") else float(duration.removesuffix("s"))


_SHIFTS: dict[Fault | None, float] = {Fault.WRONG_TIME: 0.3, Fault.PAST: -1.0, Fault.FUTURE: 1.0}
"""In steps: how far the answer's times are from those that were asked for."""

_FAULTY_RESPONSES: dict[Fault | None, Callable[[], web.Response]] = {
    Fault.HTML: lambda: web.Response(text="<html>Please sign in</html>", content_type="text/html"),
    Fault.ERROR: lambda: web.json_response({"status": "error", "error": "the disk is full"}, status=500),
    Fault.BUSY: lambda: web.json_response({"status": "error", "error": "too many queries"}, status=503),
    Fault.NOT_JSON: lambda: web.Response(text='{"status": "success", "data": {"resu', content_type="application/json"),
    Fault.WRONG_SHAPE: lambda: web.json_response({"status": "success", "data": None}),
}
