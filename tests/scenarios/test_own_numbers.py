"""A version is judged by its own numbers: not by those of the one before, of its warm-up, or of a restarted counter."""

import pytest

from localcluster import LocalCluster
from scenarios.analyses import ERRORS, HALF, analysis, message, metric, reason, verdict
from scenarios.api import Object, eventually
from scenarios.inside import visit_pods
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

LONG = {"canary": {"steps": [{"weight": 50, "hold": "1m"}]}}
PATIENT = analysis(confirm=20)


def errors(status: Object) -> Object:
    """The candidate's counted errors, {} where there are none yet."""
    found: Object = metric(status, "error-rate").get("candidate", {}) if status.get("analysis") else {}
    return found


def test_errors_of_a_replaced_candidate_are_not_held_against_the_next(stage: Stage) -> None:
    stage.deploy(model("1.0.0", analysis=PATIENT, strategy=HALF))
    with stage.load() as load:
        stage.apply(model("2.0.0", environment={"ERROR_SHARE": "0.5"}, analysis=PATIENT, strategy=HALF))
        stage.until("errors of the candidate", lambda it: errors(it).get("bad", 0) > 10)
        since = stage.resource_version
        stage.apply(model("3.0.0", analysis=analysis(), strategy=HALF))
        stage.until_phase("Healthy", version="3.0.0")
    assert not load.lost
    third = stage.revision("3.0.0")
    judged = [it for it in stage.statuses(since) if it.get("analysis", {}).get("revision") == third]
    assert [errors(it)["total"] for it in judged if errors(it)]
    assert {errors(it)["bad"] for it in judged if errors(it)} == {0}
    assert stage.status["history"][1]["outcome"] == "Replaced"


def test_warm_up_is_not_judged(stage: Stage) -> None:
    policy = analysis(initialDelay="5s")
    stage.deploy(model("1.0.0", analysis=policy, strategy=HALF))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", environment={"WARM_UP": "5"}, analysis=policy, strategy=HALF))
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    assert sum(answer.status == 500 for answer in load.answers) > 10
    judged = [it for it in stage.statuses(since) if errors(it)]
    assert judged
    assert {errors(it)["bad"] for it in judged} == {0}


@pytest.mark.long
def test_pods_that_start_again_during_the_analysis_do_not_distort_the_counts(
    stage: Stage, cluster: LocalCluster
) -> None:
    stage.deploy(model("1.0.0", analysis=PATIENT, strategy=LONG))
    with stage.load() as load:
        stage.apply(model("2.0.0", analysis=PATIENT, strategy=LONG))
        stage.until("the first counts", lambda it: errors(it).get("total", 0) > 0)
        visit_pods(cluster, stage, "1.0.0", "/crash")
        visit_pods(cluster, stage, "2.0.0", "/crash")
        restarted = [*stage.pods("1.0.0"), *stage.pods("2.0.0")]
        before = errors(stage.status)["total"]
        stage.until("counts after it", lambda it: errors(it).get("total", 0) > before + 100)
    last = stage.until("the last counts", lambda it: reason(it) == "NoTraffic")
    assert len(restarted) == 3
    assert set(stage.pods("1.0.0").values()) | set(stage.pods("2.0.0").values()) == {1}
    answered = load.by_version["2.0.0"]
    # What was answered between the last scrape and the crash is lost; nothing may be counted twice.
    assert 0.7 * answered <= errors(last)["total"] <= answered
    assert errors(last)["bad"] == 0
    assert "rejected" not in last


@pytest.mark.long
def test_one_burst_rolls_nothing_back_and_the_same_for_confirm_ticks_does(stage: Stage, cluster: LocalCluster) -> None:
    policy = analysis({**ERRORS, "threshold": "20%"}, confirm=3)
    stage.deploy(model("1.0.0", analysis=policy, strategy=LONG))
    with stage.load() as load:
        stage.apply(model("2.0.0", analysis=policy, strategy=LONG))
        stage.until("a pass", lambda it: verdict(it) == "Pass")
        visit_pods(cluster, stage, "2.0.0", "/errors/1")
        burst = load.answers[-1].at
        eventually(lambda: load.answers[-1].at > burst + 1, what="a second of errors", every=0.02)
        visit_pods(cluster, stage, "2.0.0", "/errors/0")
        stage.until("the burst in the counts", lambda it: errors(it).get("bad", 0) > 10)
        stage.stays("not rolled back", lambda it: it["weight"] == 50, seconds=6)
        assert metric(stage.status, "error-rate")["verdict"] != "Fail"
        visit_pods(cluster, stage, "2.0.0", "/errors/1")
        status = stage.until_phase("Degraded", within=30)
    assert status["rejected"]["reason"] == "AnalysisFailed"
    assert not load.lost


def test_errors_that_stable_shares_roll_nothing_back(stage: Stage, cluster: LocalCluster) -> None:
    stage.deploy(model("1.0.0", analysis=analysis(), strategy=HALF))
    with stage.load() as load:
        visit_pods(cluster, stage, "1.0.0", "/errors/0.4")
        stage.apply(model("2.0.0", environment={"ERROR_SHARE": "0.4"}, analysis=analysis(), strategy=HALF))
        status = stage.until("the shared breach", lambda it: reason(it) == "SharedBreach")
        assert "stable shares the breach, so it is not the candidate's" in message(status)
        stage.stays("held", lambda it: verdict(it) == "Hold" and it["weight"] == 50, seconds=6)
    assert not load.lost


def test_a_metric_that_only_warns_never_rolls_back(stage: Stage) -> None:
    policy = analysis({**ERRORS, "action": "Warn"}, {"name": "latency", "threshold": "1s"})
    stage.deploy(model("1.0.0", analysis=policy, strategy=HALF))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", environment={"ERROR_SHARE": "0.5"}, analysis=policy, strategy=HALF))
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    warned = [metric(it, "error-rate") for it in stage.statuses(since) if it.get("analysis")]
    assert ("Fail", "Warn") in {(it["verdict"], it["action"]) for it in warned}
