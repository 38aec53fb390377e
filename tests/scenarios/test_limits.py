"""What stands at the edge of what is allowed, on a real cluster: the longest name, the oddest version, no history."""

import copy

import pytest

from scenarios.api import Object, eventually
from scenarios.stage import NAME, QUICK, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

LONGEST_NAME = "m" + "x" * 51
SHORT = {"canary": {"steps": [{"weight": 50, "hold": "1s"}]}}


def test_the_longest_name_and_a_version_with_build_metadata_are_rolled_out(stage: Stage) -> None:
    gateway = {"name": "error-rate", "threshold": "5%", "source": "Gateway"}
    first = model("1.0.0+cuda.12", replicas=1, strategy=SHORT, analysis={**QUICK, "metrics": [gateway]})
    first["metadata"]["name"] = LONGEST_NAME
    second = copy.deepcopy(first)
    second["spec"]["model"]["version"] = "2.0.0-rc.1+cuda.13"
    stage.apply(first)
    eventually(lambda: stable_version(stage) == "1.0.0+cuda.12", what="the first version")
    with stage.load() as load:
        stage.apply(second)
        eventually(lambda: stable_version(stage) == "2.0.0-rc.1+cuda.13", what="the second version")
    assert not load.lost
    labels = {it["metadata"]["labels"]["serin.dev/version"] for it in stage.api.list("Deployment")}
    assert labels == {"1.0.0-cuda.12", "2.0.0-rc.1-cuda.13"}


def stable_version(stage: Stage) -> str | None:
    """The stable version of the model with the longest name."""
    found = stage.api.get("ModelDeployment", LONGEST_NAME)
    return ((found or {}).get("status") or {}).get("version")


def test_without_a_history_nothing_is_left_of_a_version_but_the_memory_of_one_that_was_turned_away(
    stage: Stage,
) -> None:
    nothing: Object = {
        "replicas": 1,
        "strategy": SHORT,
        "revisionHistoryLimit": 0,
        "rollback": {"keepWarm": "0s", "drain": "1s"},
    }
    stage.deploy(model("1.0.0", **nothing))
    old = stage.status["stable"]
    stage.deploy(model("2.0.0", **nothing))
    stable = stage.status["stable"]
    eventually(lambda: names(stage, "Service") == {NAME, f"{NAME}-{stable}"}, what=f"no Service of {old}")
    eventually(lambda: names(stage, "Deployment") == {f"{NAME}-{stable}"}, what=f"no Deployment of {old}")
    eventually(lambda: names(stage, "ControllerRevision") == {f"{NAME}-{stable}"}, what=f"no record of {old}")

    stage.apply(model("3.0.0", image="serin.dev/not-there:1", **{**nothing, "progressDeadline": "4s"}))
    rejected = stage.until_phase("Degraded")["rejected"]
    stage.until("no pods of it", lambda _: f"{NAME}-{rejected['revision']}" not in running(stage))
    stage.api.delete_status("ModelDeployment", NAME)
    recovered = stage.until("the memory of it", lambda it: "rejected" in it)
    assert recovered["rejected"] == rejected
    assert recovered["version"] == "2.0.0"


def names(stage: Stage, kind: str) -> set[str]:
    """The names of all objects of a kind."""
    return {it["metadata"]["name"] for it in stage.api.list(kind)}


def running(stage: Stage) -> set[str]:
    """The Deployments that want pods."""
    return {it["metadata"]["name"] for it in stage.api.list("Deployment") if it["spec"]["replicas"]}


def test_a_ramp_rises_in_eight_pieces_of_equal_time(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    ramp = {"from": 1, "to": 64, "over": "8s", "curve": "Exponential"}
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", replicas=1, strategy={"canary": {"steps": [{"ramp": ramp}]}}))
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    assert stage.weights("2.0.0", since) == [0, 1, 2, 3, 6, 11, 20, 35, 64, 100]


def test_another_port_in_the_middle_of_a_rollout_loses_no_request(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    steps = {"canary": {"steps": [{"weight": 50, "hold": "6s"}]}}
    with stage.load(rate=200) as load:
        stage.apply(model("2.0.0", replicas=1, strategy=steps))
        stage.until("half of the traffic", lambda it: it.get("weight") == 50 and it["step"].get("since"))
        stage.apply(model("2.0.0", replicas=1, strategy=steps, service={"port": 81}))
        stage.until_phase("Healthy", version="2.0.0")
    service = stage.api.get("Service", NAME)
    assert service is not None
    assert [port["port"] for port in service["spec"]["ports"]] == [81]
    assert not load.lost


def test_a_route_is_as_wide_as_the_spec_says_when_it_says_less(stage: Stage) -> None:
    gateway = {"name": "serin", "namespace": "serin-gateway"}
    manifest = model("1.0.0", replicas=1, traffic={"gatewayAPI": {"parentRefs": [{**gateway, "sectionName": "http"}]}})
    stage.deploy(manifest)
    manifest["spec"]["traffic"]["gatewayAPI"] = {"parentRefs": [gateway]}
    stage.api.apply(manifest)
    stage.until_phase("Healthy", version="1.0.0")
    eventually(lambda: route_of(stage)["hostnames"] == [], what="a route for every host")
    assert "sectionName" not in route_of(stage)["parentRefs"][0]
    stage.until("Ready", lambda _: stage.condition("Ready")["status"] == "True")


def route_of(stage: Stage) -> Object:
    """What the route says."""
    route = stage.api.get("HTTPRoute", NAME)
    assert route is not None
    spec: Object = route["spec"]
    return spec
