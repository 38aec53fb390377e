"""What a change of the spec means for the revision that serves and the one that is under way."""

import copy
import time
from datetime import datetime

import pytest

from scenarios.api import Object, eventually
from scenarios.load import Answer
from scenarios.stage import NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

LONG = {"canary": {"steps": [{"weight": 20, "hold": "1s"}, {"weight": 50, "hold": "10m"}]}}
"""A rollout that stays at 50 % until something else happens."""
SHORT = {"canary": {"steps": [{"weight": 20, "hold": "1s"}, {"weight": 50, "hold": "1s"}]}}


def at_half(stage: Stage, version: str) -> Object:
    """Wait until a candidate stands in a step of 50 % whose time runs."""
    return stage.until(
        f"{version} at 50 %",
        lambda it: it.get("candidateVersion") == version and it.get("weight") == 50 and it["step"].get("since"),
    )


def test_a_new_revision_in_the_middle_replaces_the_candidate_and_starts_from_the_first_step(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    with stage.load() as load:
        stable = stage.pods("1.0.0")
        stage.apply(model("2.0.0", replicas=1, strategy=LONG, environment={"LATENCY": "0.2", "LINGER": "0"}))
        at_half(stage, "2.0.0")
        since = stage.resource_version
        stage.apply(model("3.0.0", replicas=1, strategy=SHORT))
        stage.until("the step of the next candidate", lambda it: it.get("candidateVersion") == "3.0.0" and "step" in it)
        assert stage.pods("1.0.0") == stable
        stage.until_phase("Healthy", version="3.0.0")
        assert stage.pods("1.0.0") == stable, "the version before is kept warm by the very same pods"
        stage.until("no pods of the replaced version", lambda _: not stage.pods("2.0.0"))
    assert not load.lost
    steps = [(step["index"], step["weight"]) for step in stage.steps(since)]
    assert steps[-2:] == [(1, 20), (2, 50)]
    assert stage.weights("3.0.0", since) == [0, 20, 50, 100]
    outcomes = [(entry["version"], entry["outcome"]) for entry in stage.status["history"]]
    assert outcomes == [("3.0.0", "Promoted"), ("2.0.0", "Replaced"), ("1.0.0", "Deployed")]


def test_going_back_to_stable_in_the_middle_ends_the_rollout_at_once_without_an_analysis(stage: Stage) -> None:
    first = model("1.0.0", replicas=1)
    stage.deploy(first)
    with stage.load() as load:
        stable = stage.pods("1.0.0")
        stage.apply(model("2.0.0", replicas=1, strategy=LONG))
        at_half(stage, "2.0.0")
        since, began = stage.resource_version, time.monotonic()
        stage.deploy(first)
        took = time.monotonic() - began
        after = time.monotonic()
        eventually(lambda: len(load.since(after)) > 50, what="answers afterwards")
    assert not load.lost
    assert {answer.version for answer in load.since(after + 1)} <= {"1.0.0"}
    assert took < 5, "there is nothing to wait for but the route"
    assert stage.pods("1.0.0") == stable
    assert stage.weights("2.0.0", since) == [0]
    assert stage.status["history"][0]["outcome"] == "Withdrawn"
    assert not any("analysis" in status for status in stage.statuses(since))
    assert "rejected" not in stage.status


def test_the_version_before_is_taken_back_in_one_write_while_it_is_warm(stage: Stage) -> None:
    first = model("1.0.0", replicas=2)
    stage.deploy(first)
    warm = stage.pods("1.0.0")
    with stage.load() as load:
        stage.deploy(model("2.0.0", replicas=2, strategy=SHORT))
        since = stage.resource_version
        stage.deploy(first)
        assert stage.pods("1.0.0") == warm
    assert not load.lost
    assert load.answers[-1].version == "1.0.0"
    assert len(stage.splits(since)) == 1, "one write of the route"
    assert stage.weight("1.0.0") == 100
    assert stage.status["history"][0]["outcome"] == "Restored"
    assert stage.condition("Promoted")["status"] == "True"


def test_applying_the_same_again_or_changing_what_no_revision_is_made_of_starts_nothing(stage: Stage) -> None:
    manifest = model("1.0.0", replicas=1)
    stage.deploy(manifest)
    revision, history = stage.status["stable"], stage.status["history"]
    since = stage.resource_version
    generation = stage.object["metadata"]["generation"]
    assert stage.apply(manifest)["metadata"]["generation"] == generation

    labeled = copy.deepcopy(manifest)
    labeled["metadata"]["labels"] = {"team": "vision"}
    stage.apply(labeled)
    labeled["spec"]["analysis"] = {"interval": "5s", "metrics": [{"name": "error-rate", "threshold": "1%"}]}
    labeled["spec"]["rollback"] = {"keepWarm": "3m"}
    labeled["spec"]["model"]["lineage"] = {"codeCommit": "0123abc"}
    stage.deploy(labeled)
    labeled["spec"]["replicas"] = 3
    stage.deploy(labeled)
    eventually(lambda: len(stage.pods("1.0.0")) == 3, what="three pods of the same revision")

    assert not any("candidate" in status for status in stage.statuses(since))
    assert stage.status["stable"] == revision
    assert stage.status["history"] == history
    assert [it["metadata"]["name"] for it in stage.api.list("Deployment")] == [f"{NAME}-{revision}"]
    assert [it["metadata"]["name"] for it in stage.api.list("ControllerRevision")] == [f"{NAME}-{revision}"]


def says(name: str) -> Object:
    """A template's variable that comes from a ConfigMap."""
    return {"name": "SAYS", "valueFrom": {"configMapKeyRef": {"name": name, "key": "says"}}}


def test_a_changed_config_map_is_a_new_revision_and_the_old_one_keeps_the_old_content(stage: Stage) -> None:
    labels: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "labels"}, "data": {"says": "old"}}
    stage.api.apply(labels)
    manifest = model("1.0.0", replicas=1, strategy=LONG)
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] = [says("labels")]
    stage.deploy(manifest)
    old = stage.status["stable"]
    with stage.load() as load:
        stage.api.patch("ConfigMap", "labels", {"data": {"says": "new"}})
        new = at_half(stage, "1.0.0")["candidate"]
        assert new != old
        for pod in pods_of(stage, old):
            stage.api.delete("Pod", pod)
        born_later = eventually(lambda: pods_of(stage, old), what="another pod of the old revision")
        stage.until("that pod is Ready", lambda it: all(e["readyReplicas"] for e in it["revisions"]) and is_whole(it))
        since = time.monotonic()
        eventually(lambda: answered_by(load.since(since)) >= {old, new}, what="answers of both")
    assert born_later
    spoken = {(answer.revision, answer.body) for answer in load.answers if not answer.error}
    assert spoken == {(old, "1.0.0 old"), (new, "1.0.0 new")}


