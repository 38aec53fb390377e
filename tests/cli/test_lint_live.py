"""`serin lint --prometheus`: what a real Prometheus shows of the series that a manifest needs."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.manifest import canary, write
from metrics.real_prometheus import RealPrometheus, real_prometheus
from serin.api.spec import AnalysisMetric
from serin.cli.advice_live import Seen, scraped_every
from serin.cli.main import main
from serin.cli.probe import Probed
from serin.cli.signals import SeriesWanted

ERROR_RATE = {"name": "error-rate", "threshold": "1%"}


@pytest.fixture(scope="module")
def prometheus() -> Iterator[RealPrometheus]:
    """A server that scrapes another model every 20 s: requests, and latency with three edges."""
    from localcluster.build import ensure_built

    with real_prometheus(ensure_built()["prometheus"]) as server:
        now = time.time()
        # Beyond now, so that a slow machine finds as many.
        times = [(now + 20 * number, float(number + 20)) for number in range(-16, 30)]
        revision = {"namespace": "ml", "serin_model": "other", "serin_revision": "5c9d7f4b6d"}
        buckets = "model_request_duration_seconds_bucket"
        server.write(
            [
                ({"__name__": "model_request_total", "outcome": "success", **revision}, times),
                *(({"__name__": buckets, "le": le, **revision}, times) for le in ("0.1", "0.25", "1", "+Inf")),
            ]
        )
        yield server


class Lint:
    """The command, beside that server: the exit code, and what was found."""

    def __init__(self, url: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.url, self.file, self.capsys = url, file, capsys

    def __call__(self, *arguments: str, **analysis: Any) -> tuple[int, list[dict[str, Any]]]:
        file = write(self.file, canary(**analysis))
        code = main(["lint", "-o", "json", "-f", file, "--prometheus", self.url, *arguments])
        return code, json.loads(self.capsys.readouterr().out)["findings"]


@pytest.fixture
def lint(prometheus: RealPrometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Lint:
    """The command."""
    return Lint(prometheus.url, tmp_path / "md.yaml", capsys)


def latency(threshold: str) -> dict[str, Any]:
    """A latency metric with this SLA."""
    return {"name": "latency", "threshold": threshold}


@pytest.mark.parametrize(
    ("analysis", "rule", "field", "told"),
    [
        (
            {"interval": "40s", "metrics": [ERROR_RATE, latency("300ms")]},
            "threshold-off-bucket-edge",
            "spec.analysis.metrics[1].threshold",
            "it is judged at 1s, the next bucket edge of model_request_duration_seconds_bucket: write 250ms or 1s",
        ),
        (
            {"interval": "40s", "metrics": [latency("50ms")]},
            "threshold-off-bucket-edge",
            "spec.analysis.metrics[0].threshold",
            "write 100ms, or",
        ),
        (
            {"interval": "40s", "metrics": [latency("2s")]},
            "threshold-beyond-buckets",
            "spec.analysis.metrics[0].threshold",
            "write at most 1s",
        ),
        (
            {"interval": "30s", "metrics": [ERROR_RATE]},
            "interval-below-two-scrapes",
            "spec.analysis.interval",
            "shorter than two scrapes of 20s",
        ),
        (
            {"interval": "40s", "metrics": [ERROR_RATE | {"source": "Gateway"}]},
            "series-missing",
            "spec.analysis.metrics[0].name",
            "missing: no such series",
        ),
    ],
)
def test_what_a_live_prometheus_shows_is_told(
    analysis: dict[str, Any],
    rule: str,
    field: str,
    told: str,
    lint: Lint,
) -> None:
    code, findings = lint(**analysis)
    assert code == (1 if rule == "threshold-beyond-buckets" else 0)
    assert [(found["rule"], found["field"]) for found in findings] == [(rule, field)]
    assert told in findings[0]["expected"]


def test_a_threshold_on_an_edge_and_an_interval_of_two_scrapes_are_fine(lint: Lint) -> None:
    assert lint(interval="40s", metrics=[ERROR_RATE, latency("250ms")]) == (0, [])


@pytest.mark.parametrize(("counted", "told"), [(21, 20), (20, 20), (16, 15), (64, 60), (7, 7)])
def test_a_missed_scrape_does_not_lengthen_the_interval(counted: int, told: int) -> None:
    wanted = SeriesWanted("requests", "model_request_total")
    probed = Probed(wanted, 1, None, scraped_every=timedelta(seconds=counted))
    metric = AnalysisMetric.model_validate(ERROR_RATE)
    assert scraped_every([Seen(metric, 0, probed)]) == timedelta(seconds=told)


def test_how_often_is_scraped_may_be_said_instead(lint: Lint) -> None:
    assert lint("--strict", interval="30s", metrics=[ERROR_RATE])[0] == 1
    assert lint("--strict", "--scrape-interval", "15s", interval="30s", metrics=[ERROR_RATE])[0] == 0


def test_a_share_of_a_metric_that_no_manifest_has_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "md.yaml", canary(metrics=[ERROR_RATE]), canary())
    assert main(["lint", "-f", file, "--baseline", "errors=1%"]) == 2
    assert "known are error-rate, latency, accuracy" in capsys.readouterr().err
