"""`serin simulate`: what a rollout would take, and plans that are hopeless."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.manifest import canary, with_steps, write
from cli.past import CANDIDATE, STABLE, Version, write_past
from metrics.real_prometheus import RealPrometheus, real_prometheus
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import Verdict
from serin.cli.chance import Plan, Run, Stream, Traffic, Worse, run, tick_by_chance, typical
from serin.cli.course import Decision
from serin.cli.main import main
from serin.judge import Counts, freeze
from serin.rollout.schedule import schedule

ERROR_RATE = {"name": "error-rate", "threshold": "1%"}
ACCURACY = {"name": "accuracy", "delta": "1%"}
QUERY = 'avg(queue{revision="$revision"})'
WAIT = {"name": "wait", "gauge": QUERY, "maxIncrease": {"absolute": "5"}}
SLOW = ["--requests", "2/s"]
RARE = {"interval": "2m", "metrics": [ACCURACY]}
"""Few ticks: each is tried many times."""


def simulate(
    manifest: dict[str, Any], path: Path, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, Any]]:
    """The exit code and the answer as JSON."""
    code = main(["simulate", "-o", "json", "-f", write(path / "md.yaml", manifest), *arguments])
    return code, json.loads(capsys.readouterr().out)


def plan(manifest: dict[str, Any], *, requests: float = 50.0, rate: float = 0.002) -> Plan:
    """The rollout of a manifest at this traffic."""
    spec = ModelDeploymentSpec.model_validate(manifest["spec"])
    stages = schedule(spec)
    assert spec.analysis is not None
    assert stages is not None
    streams = {metric.name: Stream(requests, rate) for metric in spec.analysis.metrics}
    return Plan(spec.analysis, stages, freeze(spec.analysis, steps=stages.blocks), Traffic(requests, streams))


def middle(manifest: dict[str, Any], worse: Worse | None, **traffic: float) -> Run:
    """How the rollout of one candidate goes, in the middle of several."""
    runs = run(plan(manifest, **traffic), [worse] * 7)
    if worse is None:
        return typical(runs)
    return sorted(runs, key=lambda one: (one.found_after is None, one.lasted))[3]


def test_the_steps_of_a_healthy_candidate_are_told_with_its_requests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = simulate(canary(), tmp_path, capsys, "--requests", "50/s")
    assert code == 0
    assert (said["decision"], said["seconds"]) == ("Promoted", 2400)
    assert [(step["weight"], step["seconds"]) for step in said["steps"]] == [(5, 600), (25, 600), (50, 1200)]
    # The analysis begins after initialDelay, a minute: two ticks of the first step are not judged.
    assert [step["ticks"] for step in said["steps"]] == [18, 20, 39]
    assert [step["requests"] for step in said["steps"]] == pytest.approx([1350, 7500, 29250], rel=0.1)
    assert said["budget"] == {"confidence": 0.95, "weights": 3, "steps": 3}
    assert [metric["alpha"] for metric in said["metrics"]] == pytest.approx([0.05 / 3] * 3)


def test_a_worse_candidate_is_found_the_sooner_the_worse_it_is() -> None:
    times = [middle(canary(), Worse("error-rate", rise)).found_after for rise in (0.02, 0.05, 0.1)]
    assert None not in times
    assert times == sorted(times, key=lambda time: time or timedelta(0), reverse=True)


def test_the_smallest_regression_is_found_and_a_smaller_one_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = canary(metrics=[ACCURACY])
    _, said = simulate(manifest, tmp_path, capsys, "--requests", "50/s", "--baseline", "accuracy=10%")
    (metric,) = said["metrics"]
    smallest = metric["smallestFound"]["rise"]
    assert middle(manifest, Worse("accuracy", 2 * smallest), rate=0.1).found_after is not None
    assert middle(manifest, Worse("accuracy", 0.5 * smallest), rate=0.1).found_after is None
    assert 0.005 < smallest < 0.02


def test_what_the_limit_allows_is_called_tolerated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = simulate(canary(metrics=[ERROR_RATE]), tmp_path, capsys, "--requests", "50", "--baseline", "error-rate=0")
    half, two, ten = said["metrics"][0]["regressions"]
    assert (half["tolerated"], half["foundAfterSeconds"], half["decision"]) == (True, None, "Promoted")
    assert two["foundAfterSeconds"] > ten["foundAfterSeconds"]


def test_a_tick_is_split_by_the_weight_and_only_the_one_metric_is_worse() -> None:
    of = plan(canary(metrics=[ERROR_RATE, ACCURACY]), requests=10_000, rate=0.01)
    at, source = datetime(2026, 1, 1, tzinfo=UTC), np.random.default_rng(1)
    tick = tick_by_chance(of, at, 20, Worse("accuracy", 0.02), source)
    for name, rate in (("error-rate", 0.01), ("accuracy", 0.03)):
        candidate, stable = tick.metrics[name].candidate, tick.metrics[name].stable
        assert isinstance(candidate, Counts)
        assert isinstance(stable, Counts)
        assert candidate.total == pytest.approx(60_000, rel=0.05)
        assert candidate.share == pytest.approx(rate, rel=0.2)
        assert stable.total == pytest.approx(240_000, rel=0.05)
        assert stable.share == pytest.approx(0.01, rel=0.2)


def test_a_watch_is_a_step_at_which_the_candidate_stands_alone() -> None:
    watched = canary(watch="10m", metrics=[ERROR_RATE])
    healthy = middle(watched, None)
    assert [leg.stage.weight for leg in healthy.legs] == [5, 25, 50, 100]
    assert healthy.ending.decision is Decision.PROMOTED
    assert healthy.lasted == timedelta(minutes=50)


@pytest.mark.parametrize(
    ("manifest", "arguments", "rule", "told"),
    [
        (
            canary(metrics=[ERROR_RATE]),
            ["--requests", "20/m"],
            "ticks-without-requests",
            "raise interval to at least 1m",
        ),
        (
            canary(metrics=[ERROR_RATE], maxDuration="30m"),
            ["--requests", "50", "--baseline", "error-rate=2%"],
            "stable-over-limit",
            "the limit is 1%",
        ),
        (
            canary(metrics=[ERROR_RATE], maxDuration="15m"),
            ["--requests", "50"],
            "max-duration-too-short",
            "raise maxDuration to at least 40m",
        ),
        (
            canary(interval="2m", metrics=[ERROR_RATE, ACCURACY], minSamples=5000),
            ["--requests", "50", "--events", "accuracy=1/s"],
            "max-duration-too-short",
            "raise maxDuration to at least",
        ),
        (
            with_steps({"weight": 50, "hold": "10m"}, interval="2m", metrics=[ERROR_RATE, ACCURACY], minSamples=5000),
            ["--requests", "50", "--events", "accuracy=1/s"],
            "min-samples-out-of-reach",
            "or lower minSamples to 35",
        ),
        (canary(**RARE), SLOW, "cannot-pass", "accuracy does not pass by maxDuration (2h)"),
    ],
)
def test_a_hopeless_plan_is_refused_with_what_to_change(
    manifest: dict[str, Any],
    arguments: list[str],
    rule: str,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, said = simulate(manifest, tmp_path, capsys, *arguments)
    assert code == 1
    assert [problem["rule"] for problem in said["problems"]] == [rule]
    assert told in said["problems"][0]["advice"]


def test_each_advice_alone_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def steps(weight: int) -> tuple[dict[str, Any], ...]:
        return {"weight": 5, "hold": "10m"}, {"weight": weight, "hold": "20m"}

    slow = ["--requests", "15/s", "--baseline", "accuracy=10%"]
    code, said = simulate(with_steps(*steps(10), **RARE), tmp_path, capsys, *slow)
    assert code == 1
    (problem,) = said["problems"]
    advice = dict(re.findall(r"(maxDuration|weight|delta) to ([0-9a-z.%]+)", problem["advice"]))
    assert set(advice) == {"maxDuration", "weight", "delta"}
    for manifest in (
        with_steps(*steps(10), **RARE, maxDuration=advice["maxDuration"]),
        with_steps(*steps(int(advice["weight"])), **RARE),
        with_steps(*steps(10), **(RARE | {"metrics": [ACCURACY | {"delta": advice["delta"]}]})),
    ):
        assert simulate(manifest, tmp_path, capsys, *slow)[0] == 0


def test_a_step_that_waits_for_evidence_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "md.yaml", with_steps({"weight": 50, "hold": "5m"}, metrics=[ACCURACY]))
    assert main(["simulate", "-f", file, "--requests", "20/s"]) == 0
    assert re.search(r"Step 1 waits for the evidence: it lasts \S+, not its hold of 5m", capsys.readouterr().out)


def test_what_each_step_can_tell_by_itself_is_told_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = canary(metrics=[ERROR_RATE])
    _, said = simulate(manifest, tmp_path, capsys, "--requests", "50", "--by-step")
    small, _, large = said["byStep"]
    assert (small["weight"], large["weight"]) == (5, 50)
    assert small["smallestRise"] > large["smallestRise"]
    assert large["ticksToPass"] is not None
    assert simulate(manifest, tmp_path, capsys, "--requests", "50")[1]["byStep"] == []


def test_metrics_that_cannot_be_forecast_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "md.yaml", canary(metrics=[ERROR_RATE, WAIT]))
    assert main(["simulate", "-f", file, "--requests", "50"]) == 0
    assert "Not forecast: wait." in capsys.readouterr().out


@pytest.fixture(scope="module")
def prometheus() -> Iterator[RealPrometheus]:
    """A server that has watched stable for the last minutes: 20 requests a second, one in a hundred failed."""
    from localcluster.build import ensure_built

    with real_prometheus(ensure_built()["prometheus"]) as server:
        # Beyond now, so that a slow machine finds as much.
        start, seconds = datetime.now(UTC) - timedelta(minutes=35), 45 * 60
        stable, candidate = Version(STABLE, 20, 0.01), Version(CANDIDATE, 10, 0.01)
        write_past(server, stable, start=start, seconds=seconds)
        write_past(server, stable, candidate, model="torn", start=start, seconds=seconds)
        yield server


def test_traffic_and_rates_of_stable_are_measured(
    prometheus: RealPrometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = ["--prometheus", prometheus.url, "--stable", STABLE]
    manifest = canary(metrics=[{"name": "error-rate", "threshold": "2%"}])
    code, said = simulate(manifest, tmp_path, capsys, *measured)
    assert code == 0
    assert said["requestsPerSecond"] == pytest.approx(20, rel=0.05)
    (metric,) = said["metrics"]
    assert metric["stable"] == pytest.approx(0.01, rel=0.2)
    assert not metric["assumed"]
    _, said = simulate(manifest, tmp_path, capsys, *measured, "--requests", "200", "--baseline", "error-rate=0.1%")
    assert (said["requestsPerSecond"], said["metrics"][0]["stable"]) == (200, 0.001)
    assert said["metrics"][0]["eventsPerSecond"] == pytest.approx(200)


def test_the_stable_version_is_the_one_that_gets_the_requests(
    prometheus: RealPrometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = canary(metrics=[{"name": "error-rate", "threshold": "2%"}])
    code, said = simulate(manifest, tmp_path, capsys, "--prometheus", prometheus.url)
    assert code == 0
    assert said["requestsPerSecond"] == pytest.approx(20, rel=0.05)
    for name, told in (("torn", f"{STABLE} 67%, {CANDIDATE} 33%"), ("nobody", "no request of default/nobody")):
        manifest["metadata"]["name"] = name
        file = write(tmp_path / "md.yaml", manifest)
        assert main(["simulate", "-f", file, "--prometheus", prometheus.url]) == 2
        assert told in capsys.readouterr().err


def test_what_cannot_be_measured_must_be_said(
    prometheus: RealPrometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "md.yaml", canary(metrics=[ERROR_RATE | {"threshold": "2%"}, ACCURACY]))
    measured = ["simulate", "-f", file, "--prometheus", prometheus.url, "--stable", STABLE]
    assert main(measured) == 2
    assert "say --baseline accuracy=SHARE and --events accuracy=RATE" in capsys.readouterr().err
    assert main([*measured, "--baseline", "accuracy=10%", "--events", "accuracy=20"]) == 0
    assert main([*measured[:-1], "nobody"]) == 2
    assert "counted no request of default/fraud, revision nobody" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "say how much traffic there will be"),
        (["--prometheus", "http://127.0.0.1:1"], "cannot be reached"),
        (["--requests", "1", "--baseline", "errors=1%"], "known are error-rate, latency, accuracy"),
    ],
)
def test_what_cannot_be_worked_with_is_told(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "-f", write(tmp_path / "md.yaml", canary()), *arguments]) == 2
    assert told in capsys.readouterr().err


def test_without_a_share_there_is_nothing_to_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "md.yaml", canary(metrics=[WAIT]))
    assert main(["simulate", "-f", file, "--requests", "1"]) == 2
    assert "has no metric that is a share of events" in capsys.readouterr().err


def test_the_verdict_of_a_healthy_run_is_the_judge_s_own() -> None:
    healthy = middle(canary(metrics=[ERROR_RATE]), None)
    assert healthy.passing == {"error-rate"}
    assert {finding.verdict for finding in healthy.trial.findings} == {Verdict.PASS}
