"""Whatever happens to the operator, to its status or to a version: no step is skipped or cut short, nothing is lost."""

import time
from datetime import datetime

import pytest

from scenarios.api import Object, Refused, eventually
from scenarios.conftest import OperatorProcess
from scenarios.stage import NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

HOLD = 4.0
STEPS = {"canary": {"steps": [{"weight": 20, "hold": "4s"}, {"weight": 50, "hold": "1s"}]}}


def times(step: Object, following: Object) -> float:
    """How many seconds lay between the beginnings of two steps."""
    began, ended = (datetime.fromisoformat(it["since"]) for it in (step, following))
    return (ended - began).total_seconds()


def test_an_operator_that_is_killed_in_a_rollout_goes_on_where_it_was(stage: Stage, operator: OperatorProcess) -> None:
    stage.may_fail = True
    stage.deploy(model("1.0.0", replicas=1))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", replicas=1, strategy=STEPS))
        # While its pods start; in the middle of a step; right after a weight was decided.
        stage.until("the candidate", lambda it: it.get("candidateVersion") == "2.0.0")
        killed_and_started(operator)
        step = stage.until("the step", lambda it: it.get("step", {}).get("since"))["step"]
        down = killed_and_started(operator)
        stage.until("the next weight", lambda it: it.get("weight") == 50)
        killed_and_started(operator)
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    first, second = stage.steps(since)
    assert [(it["index"], it["weight"]) for it in (first, second)] == [(1, 20), (2, 50)]
    assert stage.weights("2.0.0", since) == [0, 20, 50, 100]
    assert first["since"] == step["since"]
    assert HOLD <= times(first, second) <= HOLD + down + 5, "neither cut short, nor begun anew"
    assert [it["outcome"] for it in stage.status["history"]] == ["Promoted", "Deployed"]


def killed_and_started(operator: OperatorProcess) -> float:
    """Kill the operator and start it again; returns for how many seconds it was away."""
    began = time.monotonic()
    operator.kill()
    operator.start()
    return time.monotonic() - began


