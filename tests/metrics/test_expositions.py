"""Each preset reads what its server exposes, scraped by a real Prometheus: the right counts for the right version."""

import asyncio
import json
import math
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from metrics.real_prometheus import real_prometheus
from metrics.subjects import ACCURACY, ERROR_RATE, analysis
from serin.api.spec import MetricName
from serin.judge import Bins, Counts, Pair, Tick
from serin.metrics import Meters, MetricsCollector, PrometheusProvider, Subject
from serin.metrics.preset import TimeSpent, load_preset, preset_names
from serin.metrics.promql import selector
from serin.metrics.signals import refusal

pytestmark = pytest.mark.cluster

EXPOSITIONS = Path(__file__).parent / "expositions"
REVISIONS = {"candidate": "8f21c0a97e", "stable": "5c9d7f4b6d"}
MARGIN = timedelta(seconds=0.5)
"""A scrape that began so long before the counters rose may have read them risen."""

ALL = Pair(Counts(3, 43), Counts(1, 96))
SLOW = Pair(Counts(6, 43), Counts(4, 96))
RECORDED = Pair(Counts(2, 12), Counts(1, 7))

REQUESTS = {
    "bentoml": RECORDED,
    "mlserver": RECORDED,
    "ray-serve": RECORDED,
    "tf-serving": Pair(Counts(3, 43), Counts(1, 96)),
    "triton": Pair(Counts(3, 43), Counts(1, 96)),
    "kserve": None,
}
"""Where they are other than `ALL`. None: it cannot be had."""
LATENCY: dict[str, tuple[str, Pair | None]] = {
    "bentoml": ("250ms", Pair(Counts(1, 12), Counts(0, 7))),
    "mlserver": ("250ms", Pair(Counts(1, 12), Counts(0, 7))),
    "ray-serve": ("200ms", Pair(Counts(1, 12), Counts(0, 7))),
    "linkerd": ("300ms", SLOW),
    "traefik": ("300ms", SLOW),
    "tf-serving": ("200ms", Pair(Counts(6, 38), Counts(4, 93))),
    "vllm": ("10s", SLOW),
    "sglang": ("10s", SLOW),
    "triton": ("250ms", None),
    "torchserve": ("250ms", None),
    "seldon-v2": ("250ms", None),
}
"""Where it is other than `SLOW` at 250 ms."""
WAITING_AND_RUNNING: dict[str, tuple[object, object]] = {
    "contract": (7, "rises"),
    "triton": (7, "rises"),
    "vllm": (7, 5),
    "sglang": (7, 5),
    "knative": (7, "rises"),
    "bentoml": (None, 0),
    "mlserver": (None, 0),
    "ray-serve": (0, 0),
    "torchserve": ("rises", "rises"),
    "kserve": (None, "rises"),
    "tf-serving": (None, "rises"),
    "seldon-v1": (None, "rises"),
    "seldon-v2": (None, "rises"),
    "istio": (None, "rises"),
    "linkerd": (None, "rises"),
}
"""What waits and what runs, where a preset tells it: a gauge's value, or that the time spent rises."""


