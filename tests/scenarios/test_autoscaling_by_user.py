"""An autoscaler of the user's on the /scale of a ModelDeployment, run by the cluster's own controller, in a rollout.

It sees stable alone, and its processor time fall as the weight leaves.
"""

import time
from collections.abc import Callable

import pytest
import requests

from localcluster import LocalCluster
from scenarios.api import Object, eventually
from scenarios.course import Course, turns
from scenarios.stage import NAME, QUICK, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario, pytest.mark.long, pytest.mark.timeout(600)]

RATE = 60.0
"""Requests a second, each of 4 ms of a processor: a quarter of one, and something for HTTP itself."""
STEPS = {"canary": {"steps": [{"weight": 20, "hold": "50s"}, {"weight": 50, "hold": "50s"}]}}
PASSES = 35.0
"""Seconds in which the autoscaler looks twice."""


def autoscaler() -> Object:
    """It takes pods away at once when they have less to do, with no window that would hide what the rollout does."""
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": NAME},
        "spec": {
            "scaleTargetRef": {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment", "name": NAME},
            "minReplicas": 2,
            "maxReplicas": 8,
            "metrics": [{"type": "Resource", "resource": cpu}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        },
    }


def version(number: str) -> Object:
    """A version whose every request takes 4 ms of a processor; it says nothing of replicas, which are another's."""
    manifest = model(number, environment={"WORK": "0.004"}, analysis=QUICK, strategy=STEPS, replicas=None)
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    container["resources"] = {"requests": {"cpu": "100m"}}
    return manifest


def test_an_autoscaler_on_scale_neither_flaps_nor_starves_stable_in_a_whole_rollout(
    cluster: LocalCluster, session: tuple[requests.Session, str], stage: Stage
) -> None:
    if not cluster.enforces_limits:
        pytest.skip("the kubelet measures pods only where control groups of version 1 are mounted, as root")
    cluster.start_metrics_server()
    stage.deploy(version("1.0.0"))
    old = stage.revision("1.0.0")
    with stage.load(RATE) as load:
        load.longest = 500
        stage.api.apply(autoscaler())
        whole = settled(stage)
        with Course(session, stage) as course:
            stage.apply(version("2.0.0"))
            stage.until("the new version alone", is_alone("2.0.0"), within=200)
            time.sleep(PASSES)  # the claim is that the autoscaler does not take back what the new version needs
        new = stage.revision("2.0.0")
    assert not load.lost
    promoted = course.when(new, 100)

    # It did ask for fewer while half of the traffic was gone: nothing else would be shown.
    assert min(course.asked()) < whole
    assert turns(course.replicas(old, until=promoted)) == 0
    for moment in course.moments(old):
        assert moment.ready >= -(-whole * moment.weight // 100), moment
    # It goes on from what the new version has, and not from what stable needed for half of the traffic.
    assert course.replicas(new, since=promoted)[0] == whole


def is_alone(number: str) -> Callable[[Object], bool]:
    """Whether a version has all the traffic, whatever others write into the spec meanwhile."""
    return lambda status: status.get("phase") == "Healthy" and status.get("version") == number


def settled(stage: Stage) -> int:
    """The replicas once two passes of the autoscaler have left them as they are."""
    seen: list[tuple[float, int]] = []

    def same() -> int:
        replicas = stage.object["spec"]["replicas"]
        seen.append((time.monotonic(), replicas))
        recent = {it for at, it in seen if at > seen[-1][0] - PASSES}
        ready = len(stage.pods("1.0.0")) == replicas
        return replicas if seen[-1][0] - seen[0][0] > PASSES and recent == {replicas} and ready and replicas > 2 else 0

    return eventually(same, what="an autoscaler that is content", within=150, every=0.5)
