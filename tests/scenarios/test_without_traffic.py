"""A model without `traffic`: the Service of its name is the traffic, and its selector moves, all or nothing."""

import pytest

from localcluster import LocalCluster
from scenarios.api import Object, eventually
from scenarios.inside import clients
from scenarios.stage import NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

ALONE: Object = {"traffic": None, "strategy": None, "replicas": 1}


def test_a_new_version_takes_over_when_it_is_ready_and_no_request_is_lost(stage: Stage, cluster: LocalCluster) -> None:
    first = model("1.0.0", **ALONE)
    stage.deploy(first)
    warm = stage.pods("1.0.0")
    with clients(cluster, stage, rate=50) as answers:
        eventually(lambda: answers()["1.0.0"] > 20, what="answers of the first version")
        stage.apply(model("2.0.0", environment={"START_DELAY": "2"}, **ALONE))
        while (status := stage.until("a status", bool)).get("version") != "2.0.0":
            assert "step" not in status, "there is nothing to go step by step with"
        eventually(lambda: answers()["2.0.0"] > 20, what="answers of the second version")
        assert stage.pods("1.0.0") == warm, "the version before is kept warm"
        stage.deploy(first)
        before = answers()["1.0.0"]
        eventually(lambda: answers()["1.0.0"] > before + 20, what="answers of the version that was taken back")
        assert stage.pods("1.0.0") == warm
        assert set(answers()) == {"1.0.0", "2.0.0"}, "every request was answered by a model server"
    assert [entry["outcome"] for entry in stage.status["history"]] == ["Restored", "Promoted", "Deployed"]
    assert stage.api.list("HTTPRoute") == []


def test_a_version_that_cannot_start_leaves_the_service_where_it_is(stage: Stage) -> None:
    stage.deploy(model("1.0.0", **ALONE))
    service = stage.api.get("Service", NAME)
    stage.apply(model("2.0.0", image="serin.dev/not-there:1", progressDeadline="8s", **ALONE))
    status = stage.until_phase("Degraded")
    assert status["version"] == "1.0.0"
    assert status["rejected"]["reason"] == "ProgressDeadlineExceeded"
    assert stage.api.get("Service", NAME) == service


@pytest.mark.long
def test_a_service_of_the_same_name_is_left_alone_and_told(stage: Stage) -> None:
    mine = stage.api.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME},
            "spec": {"selector": {"app": "mine"}, "ports": [{"port": 80}]},
        }
    )
    stage.apply(model("1.0.0", **ALONE))
    stage.until("Stalled", lambda it: "conditions" in it and stage.condition("Stalled")["status"] == "True")
    assert stage.condition("Stalled")["reason"] == "NameTaken"
    assert f"the Service {NAME} belongs to somebody else" in stage.condition("Stalled")["message"]
    assert stage.api.get("Service", NAME) == mine
    stage.api.delete("Service", NAME)
    stage.until_phase("Healthy", version="1.0.0")
    eventually(lambda: stage.condition("Ready")["status"] == "True", what="Ready once the name is free")


def test_a_paused_model_keeps_its_version_until_it_goes_on(stage: Stage) -> None:
    stage.deploy(model("1.0.0", **ALONE))
    stage.apply(model("2.0.0", paused=True, **ALONE))
    stage.until_phase("Paused")
    stage.stays("version 1.0.0", lambda it: it["version"] == "1.0.0", seconds=3)
    stage.deploy(model("2.0.0", **ALONE))


def test_traffic_may_be_added_later_and_taken_away_again(stage: Stage, cluster: LocalCluster) -> None:
    stage.deploy(model("1.0.0", **ALONE))
    pods = stage.pods("1.0.0")
    with clients(cluster, stage, rate=50) as answers:
        stage.apply(model("1.0.0", replicas=1))
        eventually(stage.is_served, what="an answer through the gateway")
        stage.until("Ready", lambda _: stage.condition("Ready")["status"] == "True")
        stage.apply(model("1.0.0", **ALONE))
        eventually(lambda: stage.api.list("HTTPRoute") == [], what="no route")
        stage.until_phase("Healthy", version="1.0.0")
        seen = answers()["1.0.0"]
        eventually(lambda: answers()["1.0.0"] > seen + 20, what="answers afterwards")
        assert set(answers()) == {"1.0.0"}
    assert stage.pods("1.0.0") == pods
