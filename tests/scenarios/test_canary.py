"""Whole rollouts on a real cluster: real pods, a real proxy, a real Prometheus, every request counted."""

import pytest
from scenarios.stage import QUICK, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]


def test_first_version_gets_its_route_when_it_is_ready_and_a_better_one_is_promoted(stage: Stage) -> None:
    stage.apply(model("1.0.0", analysis=QUICK))
    stage.until_phase("Healthy", version="1.0.0")
    with stage.load() as load:
        stage.until_phase("Healthy")
        stage.apply(model("2.0.0", analysis=QUICK))
        stage.until("the candidate", lambda status: status.get("candidateVersion") == "2.0.0")
        stage.until("its pods", lambda status: status.get("weight", 0) > 0)
        pods = stage.pods("2.0.0")
        stage.until_phase("Healthy", version="2.0.0", within=90)
    assert not load.lost
    assert pods.items() <= stage.pods("2.0.0").items()
    assert set(stage.pods("2.0.0").values()) == {0}
    assert load.by_version["2.0.0"] > 0


def test_a_version_that_fails_requests_is_rolled_back(stage: Stage) -> None:
    stage.apply(model("1.0.0", analysis=QUICK))
    stage.until_phase("Healthy", version="1.0.0")
    stable = stage.pods("1.0.0")
    with stage.load() as load:
        stage.apply(model("2.0.0", environment={"ERROR_SHARE": "0.3"}, analysis=QUICK))
        status = stage.until_phase("Degraded", within=90)
        assert status["rejected"]["reason"] == "AnalysisFailed"
        assert "error-rate" in status["rejected"]["message"]
    assert not load.lost
    assert stage.pods("1.0.0") == stable
    assert stage.weight("2.0.0") in {0, None}
    stage.until("no pods of the bad version", lambda _: not stage.pods("2.0.0"))
