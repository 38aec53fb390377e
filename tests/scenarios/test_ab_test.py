"""An A/B test on real traffic: the better model takes over, and one that is no better leaves without a failure."""

import pytest

from scenarios.analyses import ACCURACY, ERRORS, analysis
from scenarios.api import Object
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

GOAL = {"metric": "accuracy", "minimumEffect": {"absolute": "15%"}}
POLICY = analysis(ACCURACY, ERRORS)


def ab_test(**changes: object) -> Object:
    """Half of the requests for each version, until one is known to be more accurate."""
    return {"type": "ABTest", "abTest": {"goal": GOAL, "maxDuration": "3m", **changes}}


def accurate(version: str, share: float, **changes: object) -> Object:
    """A version that is right in this share of its answers."""
    return model(version, environment={"ACCURACY": str(share)}, analysis=POLICY, strategy=ab_test(**changes))


def test_a_model_that_is_more_accurate_wins_and_takes_over(stage: Stage) -> None:
    stage.deploy(accurate("1.0.0", 0.6))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(accurate("2.0.0", 0.9))
        stage.until("who leads", lambda it: ((it.get("analysis") or {}).get("test") or {}).get("leader") == "Candidate")
        assert stage.weight("2.0.0") == 50
        stage.until_phase("Healthy", version="2.0.0", within=120)
        answered = load.by_version
    assert not load.lost
    (won, *_) = [
        test
        for it in stage.statuses(since)
        if (test := (it.get("analysis") or {}).get("test")) and test.get("decision")
    ]
    assert (won["decision"], won["won"]) == ("Won", "1.00")
    assert won["interval"][1] < 0, "what accuracy counts is wrong answers: fewer are better"
    assert won["candidate"]["total"] <= answered["2.0.0"]
    assert won["stable"]["total"] <= answered["1.0.0"]
    assert won["candidate"]["counted"] / won["candidate"]["total"] == pytest.approx(0.1, abs=0.1)
    assert won["stable"]["counted"] / won["stable"]["total"] == pytest.approx(0.4, abs=0.15)
    assert len(stage.events("ABTestWon")) == 1
    assert stage.status["history"][0]["outcome"] == "Promoted"


def test_a_model_that_is_no_better_leaves_and_nothing_failed(stage: Stage) -> None:
    stage.deploy(accurate("1.0.0", 0.8))
    with stage.load() as load:
        stage.apply(accurate("2.0.0", 0.8))
        stage.until("the end of the test", lambda it: (it.get("history") or [{}])[0].get("outcome") == "Compared", 150)
        stage.until("peace", lambda it: it["phase"] == "Healthy")
    assert not load.lost
    last = stage.status["history"][0]
    assert last["reason"] in {"NoImprovement", "Lost"}
    assert stage.condition("Ready")["status"] == "True"
    assert stage.split() == {f"digits-{stage.status['stable']}": 100}


def test_a_winner_that_is_kept_waits_for_a_person(stage: Stage) -> None:
    stage.deploy(accurate("1.0.0", 0.5, winner="Keep"))
    with stage.load() as load:
        stage.apply(accurate("2.0.0", 0.95, winner="Keep"))
        stage.until(
            "a winner", lambda it: "it has won, and stays until somebody promotes" in it.get("message", ""), 120
        )
        stage.stays("kept", lambda it: it["weight"] == 50 and it["phase"] == "Progressing", seconds=6)
    assert not load.lost
