"""Whole rollouts on a real cluster: real pods, a real proxy, a real Prometheus, every request counted."""

from datetime import datetime

import pytest

from scenarios.api import Object, eventually
from scenarios.load import Load
from scenarios.stage import NAME, QUICK, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]


def test_the_first_version_gets_its_route_when_its_pods_are_ready_and_needs_no_analysis(stage: Stage) -> None:
    with Load(stage.gateway_url, stage.host) as load:
        stage.apply(model("1.0.0", analysis=QUICK, environment={"START_DELAY": "2"}))
        while not (route := stage.api.get("HTTPRoute", NAME)):
            status = stage.until("a status", bool)
            assert status["phase"] in {"Pending", "Healthy"}
        assert all(ready_pods(stage))
        stage.until_phase("Healthy", version="1.0.0")
        eventually(lambda: load.by_version["1.0.0"] > 50, what="answers of the first version")
    served = next(answer.at for answer in load.answers if answer.version)
    assert not [answer for answer in load.lost if answer.at > served]
    # Before that nobody claimed to serve it. A proxy that knows no route of this host answers 404, and does not even
    # listen before its first route. It answers 503 from when it knows the route until it knows the pods, which are
    # Ready: a moment. With a route to pods that are not Ready it would do so for the seconds of their start.
    assert {answer.status for answer in load.lost} <= {0, 404, 503}
    unreached = [answer.at for answer in load.lost if answer.status == 503]
    assert not unreached or served - min(unreached) < 1
    assert [ref["weight"] for ref in route["spec"]["rules"][0]["backendRefs"]] == [100]
    assert "analysis" not in stage.status


def test_a_good_version_passes_every_step_in_order_and_is_promoted_without_a_restart(stage: Stage) -> None:
    stage.deploy(model("1.0.0", analysis=QUICK))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", analysis=QUICK))
        stage.until("traffic of the candidate", lambda status: status.get("weight", 0) > 0)
        pods = stage.pods("2.0.0")
        stage.until_phase("Healthy", version="2.0.0", within=90)
    assert not load.lost
    steps = stage.steps(since)
    assert [(step["index"], step["weight"]) for step in steps] == [(1, 20), (2, 50)]
    first, second = (datetime.fromisoformat(step["since"]) for step in steps)
    assert (second - first).total_seconds() >= 4
    assert stage.weights("2.0.0", since) == [0, 20, 50, 100]
    assert all(sum(split.values()) == 100 for split in stage.splits(since))
    assert pods.items() <= stage.pods("2.0.0").items()
    assert set(stage.pods("2.0.0").values()) == {0}
    assert stage.status["history"][0]["outcome"] == "Promoted"
    assert load.answers[-1].version == "2.0.0"


def test_a_version_that_fails_requests_is_rolled_back(stage: Stage) -> None:
    stage.deploy(model("1.0.0", analysis=QUICK))
    stable = stage.pods("1.0.0")
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(
            model("2.0.0", environment={"ERROR_SHARE": "0.3", "LATENCY": "0.05", "LINGER": "0"}, analysis=QUICK)
        )
        status = stage.until_phase("Degraded", within=90)
        assert status["rejected"]["reason"] == "AnalysisFailed"
        assert "error-rate" in status["rejected"]["message"]
        stage.until("no pods of the bad version", lambda _: not stage.pods("2.0.0"))
    assert not load.lost
    assert load.answers[-1].version == "1.0.0"
    assert stage.pods("1.0.0") == stable
    assert stage.weight("2.0.0") in {0, None}
    assert drained(stage.statuses(since), stage.revision("2.0.0")) >= 2.0


def ready_pods(stage: Stage) -> list[bool]:
    """Of each pod of the model whether it is Ready."""
    return [
        any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])
        for pod in stage.api.list("Pod", f"serin.dev/model={NAME}")
    ]


def drained(statuses: list[Object], revision: str) -> float:
    """How many seconds lay between the decision on a revision's last weight and the one on its last pod."""

    def entry(status: Object) -> Object:
        return next((it for it in status["revisions"] if it["revision"] == revision), {})

    rejected = next(status["rejected"] for status in statuses if "rejected" in status)
    gone = next(status for status in statuses if "rejected" in status and entry(status).get("replicas") == 0)
    times = (rejected["at"], entry(gone)["keepUntil"])
    began, ended = (datetime.fromisoformat(time) for time in times)
    return (ended - began).total_seconds()
