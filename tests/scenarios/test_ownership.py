"""What is Serin's comes back when somebody deletes it; what is somebody else's is left alone, and that is told."""

import pytest

from scenarios.api import Object, eventually
from scenarios.stage import NAME, Stage, model
from serin.api.spec import ModelDeploymentSpec
from serin.workloads import revision_hash, take_snapshot

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

LONG = {"canary": {"steps": [{"weight": 20, "hold": "10m"}]}}
GATEWAY = {"name": "serin", "namespace": "serin-gateway"}


def test_children_that_are_deleted_by_hand_come_back_and_the_rollout_goes_on(stage: Stage) -> None:
    stage.api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "labels"}, "data": {"says": "hi"}})
    source = {"name": "SAYS", "valueFrom": {"configMapKeyRef": {"name": "labels", "key": "says"}}}
    stage.deploy(model("1.0.0", replicas=1))
    second = model("2.0.0", replicas=1, strategy=LONG)
    second["spec"]["template"]["spec"]["containers"][0]["env"] = [source]
    stage.apply(second)
    stage.until("the step", lambda it: it.get("step", {}).get("since"))
    stable, candidate = (f"{NAME}-{stage.revision(version)}" for version in ("1.0.0", "2.0.0"))
    copies = [it["metadata"]["name"] for it in stage.api.list("ConfigMap", f"serin.dev/model={NAME}")]
    assert len(copies) == 1
    split = stage.split()
    deleted = [
        ("HTTPRoute", NAME),
        ("Service", NAME),
        ("Service", stable),
        ("Service", candidate),
        ("Deployment", candidate),
        ("ControllerRevision", candidate),
        ("ConfigMap", copies[0]),
    ]
    before = {child: uid(stage, *child) for child in deleted}
    for child in deleted:
        stage.api.delete(*child)
    eventually(
        lambda: all(uid(stage, *child) not in {None, before[child]} for child in deleted),
        what="all of them come back",
        within=20,
    )
    assert stage.split() == split
    stage.until("Ready pods", lambda it: all(e["readyReplicas"] == 1 for e in it["revisions"]))
    stage.act("promote")
    stage.until_phase("Healthy", version="2.0.0")
    with stage.load() as load:
        eventually(lambda: len(load.answers) > 50, what="answers")
    assert not load.lost
    assert {answer.body for answer in load.answers} == {"2.0.0 hi"}


def uid(stage: Stage, kind: str, name: str) -> str | None:
    """The uid of an object; None if it is not there, or going away."""
    found = stage.api.get(kind, name)
    return found["metadata"]["uid"] if found and "deletionTimestamp" not in found["metadata"] else None


def test_a_route_of_the_same_name_is_left_alone_and_told(stage: Stage) -> None:
    route = stage.api.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": NAME},
            "spec": {"parentRefs": [GATEWAY], "hostnames": [f"somebody.{stage.host}"], "rules": [{}]},
        }
    )
    stage.apply(model("1.0.0", replicas=1))
    status = stage.until("the word of it", lambda it: "belongs to somebody else" in it["message"])
    assert status["message"] == (
        f"the HTTPRoute {NAME} belongs to somebody else: name it in traffic.gatewayAPI.httpRoute"
    )
    assert stage.condition("Stalled")["reason"] == "NameTaken"
    assert stage.condition("TrafficShifted")["status"] == "False"
    assert written(stage.api.get("HTTPRoute", NAME)) == written(route)
    stage.api.delete("HTTPRoute", NAME)
    stage.until("Ready", lambda _: stage.condition("Ready")["status"] == "True")
    with stage.load() as load:
        eventually(lambda: len(load.answers) > 20, what="answers")
    assert not load.lost


def written(manifest: Object | None) -> Object:
    """What people write of an object, without what Kubernetes' own controllers keep in it."""
    assert manifest is not None
    metadata = manifest["metadata"]
    kept = {part: metadata.get(part) for part in ("uid", "generation", "labels", "ownerReferences")}
    return {"metadata": kept, "spec": manifest["spec"]}


def test_workloads_of_the_same_names_are_left_alone_and_told(stage: Stage) -> None:
    manifest = model("1.0.0", replicas=1)
    snapshot = take_snapshot(ModelDeploymentSpec.model_validate(manifest["spec"]), NAME, {})
    first, second = (f"{NAME}-{revision_hash(snapshot, collisions)}" for collisions in (0, 1))
    others = [
        stage.api.apply(somebodys_deployment(first)),
        stage.api.apply(somebodys_service(second)),
        stage.api.apply(somebodys_service(NAME)),
    ]
    status = stage.deploy(manifest)
    assert f"{NAME}-{status['stable']}" not in {first, second}
    with stage.load() as load:
        eventually(lambda: len(load.answers) > 20, what="answers")
    assert not load.lost
    for other in others:
        assert written(stage.api.get(other["kind"], other["metadata"]["name"])) == written(other)
    told = " ".join(eventually(lambda: stage.events("NameTaken"), what="Events about the names"))
    assert f"the Deployment {first} belongs to somebody else" in told
    assert f"the Service {second} belongs to somebody else" in told
    assert stage.condition("ServiceReady")["reason"] == "NameTaken"


def somebodys_deployment(name: str) -> Object:
    labels = {"app": "somebody"}
    pod = {"containers": [{"name": "main", "image": "serin.dev/none:1", "imagePullPolicy": "Never"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def somebodys_service(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "somebody"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