class Exposition(ThreadingHTTPServer):
    """What one target exposes, before and after its counters rise."""

    daemon_threads = True

    def __init__(self, pages: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.pages = pages
        self.now = "before"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def server_bind(self) -> None:
        """Without the look-up of the host's name."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, *_: Any) -> None:
        """A scrape that gave up on a busy machine comes again."""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Exposition)
        body = self.server.pages[self.server.now].encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


@dataclass
class Scraped:
    """A Prometheus that saw all counters rise within `window` before `at`."""

    url: str
    at: datetime
    window: timedelta

    def tick(self, server: str, *metrics: dict[str, Any]) -> Tick:
        """What is measured of both versions with this preset."""
        policy = analysis(*metrics, interval=f"{self.window.total_seconds():g}s")
        asked = Subject("ml", "fraud", REVISIONS["candidate"], REVISIONS["stable"], policy, (self.at,), server=server)

        async def collect() -> Tick:
            provider = PrometheusProvider(self.url, timedelta(seconds=20))
            try:
                ticks = await MetricsCollector(provider, Meters(CollectorRegistry())).collect([asked])
            finally:
                provider.close()
            return ticks[asked.key][0]

        tick = asyncio.run(collect())
        return replace(tick, metrics={name: _without_lateness(pair) for name, pair in tick.metrics.items()})

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Prometheus' answer to an instant query."""
        at = self.at.timestamp()
        url = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': query, 'time': at})}"
        with urllib.request.urlopen(url, timeout=20) as response:
            result: list[dict[str, Any]] = json.load(response)["data"]["result"]
        return result


def _without_lateness(pair: Pair) -> Pair:
    """The window is as short as can be, and a target may well be scraped only once in it."""
    return replace(pair, note=None) if pair.note and "scraped once in the window" in pair.note else pair


@pytest.fixture(scope="module")
def scraped(prometheus_program: Path) -> Iterator[Scraped]:
    """One Prometheus that scrapes the samples of all presets."""
    targets: list[Exposition] = []
    configuration = []
    for name in preset_names():
        for pod, pages in _pages(name).items():
            target = Exposition(pages)
            targets.append(target)
            configuration.append(
                {
                    "job_name": f"{name}-{pod}",
                    "honor_labels": True,
                    "static_configs": [
                        {"targets": [f"127.0.0.1:{target.server_address[1]}"], "labels": _labels(pod)},
                    ],
                }
            )
    whole = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": configuration}
    try:
        with real_prometheus(prometheus_program, json.dumps(whole)) as server:
            _until_scraped(server.url, datetime.now(UTC), len(targets))
            before = datetime.now(UTC)
            # A scrape from before `before` is the baseline: nothing may rise until the margin is over.
            _until_scraped(server.url, before + 2 * MARGIN, len(targets))
            for target in targets:
                target.now = "after"
            risen = datetime.now(UTC)
            last = _until_scraped(server.url, risen, len(targets))
            start = risen - MARGIN
            window = timedelta(seconds=math.ceil((last - start).total_seconds()))
            yield Scraped(server.url, start + window, window)
    finally:
        for target in targets:
            target.shutdown()
            target.server_close()


def _pages(name: str) -> dict[str, dict[str, str]]:
    """The sample of a preset: by pod and time."""
    pages: dict[str, dict[str, str]] = {}
    for part in (EXPOSITIONS / f"{name}.txt").read_text().split("# == ")[1:]:
        heading, _, text = part.partition("\n")
        pod, when = heading.split()
        pages.setdefault(pod, {})[when] = text
    return pages


def _labels(pod: str) -> dict[str, str]:
    """What Prometheus copies from a pod to its series; a proxy's pod is in a namespace of its own."""
    if pod == "proxy":
        return {"namespace": "infra"}
    return {"namespace": "ml", "serin_model": "fraud", "serin_revision": REVISIONS[pod]}


def _until_scraped(url: str, since: datetime, count: int) -> datetime:
    """Wait until each target was scraped well since then; the time of the last of these scrapes."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{url}/api/v1/targets?state=active", timeout=10) as response:
            active = json.load(response)["data"]["activeTargets"]
        times = [datetime.fromisoformat(target["lastScrape"]) for target in active if target["health"] == "up"]
        if len(times) == count and min(times) > since:
            return max(times)
        time.sleep(0.1)
    raise AssertionError("Prometheus did not scrape all targets")


def test_every_preset_has_a_sample() -> None:
    assert {file.stem for file in EXPOSITIONS.iterdir()} - {"envoy-1.40"} == set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_the_requests_and_the_failed_ones_of_both_versions_are_counted(scraped: Scraped, name: str) -> None:
    tick = scraped.tick(name, ERROR_RATE)
    assert tick.problem is None
    wanted = REQUESTS.get(name, ALL)
    measured = tick.metrics["error-rate"]
    if wanted is None:
        assert (measured.candidate, measured.stable) == (None, None)
        assert measured.note == load_preset(name).lacks[MetricName.ERROR_RATE]
        assert "source: Gateway" in measured.note
        wanted = ALL
    else:
        assert measured == wanted
    assert tick.requests is not None
    split = [side.total for side in (tick.requests.candidate, tick.requests.stable) if isinstance(side, Counts)]
    assert split == [side.total for side in (wanted.candidate, wanted.stable) if isinstance(side, Counts)]


@pytest.mark.parametrize("name", preset_names())
def test_the_slow_requests_of_both_versions_are_counted_or_it_is_said_why_not(scraped: Scraped, name: str) -> None:
    threshold, wanted = LATENCY.get(name, ("250ms", SLOW))
    metric = {"name": "latency", "threshold": threshold}
    measured = scraped.tick(name, metric).metrics["latency"]
    if wanted is None:
        assert measured == Pair(None, None, refusal(analysis(metric).metrics[0], load_preset(name)))
        assert measured.note is not None
        assert "source: Gateway" in measured.note
    else:
        assert replace(measured, note=None) == wanted


@pytest.mark.parametrize("name", preset_names())
def test_what_waits_and_what_runs_is_where_the_preset_says(scraped: Scraped, name: str) -> None:
    preset = load_preset(name)
    identity = preset.identity({"namespace": "ml", "model": "fraud", "revision": REVISIONS["candidate"], "port": "80"})
    found: list[object] = []
    for gauge in (preset.queue, preset.running):
        if gauge is None:
            found.append(None)
            continue
        series = selector(gauge.metric, gauge.only, gauge.without)
        telling = f"last_over_time({series}[1m])"
        if isinstance(gauge, TimeSpent):
            telling = f"(max_over_time({series}[1m]) - min_over_time({series}[1m])) > bool 0"
        answer = scraped.ask(f"sum by ({', '.join(preset.label_names)}) ({telling})")
        values = {
            float(one["value"][1])
            for one in answer
            if tuple(one["metric"].get(label) for label in preset.label_names) == identity
        }
        value = next(iter(values), None)
        found.append("rises" if isinstance(gauge, TimeSpent) and value else value)
    assert tuple(found) == WAITING_AND_RUNNING.get(name, (None, None))


def test_what_the_model_predicts_is_read_as_bins(scraped: Scraped) -> None:
    tick = scraped.tick(
        "contract",
        ACCURACY,
        {"name": "prediction-drift"},
        {"name": "input-drift", "feature": "amount"},
    )
    bins = Bins({"0.25": 32, "0.5": 0, "0.75": 8, "1": 0, "+Inf": 0})
    assert tick.metrics["accuracy"] == Pair(Counts(5, 35), Counts(5, 35))
    assert tick.metrics["prediction-drift"] == Pair(bins, bins)
    amounts = Bins({"10": 27, "100": 0, "1000": 3, "+Inf": 0})
    assert tick.metrics["input-drift"] == Pair(amounts, amounts)


def test_a_class_that_one_version_has_not_seen_is_an_empty_bin(scraped: Scraped) -> None:
    tick = scraped.tick("contract", {"name": "prediction-drift", "of": "Classes"})
    assert tick.metrics["prediction-drift"] == Pair(
        Bins({"fraud": 12, "honest": 30, "unsure": 1}), Bins({"fraud": 12, "honest": 30, "unsure": 0})
    )


def test_accuracy_beside_any_server_comes_from_the_contract(scraped: Scraped) -> None:
    assert scraped.tick("vllm", ACCURACY, ERROR_RATE).metrics == {
        "accuracy": Pair(Counts(5, 35), Counts(5, 35)),
        "error-rate": ALL,
    }


def test_an_unknown_server_is_a_problem_of_its_own_rollout(scraped: Scraped) -> None:
    assert scraped.tick("envoi", ERROR_RATE).problem == "no preset is called 'envoi'"
