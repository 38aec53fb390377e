"""What is wrong with a version is found in its own numbers, by each signal, and said with them."""

import re
from itertools import chain

import pytest

from scenarios.analyses import ACCURACY, ERRORS, HALF, LATENCY, analysis, until_all_answers_are_of
from scenarios.api import Object
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]


@pytest.mark.parametrize(
    ("fault", "signal", "said"),
    [
        pytest.param(
            {"ERROR_SHARE": "1"}, ERRORS, r"error-rate: 100% of the candidate's \d+ requests failed", id="500"
        ),
        pytest.param(
            {"LATENCY": "0.15"},
            LATENCY,
            r"latency: 100% of the candidate's \d+ requests took longer than 100ms",
            id="slow",
        ),
        pytest.param(
            {"ACCURACY": "0.5"},
            ACCURACY,
            r"accuracy: \d+(\.\d+)?% of the candidate's \d+ labeled predictions were wrong",
            id="inaccurate",
        ),
    ],
)
def test_a_bad_version_is_rolled_back_by_its_numbers(
    stage: Stage, fault: dict[str, str], signal: Object, said: str
) -> None:
    stage.deploy(model("1.0.0", analysis=analysis(signal), strategy=HALF))
    stable = stage.pods("1.0.0")
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", environment=fault, analysis=analysis(signal), strategy=HALF))
        status = stage.until_phase("Degraded", within=60)
        until_all_answers_are_of(load, "1.0.0")
    assert not load.lost
    assert load.by_version["2.0.0"] > 10
    assert stage.pods("1.0.0") == stable
    assert status["rejected"]["reason"] == "AnalysisFailed"
    assert re.match(said, status["rejected"]["message"])
    assert status["analysis"]["verdict"] == "Fail"
    assert told_in_full(stage.statuses(since)) >= {(signal["name"], "Fail")}


def test_every_verdict_names_metric_values_counts_limit_estimate_and_interval(stage: Stage) -> None:
    signals = (ERRORS, LATENCY, ACCURACY)
    stage.deploy(model("1.0.0", analysis=analysis(*signals), strategy=HALF))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", analysis=analysis(*signals), strategy=HALF))
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    statuses = stage.statuses(since)
    assert told_in_full(statuses) >= {(signal["name"], "Pass") for signal in signals}
    passed = next(it["analysis"] for it in reversed(statuses) if it.get("analysis", {}).get("verdict") == "Pass")
    assert [one in passed["message"] for one in ("error-rate: ", "latency: ", "accuracy: ")] == [True] * 3
    assert abs(passed["split"]["observed"] - 0.5) < 0.25


def told_in_full(statuses: list[Object]) -> set[tuple[str, str]]:
    """The decided verdicts in these statuses, as (metric, verdict); each is checked to be told with its numbers."""
    metrics = chain.from_iterable(status.get("analysis", {}).get("metrics", ()) for status in statuses)
    decided = [metric for metric in metrics if metric["verdict"] in {"Pass", "Fail"}]
    for metric in decided:
        candidate, stable, (low, high) = metric["candidate"], metric["stable"], metric["interval"]
        assert 0 <= candidate["bad"] <= candidate["total"]
        assert stable["total"] > 0
        shares = candidate["bad"] / candidate["total"], stable["bad"] / stable["total"]
        if metric["name"] == "accuracy":
            # Weighed within ticks, so the difference of the sums is near it, not equal.
            assert metric["estimate"] == pytest.approx(shares[0] - shares[1], abs=0.05)
        else:
            assert metric["estimate"] == pytest.approx(shares[0], rel=1e-3)
        assert low - 1e-9 <= metric["estimate"] <= high + 1e-9
        assert metric["limit"] == pytest.approx(0.05)
        for figure in (f"{candidate['total']:,.0f}", f"{stable['total']:,.0f}", "95% interval", "limit"):
            assert figure in metric["message"]
    return {(metric["name"], metric["verdict"]) for metric in decided}