def pods_of(stage: Stage, revision: str) -> list[str]:
    """The pods of a revision that are not going away."""
    pods = stage.api.list("Pod", f"serin.dev/revision={revision}")
    return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def is_whole(status: Object) -> bool:
    """Whether nothing is waited for."""
    return "heldSince" not in status.get("step", {}) and "Ready" not in status["message"]


def answered_by(answers: list[Answer]) -> set[str]:
    """The revisions that answered."""
    return {answer.revision for answer in answers if not answer.error}


def test_editing_the_steps_in_the_middle_never_raises_the_weight(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    with stage.load() as load:
        stage.apply(model("2.0.0", replicas=1, strategy=LONG))
        at_half(stage, "2.0.0")
        since = stage.resource_version
        edited = [{"weight": 10}, {"weight": 30, "hold": "3s"}, {"weight": 80, "hold": "1s"}]
        stage.apply(model("2.0.0", replicas=1, strategy={"canary": {"steps": edited}}))
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    assert stage.weights("2.0.0", since) == [30, 80, 100]
    steps = [step for step in stage.steps(since) if step["of"] == 3]
    assert [(step["index"], step["weight"]) for step in steps] == [(2, 30), (3, 80)]
    at_30, at_80 = (datetime.fromisoformat(step["since"]) for step in steps)
    assert (at_80 - at_30).total_seconds() >= 3, "the step that it is in now is held as long as it says"