def test_a_status_that_is_lost_is_rebuilt_and_the_rollout_goes_on_from_its_weight(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    with stage.load() as load:
        long = {"canary": {"steps": [{"weight": 20}, {"weight": 50, "hold": "10m"}]}}
        stage.apply(model("2.0.0", replicas=1, strategy=long))
        before = stage.until("the step", lambda it: it.get("step", {}).get("index") == 2 and it["step"].get("since"))
        recorded(stage)
        since = stage.resource_version
        stage.api.delete_status("ModelDeployment", NAME)
        after = stage.until("the step again", lambda it: it.get("step", {}).get("since"))
        for field in ("stable", "version", "candidate", "candidateVersion", "weight", "phase"):
            assert after[field] == before[field], field
        assert after["step"]["index"] == 2
        stage.act("promote")
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    assert stage.weights("2.0.0", since) == [100], "the weight stayed as it was until somebody promoted"
    eventually(lambda: stage.events("StatusRecovered"), what="an Event that says so")


def test_a_version_that_was_turned_away_stays_so_when_the_status_is_lost(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    stage.apply(model("2.0.0", replicas=1, strategy=STEPS))
    stage.until("the step", lambda it: it.get("step", {}).get("since"))
    stage.act("abort", reason="not good")
    rejected = stage.until_phase("Degraded")["rejected"]
    recorded(stage)
    stage.api.delete_status("ModelDeployment", NAME)
    assert stage.until_phase("Degraded")["rejected"] == rejected
    stage.stays("turned away", lambda it: "candidate" not in it and it["rejected"] == rejected, seconds=2)


def recorded(stage: Stage) -> None:
    """Wait until the ControllerRevisions say who was turned away: a lost status is rebuilt from there."""

    def same() -> bool:
        annotations = {
            it["metadata"]["labels"]["serin.dev/revision"]: it["metadata"].get("annotations", {})
            for it in stage.api.list("ControllerRevision")
        }
        rejected = stage.status.get("rejected", {}).get("revision")
        return all(
            ("serin.dev/rejected" in annotations[it["revision"]]) == (it["revision"] == rejected)
            for it in stage.status["revisions"]
        )

    eventually(same, what="who was turned away on the ControllerRevisions", within=10)


def test_a_version_that_cannot_start_gets_no_traffic_and_is_degraded_within_the_deadline(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    stable = stage.pods("1.0.0")
    with stage.load() as load:
        stage.until("Ready", lambda _: stage.condition("Ready")["status"] == "True")  # the Gateway wrote its word
        since = stage.resource_version
        bad = model("2.0.0", replicas=1, image="serin.dev/nowhere:1", progressDeadline="8s")
        bad["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Never"
        stage.apply(bad)
        began = time.monotonic()
        status = stage.until_phase("Degraded", within=30)
        took = time.monotonic() - began
    assert took < 8 + 5
    assert status["rejected"]["reason"] == "ProgressDeadlineExceeded"
    assert "cannot pull the image serin.dev/nowhere:1" in status["rejected"]["message"]
    assert not load.lost
    assert set(load.by_version) == {"1.0.0"}
    assert set(stage.weights("2.0.0", since)) <= {0}, "it stands by without traffic"
    assert stage.pods("1.0.0") == stable
    stage.until("no pods of it", lambda _: not stage.pods("2.0.0"))


def test_a_template_that_the_api_server_refuses_is_told_in_its_words_before_anything_is_made(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    bad = model("2.0.0", replicas=1)
    bad["spec"]["template"]["spec"]["containers"][0]["imagee"] = "typo"
    stage.apply(bad)
    status = stage.until_phase("Degraded")
    assert status["rejected"]["reason"] == "InvalidTemplate"
    assert 'unknown field "spec.template.spec.containers[0].imagee"' in status["message"]
    assert len(stage.api.list("Deployment")) == 1
    assert len(stage.api.list("ControllerRevision")) == 1
    assert stage.condition("Available")["status"] == "True"


def test_an_object_that_cannot_be_read_hurts_no_other(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    unreadable(stage, "broken")
    message = eventually(lambda: told(stage, "broken"), what="a word about the object that cannot be read")
    assert message is not None
    assert "spec.replicas" in message
    with stage.load() as load:
        stage.apply(model("2.0.0", replicas=1, strategy={"canary": {"steps": [{"weight": 50}]}}))
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    stage.api.delete("ModelDeployment", "broken")
    eventually(lambda: stage.api.get("ModelDeployment", "broken") is None, what="its end")


def told(stage: Stage, name: str) -> str | None:
    found = stage.api.get("ModelDeployment", name)
    message: str | None = (found or {}).get("status", {}).get("message")
    return message


def unreadable(stage: Stage, name: str) -> None:
    """Make a ModelDeployment that the schema forbids: as one that an older schema allowed."""
    crd = stage.api.get("CustomResourceDefinition", "modeldeployments.serin.dev")
    assert crd is not None
    strict = crd["spec"]["versions"]
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    open_properties = {"spec": anything, "status": anything}
    loose = [{**it, "schema": {"openAPIV3Schema": {"type": "object", "properties": open_properties}}} for it in strict]
    loose = [{**it, "subresources": {"status": {}}} for it in loose]
    broken = model("1.0.0", replicas="many")
    broken["metadata"] = {"name": name, "namespace": stage.api.namespace}

    def created() -> bool:
        try:
            stage.api.create(broken)
        except Refused as error:
            if error.status not in {400, 422}:
                raise
            return False
        return True

    stage.api.patch("CustomResourceDefinition", "modeldeployments.serin.dev", {"spec": {"versions": loose}})
    try:
        eventually(created, what="the API server takes anything for a moment")
    finally:
        stage.api.patch("CustomResourceDefinition", "modeldeployments.serin.dev", {"spec": {"versions": strict}})
