"""Routes that people own: the weights are edited and nothing else, and they are given back."""

import copy
import time

import pytest

from scenarios.api import Object, eventually
from scenarios.stage import IMAGE, NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

LONG = {"canary": {"steps": [{"weight": 50, "hold": "10m"}]}}
OWN = {"gatewayAPI": {"httpRoute": {"name": "front", "backend": "legacy"}}}


@pytest.fixture
def front(stage: Stage) -> Object:
    """What somebody had before Serin: pods, Services, and a route with fields that are none of Serin's business."""
    for manifest in (legacy_deployment(), legacy_service("legacy"), legacy_service("other")):
        stage.api.apply(manifest)
    route = stage.api.apply(front_route(stage))
    eventually(stage.is_served, what="an answer of the original backend")
    return route


def legacy_deployment() -> Object:
    labels = {"app": "legacy"}
    container = {
        "name": "model",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "SERIN_MODEL_VERSION", "value": "legacy"}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "legacy"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    }


def legacy_service(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "legacy"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def front_route(stage: Stage) -> Object:
    header = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "X-Team", "value": "web"}]}}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "front", "annotations": {"example.com/owner": "web"}, "labels": {"team": "web"}},
        "spec": {
            "parentRefs": [{"name": "serin", "namespace": "serin-gateway"}],
            "hostnames": [stage.host],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/static"}}],
                    "backendRefs": [{"name": "other", "port": 80}],
                },
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "filters": [header],
                    "timeouts": {"request": "9s"},
                    "backendRefs": [{"name": "legacy", "port": 80}],
                },
            ],
        },
    }


def theirs(route: Object) -> Object:
    """What of a route Serin has no business with: all but the backends of its second rule, and Serin's note."""
    spec = copy.deepcopy(route["spec"])
    del spec["rules"][1]["backendRefs"]
    annotations = {key: value for key, value in route["metadata"]["annotations"].items() if "serin.dev" not in key}
    return {"spec": spec, "labels": route["metadata"]["labels"], "annotations": annotations}


def route_of(stage: Stage) -> Object:
    route = stage.api.get("HTTPRoute", "front")
    assert route is not None
    return route


def split_of(stage: Stage) -> dict[str, int]:
    """The weights in the rule that Serin may edit."""
    return {ref["name"]: ref["weight"] for ref in route_of(stage)["spec"]["rules"][1]["backendRefs"]}


def test_an_own_route_is_edited_in_its_weights_alone_and_given_back_in_the_middle_of_a_rollout(
    stage: Stage, front: Object
) -> None:
    # Requests take a while, and pods that are told to stop drop them: only Serin's drain saves them.
    slow = {"LATENCY": "0.2", "LINGER": "0"}
    with stage.load() as load:
        stage.apply(model("1.0.0", replicas=1, traffic=OWN, environment=slow))
        stage.until_phase("Healthy", version="1.0.0")
        stage.until("all the traffic", lambda _: load.answers[-1].version == "1.0.0")
        taken_over = time.monotonic()
        assert theirs(route_of(stage)) == theirs(front)
        stage.apply(model("2.0.0", replicas=1, traffic=OWN, strategy=LONG, environment=slow))
        stage.until("the step", lambda it: it.get("step", {}).get("since"))
        assert split_of(stage) == {f"{NAME}-{stage.revision(version)}": 50 for version in ("1.0.0", "2.0.0")}
        assert theirs(route_of(stage)) == theirs(front)

        deleted = time.monotonic()
        stage.api.delete("ModelDeployment", NAME)
        eventually(lambda: route_of(stage)["spec"] == front["spec"], what="the route as it was", every=0.02)
        given_back = time.monotonic()
        eventually(lambda: stage.api.get("ModelDeployment", NAME) is None, what="the end of the ModelDeployment")
        assert time.monotonic() - given_back > 1.9, "its pods wait for open requests"
        eventually(lambda: len(load.since(given_back)) > 50, what="answers afterwards")
    # The two moments in between are the next test's.
    assert not [it for it in load.lost if taken_over < it.at < deleted or it.at > given_back + 0.5]
    assert {answer.version for answer in load.since(given_back + 0.5)} == {"legacy"}
    assert route_of(stage)["spec"] == front["spec"]
    assert route_of(stage)["metadata"]["annotations"] == front["metadata"]["annotations"]


def test_taking_over_an_own_route_and_giving_it_back_loses_no_request(stage: Stage, front: Object) -> None:
    with stage.load(rate=200) as load:
        stage.deploy(model("1.0.0", replicas=1, traffic=OWN))
        eventually(lambda: load.answers[-1].version == "1.0.0", what="answers of the first version")
        stage.until("no waiting", lambda _: stage.condition("TrafficShifted")["status"] == "True")
        stage.api.delete("ModelDeployment", NAME)
        eventually(lambda: stage.api.get("ModelDeployment", NAME) is None, what="the end of the ModelDeployment")
        gone = time.monotonic()
        eventually(lambda: len(load.since(gone)) > 50, what="answers afterwards")
    assert load.answers[-1].version == "legacy"
    assert not load.lost


def test_an_own_route_that_is_deleted_by_hand_is_told_and_taken_up_again_when_it_is_back(
    stage: Stage, front: Object
) -> None:
    stage.deploy(model("1.0.0", replicas=1, traffic=OWN))
    stage.until("no waiting", lambda _: stage.condition("TrafficShifted")["status"] == "True")
    stage.api.delete("HTTPRoute", "front")
    stage.until("the word of it", lambda _: stage.condition("Stalled")["reason"] == "RouteNotAccepted")
    assert stage.status["message"] == "the HTTPRoute front is not there: create it"
    assert stage.condition("TrafficShifted")["status"] == "False"
    assert stage.api.get("HTTPRoute", "front") is None, "it is the user's: Serin does not make it"
    stage.api.apply(front_route(stage))
    stage.until("Ready again", lambda _: stage.condition("Ready")["status"] == "True")
    assert split_of(stage) == {f"{NAME}-{stage.revision('1.0.0')}": 100}
