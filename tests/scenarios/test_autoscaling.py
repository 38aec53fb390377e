"""Replicas that follow load and weights, on a real cluster: real pods, a real proxy, every request counted."""

from collections.abc import Callable

import pytest
import requests

from localcluster import LocalCluster
from scenarios.api import Object, eventually
from scenarios.course import Course
from scenarios.inside import visit_pods
from scenarios.stage import QUICK, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario, pytest.mark.long, pytest.mark.timeout(900)]

LATENCY = 0.1
BUSY = 55.0
"""Requests a second at which five and a half are under way."""
CALM = 15.0
UNDER_WAY = {"metric": "running-requests", "target": {"type": "AverageValue", "averageValue": "1"}}
RECENTLY_UNDER_WAY = {
    "query": (
        'sum(rate(model_request_duration_seconds_sum{namespace="$namespace",serin_model="$model",'
        'serin_revision="$revision"}[20s]))'
    ),
    "target": {"type": "AverageValue", "averageValue": "1"},
}


def version(number: str, source: Object, *holds: int, strategy: Object | None = None) -> Object:
    """A version whose requests take a tenth of a second. holds: seconds at 20 and at 50 percent."""
    steps = [{"weight": weight, "hold": f"{hold}s"} for weight, hold in zip((20, 50), holds, strict=True)]
    autoscaling = {
        "minReplicas": 2,
        "maxReplicas": 10,
        "metrics": [{"type": "Prometheus", "prometheus": source}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 15}},
    }
    return model(
        number,
        environment={"LATENCY": str(LATENCY)},
        replicas=None,
        autoscaling=autoscaling,
        strategy={"canary": {"steps": steps}} | (strategy or {}),
        analysis=QUICK,
    )


def test_replicas_follow_the_load_and_a_candidate_has_its_pods_before_its_weight(
    session: tuple[requests.Session, str], stage: Stage
) -> None:
    stage.deploy(version("1.0.0", UNDER_WAY, 65, 65))
    old = stage.revision("1.0.0")
    with stage.load(BUSY) as load:
        load.longest = 800
        stage.until("pods for the load", have_pods(6), within=200)
        with Course(session, stage) as course:
            stage.apply(version("2.0.0", UNDER_WAY, 65, 65))
            stage.until("a candidate", lambda status: status.get("candidate"))
            stage.until_phase("Healthy", version="2.0.0", within=400)
        new = stage.revision("2.0.0")
        load.rate = CALM
        stage.until("fewer pods for less load", lambda _: len(stage.pods("2.0.0")) <= 3, within=240)
    assert not load.lost
    # Little's law: a fifth of the five and a half under way, seven tenths of a request a pod.
    demands = [it["demand"] for status in course.statuses() for it in status["autoscaling"] if "demand" in it]
    assert {it["replicas"] for it in demands if it["weight"] == 20} == {2}
    for revision in (old, new):
        assert [moment for moment in course.moments(revision) if not moment.suffices] == []


def have_pods(count: int) -> Callable[[Object], bool]:
    """Whether so many pods of stable are Ready, and there are no others."""
    return lambda status: any(
        it["role"] == "Stable" and it["replicas"] == it["readyReplicas"] == count for it in status["revisions"]
    )


def test_stable_gives_pods_to_the_candidate_and_has_them_back_before_its_traffic(
    cluster: LocalCluster, session: tuple[requests.Session, str], stage: Stage
) -> None:
    rebalance = {"capacity": "Rebalance", "maxSurgeReplicas": 2}
    stage.deploy(version("1.0.0", RECENTLY_UNDER_WAY, 20, 120, strategy=rebalance))
    old = stage.revision("1.0.0")
    with stage.load(BUSY) as load:
        load.longest = 600
        stage.until("pods for the load", have_pods(6), within=120)
        with Course(session, stage) as course:
            stage.apply(version("2.0.0", RECENTLY_UNDER_WAY, 20, 120, strategy=rebalance))
            stage.until("half of the traffic", lambda status: status.get("weight") == 50, within=180)
            eventually(lambda: len(stage.pods("1.0.0")) == 3, what="a stable with the pods of its half")
            visit_pods(cluster, stage, "2.0.0", "/errors/0.5")
            stage.until("a rollback", lambda status: "rejected" in status, within=60)
            new = stage.status["rejected"]["revision"]
            stage.until("the traffic back", lambda status: status.get("weight", 0) == 0, within=120)
            stage.until_phase("Degraded")
    assert not load.lost
    for revision in (old, new):
        assert [moment for moment in course.moments(revision) if not moment.suffices] == []
    assert max(course.total()) <= 6 + 2
    assert min(course.replicas(old)) == 3
    assert course.replicas(old)[-1] == 6
