"""An A/B test on real traffic: the better model takes over, and one that is no better leaves without a failure."""

import time
from collections.abc import Iterator

import pytest
import requests

from scenarios.analyses import ACCURACY, ERRORS, analysis
from scenarios.api import Object, eventually
from scenarios.load import Load
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario, pytest.mark.long]

GOAL = {"metric": "accuracy", "minimumEffect": {"absolute": "15%"}}
POLICY = analysis(ACCURACY, ERRORS)
GROUP = {"X-Group": "b"}


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
    strict = {"goal": {**GOAL, "significance": "0.001"}}
    stage.deploy(accurate("1.0.0", 0.8, **strict))
    with stage.load() as load:
        stage.apply(accurate("2.0.0", 0.8, **strict))
        stage.until("the end of the test", lambda it: (it.get("history") or [{}])[0].get("outcome") == "Compared", 150)
        stage.until("peace", lambda it: it["phase"] == "Healthy")
    assert not load.lost
    last = stage.status["history"][0]
    assert last["reason"] in {"NoImprovement", "Lost"}
    assert stage.condition("Ready")["status"] == "True"
    eventually(lambda: stage.split() == {f"digits-{stage.status['stable']}": 100}, what="stable alone in the route")


def test_a_winner_that_is_kept_waits_for_a_person(stage: Stage) -> None:
    stage.deploy(accurate("1.0.0", 0.5, winner="Keep"))
    with stage.load() as load:
        stage.apply(accurate("2.0.0", 0.95, winner="Keep"))
        stage.until(
            "a winner", lambda it: "it has won, and stays until somebody promotes" in it.get("message", ""), 120
        )
        stage.stays("kept", lambda it: it["weight"] == 50 and it["phase"] == "Progressing", seconds=6)
    assert not load.lost


def test_only_the_audience_reaches_the_candidate_and_is_compared_with_all_others(stage: Stage) -> None:
    audience = {"audience": {"headers": GROUP}, "winner": "Keep"}
    stage.deploy(accurate("1.0.0", 0.5, **audience))
    with stage.load() as others, Load(stage.gateway_url, stage.host, 50, headers=GROUP) as group:
        stage.apply(accurate("2.0.0", 0.95, **audience))
        eventually(lambda: group.by_version["2.0.0"] > 50, what="answers of the candidate", within=60)
        since = time.monotonic()
        status = stage.until("a winner", lambda it: "it has won" in it.get("message", ""), 120)
        assert stage.weight("2.0.0") == 0
        assert {answer.version for answer in group.since(since)} == {"2.0.0"}
        assert {answer.version for answer in others.answers} == {"1.0.0"}
        stage.act("promote")
        stage.until_phase("Healthy", version="2.0.0")
        eventually(lambda: others.answers[-1].version == "2.0.0", what="the winner for everybody")
    assert not others.lost
    assert not group.lost
    assert status["analysis"]["test"]["candidate"]["total"] <= group.by_version["2.0.0"]


@pytest.fixture
def users() -> Iterator[list[requests.Session]]:
    """Twenty people with cookies."""
    people = [requests.Session() for _ in range(20)]
    yield people
    for person in people:
        person.close()


def test_users_stay_with_their_version_for_as_long_as_the_test_lasts(
    stage: Stage, users: list[requests.Session]
) -> None:
    def asked() -> list[str]:
        url, headers = f"{stage.gateway_url}/predict", {"Host": stage.host}
        return [user.get(url, headers=headers, timeout=5).headers["X-Serin-Version"] for user in users]

    sticky = {"stickiness": {"maxAge": "1h"}, "winner": "Keep"}
    stage.deploy(accurate("1.0.0", 0.7, **sticky))
    with stage.load() as load:
        stage.apply(accurate("2.0.0", 0.75, **sticky))
        stage.until("the test", lambda it: ((it.get("analysis") or {}).get("test") or {}).get("leader") is not None)
        first = asked()
        assert set(first) == {"1.0.0", "2.0.0"}
        for _ in range(5):
            assert asked() == first
        stage.act("abort")
        stage.until_phase("Degraded")
        assert set(asked()) == {"1.0.0"}, "whose version left is answered all the same"
    assert not load.lost
