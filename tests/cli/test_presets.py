"""`serin presets`: listed, explained, and looked for in a real Prometheus."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.manifest import canary, write
from metrics.real_prometheus import RealPrometheus, real_prometheus
from serin.cli.main import main
from serin.metrics.preset import preset_names


@pytest.fixture(scope="module")
def prometheus() -> Iterator[RealPrometheus]:
    """A server with the requests and the latency of one revision, relabeled, and scores that are not."""
    from localcluster.build import ensure_built

    with real_prometheus(ensure_built()["prometheus"]) as server:
        now = time.time()
        # Beyond now, so that a slow machine finds as many.
        times = [(now + 15 * number, float(number + 25)) for number in range(-21, 40)]
        revision = {"namespace": "ml", "serin_model": "fraud", "serin_revision": "5c9d7f4b6d"}
        server.write(
            [
                ({"__name__": "model_request_total", "outcome": "success", **revision}, times),
                *(
                    ({"__name__": "model_request_duration_seconds_bucket", "le": le, **revision}, times)
                    for le in ("0.1", "0.25", "1", "+Inf")
                ),
                ({"__name__": "model_prediction_score_bucket", "le": "0.5"}, times),
            ]
        )
        yield server


def probe(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what was found by metric."""
    code = main(["presets", "probe", "-o", "json", *arguments])
    return code, {one["metric"]: one for one in json.loads(capsys.readouterr().out)["series"]}


def test_every_preset_is_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets"]) == 0
    listed = capsys.readouterr().out
    for name in preset_names():
        assert f"\n{name} " in listed
        assert main(["presets", name]) == 0
        assert capsys.readouterr().out.startswith(f"{name}: ")


def test_what_a_preset_cannot_give_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "torchserve"]) == 0
    assert "no percentiles" in capsys.readouterr().out


def test_a_preset_that_is_not_there_is_told_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "vlm"]) == 2
    assert "vllm" in capsys.readouterr().err


def test_series_edges_revisions_and_the_scrape_interval_are_found(
    prometheus: RealPrometheus, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = probe(capsys, "contract", "--prometheus", prometheus.url, "--namespace", "ml")
    assert code == 0
    latency = found["model_request_duration_seconds_bucket"]
    assert latency["edges"] == ["100ms", "250ms", "1s"]
    assert latency["revisions"] == ["ml/fraud/5c9d7f4b6d"]
    assert latency["scrapedEvery"] == "15s"
    assert "missing" in found["model_outcome_total"]["problem"]


def test_labels_that_were_not_copied_are_named(prometheus: RealPrometheus, capsys: pytest.CaptureFixture[str]) -> None:
    _, found = probe(capsys, "contract", "--prometheus", prometheus.url)
    assert "no label serin_model" in found["model_prediction_score_bucket"]["problem"]


def test_a_needed_series_that_is_missing_is_a_problem(
    prometheus: RealPrometheus, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe(capsys, "contract", "--prometheus", prometheus.url, "--model", "other")[0] == 1
    assert probe(capsys, "vllm", "--prometheus", prometheus.url)[0] == 1


def test_a_server_that_does_not_answer_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "probe", "contract", "--prometheus", "http://127.0.0.1:1"]) == 2
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["envoi", "vllm"])
def test_lint_knows_which_proxies_there_are(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = canary()
    manifest["spec"]["traffic"]["metrics"] = name
    assert main(["lint", "-f", write(tmp_path / "one.yaml", manifest)]) == 1
    said = capsys.readouterr().out
    assert "[unknown-proxy]" in said
    assert f"no proxy's preset is called '{name}': write one of contour, istio" in said


@pytest.mark.parametrize(("server", "rule"), [("torchserve", "metric-not-counted"), ("vlm", "unknown-server")])
def test_lint_knows_what_the_presets_give(
    server: str, rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = canary()
    manifest["spec"]["server"] = server
    assert main(["lint", "-f", write(tmp_path / "one.yaml", manifest)]) == 1
    assert f"[{rule}]" in capsys.readouterr().out
