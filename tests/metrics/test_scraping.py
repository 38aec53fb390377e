"""The whole way: a real Prometheus scrapes real expositions that restart, appear and vanish."""

import asyncio
import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from metrics.real_prometheus import RealPrometheus, real_prometheus
from metrics.subjects import ACCURACY, ERROR_RATE, LATENCY, analysis
from serin.judge import Counts, Pair, Tick
from serin.metrics import Meters, MetricsCollector, PrometheusProvider, Subject
from serin.metrics.grid import next_tick, ticks_between

pytestmark = pytest.mark.cluster

CANDIDATE, STABLE = "8f21c0a97e", "5c9d7f4b6d"
POLICY = analysis(ERROR_RATE, LATENCY, ACCURACY, interval="4s")


class ModelServer(ThreadingHTTPServer):
    """A model server as the contract wants it, on a loopback port; `restart` forgets its counters."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exposition)
        self.restart()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def server_bind(self) -> None:
        """Without the look-up of the host's name."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, *_: Any) -> None:
        """A scrape that gave up on a busy machine is one of the things that this test is about."""

    def restart(self) -> None:
        """Begin anew at zero."""
        self.registry = CollectorRegistry()
        self.requests = Counter("model_request", "Requests.", ["outcome"], registry=self.registry)
        self.seconds = Histogram(
            "model_request_duration_seconds", "Durations.", buckets=(0.1, 0.25, 1), registry=self.registry
        )
        self.outcomes = Counter("model_outcome", "Labels.", ["predicted", "actual"], registry=self.registry)

    def serve(self, *, good: int, bad: int = 0, slow: int = 0, wrong: int = 0) -> None:
        """Answer requests; `slow` and `wrong` are among the good ones."""
        self.requests.labels("success").inc(good)
        if bad:
            self.requests.labels("error").inc(bad)
        for number in range(good + bad):
            self.seconds.observe(0.5 if number < slow else 0.05)
        self.outcomes.labels("3", "3").inc(good - wrong)
        if wrong:
            self.outcomes.labels("3", "8").inc(wrong)


class _Exposition(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, ModelServer)
        body = generate_latest(self.server.registry)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


class Pods:
    """The targets, as service discovery tells them to Prometheus."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "targets.json"
        self._pods: dict[ModelServer, str] = {}
        self._write()

    def add(self, revision: str) -> ModelServer:
        """A new pod of a revision."""
        pod = ModelServer()
        self._pods[pod] = revision
        self._write()
        return pod

    def remove(self, pod: ModelServer) -> None:
        """The pod is gone."""
        del self._pods[pod]
        self._write()
        pod.shutdown()
        pod.server_close()

    def close(self) -> None:
        for pod in list(self._pods):
            self.remove(pod)

    def configuration(self) -> str:
        return json.dumps(
            {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                "scrape_configs": [{"job_name": "pods", "file_sd_configs": [{"files": [str(self._file)]}]}],
            }
        )

    def _write(self) -> None:
        groups = [
            {
                "targets": [f"127.0.0.1:{pod.server_address[1]}"],
                "labels": {"namespace": "ml", "serin_model": "fraud", "serin_revision": revision},
            }
            for pod, revision in self._pods.items()
        ]
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(groups))
        draft.rename(self._file)


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[Pods]:
    found = Pods(tmp_path)
    yield found
    found.close()


def value(server: RealPrometheus, expression: str) -> float:
    """The value of an expression now; 0 without one."""
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{server.url}/api/v1/query?{query}", timeout=5) as response:
        result = json.load(response)["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def next_window() -> datetime:
    """Wait for the end of the window that is under way, and tell when that was."""
    end = next_tick(datetime.now(UTC), POLICY.interval, 0)
    wait_for(lambda: datetime.now(UTC) >= end)
    return end


@contextmanager
def scraping(program: Path, pods: Pods) -> Iterator[tuple[RealPrometheus, Callable[[str, float], None]]]:
    """Prometheus, and a way to wait until it has scraped so many requests of a revision in all."""
    with real_prometheus(program, pods.configuration()) as server:

        def scraped(revision: str, requests: float) -> None:
            expression = f'sum(model_request_total{{serin_revision="{revision}"}})'
            wait_for(lambda: value(server, expression) == requests)

        yield server, scraped


def collect(server: RealPrometheus, due: tuple[datetime, ...]) -> tuple[Tick, ...]:
    provider = PrometheusProvider(server.url, timedelta(seconds=5))
    try:
        collector = MetricsCollector(provider, Meters(CollectorRegistry()))
        subject = Subject("ml", "fraud", CANDIDATE, STABLE, POLICY, due)
        return asyncio.run(collector.collect([subject]))["ml", "fraud"]
    finally:
        provider.close()


def test_counts_are_the_truth(prometheus_program: Path, pods: Pods) -> None:
    with scraping(prometheus_program, pods) as (server, scraped):
        stable, first, second = pods.add(STABLE), pods.add(CANDIDATE), pods.add(CANDIDATE)
        for pod in (stable, first, second):
            pod.serve(good=1000, bad=7)  # long before the analysis: in no window
        scraped(STABLE, 1007)
        scraped(CANDIDATE, 2014)
        # As if Prometheus had been at work for longer than a minute: before that an unknown target is not yet new.
        server.write([({"__name__": "up", "job": "other", "instance": "other"}, [(time.time() - 90, 1.0)])])
        started = next_window()

        stable.serve(good=80, slow=1)
        first.serve(good=18, bad=2, slow=5, wrong=1)
        scraped(STABLE, 1087)
        scraped(CANDIDATE, 2034)
        next_window()

        first.restart()
        first.serve(good=10, wrong=2)
        third = pods.add(CANDIDATE)
        scraped(CANDIDATE, 1007 + 10)
        third.serve(good=4, bad=1)
        scraped(CANDIDATE, 1007 + 10 + 5)
        next_window()

        pods.remove(second)
        stable.serve(good=20, bad=1)
        scraped(STABLE, 1108)
        ended = next_window()
        wait_for(lambda: datetime.now(UTC) > ended + timedelta(seconds=1))
        due = ticks_between(started, ended, POLICY.interval, 0)
        ticks = collect(server, due)

    assert [tick.problem for tick in ticks] == [None] * len(due)
    assert _sum(tick.metrics["error-rate"] for tick in ticks) == Pair(Counts(3, 35), Counts(1, 101))
    assert _sum(tick.metrics["latency"] for tick in ticks) == Pair(Counts(5, 35), Counts(1, 101))
    assert _sum(tick.metrics["accuracy"] for tick in ticks) == Pair(Counts(3, 32), Counts(0, 100))
    assert _sum(tick.requests for tick in ticks if tick.requests) == Pair(Counts(0, 35), Counts(0, 101))


def _sum(pairs: Iterator[Pair]) -> Pair:
    candidate, stable = Counts(0, 0), Counts(0, 0)
    for pair in pairs:
        candidate += pair.candidate if isinstance(pair.candidate, Counts) else Counts(0, 0)
        stable += pair.stable if isinstance(pair.stable, Counts) else Counts(0, 0)
    return Pair(candidate, stable)
