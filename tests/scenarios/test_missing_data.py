"""Where there is nothing to judge by, a rollout stays where it is, says why, and goes on when there is."""

from collections.abc import Callable
from datetime import datetime

import pytest

from localcluster import LocalCluster
from scenarios.analyses import HALF, analysis, message, reason, verdict
from scenarios.api import Object
from scenarios.prometheus_proxy import PrometheusProxy, Wrong
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

TWO_STEPS = {"canary": {"steps": [{"weight": 40, "hold": "4s"}, {"weight": 60, "hold": "2s"}]}}


def test_without_traffic_the_rollout_waits_and_says_so(stage: Stage) -> None:
    stage.deploy(model("1.0.0", analysis=analysis(), strategy=HALF))
    stage.apply(model("2.0.0", analysis=analysis(), strategy=HALF))
    status = stage.until("a hold", lambda it: reason(it) == "NoTraffic")
    assert status["analysis"]["message"] == "No requests reached either version in the newest tick"
    assert status["step"]["heldReason"] == "AnalysisHolds"
    stage.stays("held", lambda it: verdict(it) == "Hold" and it["weight"] == 50, seconds=5)
    with stage.load() as load:
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost


def test_wrong_answers_of_prometheus_hold_and_none_is_believed(stage: Stage, prometheus: PrometheusProxy) -> None:
    policy = analysis(interval="1s", confirm=3)
    stage.deploy(model("1.0.0", analysis=policy, strategy=HALF))
    with stage.load() as load:
        stage.apply(model("2.0.0", analysis=policy, strategy={"canary": {"steps": [{"weight": 50, "hold": "8s"}]}}))
        stage.until("a first verdict", lambda it: verdict(it) in {"Continue", "Pass"} and it["analysis"]["ticks"])
        for wrong, said in (
            (Wrong.ERROR, "Prometheus refused the query"),
            (Wrong.NAN, "No series counts the requests of either version"),
            (Wrong.HTML, "The answer is not Prometheus' JSON: is the URL that of a Prometheus server?"),
            (Wrong.EMPTY, "No series counts the requests of either version"),
            (Wrong.PARTIAL, "Prometheus warned that its answer may be incomplete: one of the stores did not answer"),
        ):
            prometheus.wrong = wrong
            status = stage.until(f"a hold: {wrong}", says(said))
            assert verdict(status) == "Hold"
            assert status["weight"] == 50
        prometheus.wrong = None
        status = stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    assert "rejected" not in status


@pytest.mark.parametrize(
    ("begin", "end", "said"),
    [
        pytest.param("freeze", "thaw", "Prometheus did not answer within 1.6s", id="frozen"),
        pytest.param("stop", "start", "Prometheus cannot be reached", id="stopped", marks=pytest.mark.long),
    ],
)
def test_an_outage_of_prometheus_takes_no_time_from_a_step(
    stage: Stage, cluster: LocalCluster, begin: str, end: str, said: str
) -> None:
    stage.deploy(model("1.0.0", analysis=analysis(), strategy=TWO_STEPS))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", analysis=analysis(), strategy=TWO_STEPS))
        stage.until("the first step", lambda it: it.get("step", {}).get("since"))
        getattr(cluster.prometheus, begin)()
        try:
            status = stage.until("a hold", lambda it: reason(it) == "PrometheusUnavailable")
            assert said in message(status)
            assert said in stage.condition("AnalysisHealthy")["message"]
            stage.stays("held", lambda it: verdict(it) == "Hold" and it["weight"] == 40, seconds=4)
        finally:
            getattr(cluster.prometheus, end)()
        status = stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    first, second = stage.steps(since)
    if "heldSince" in first:
        # Its time was over before the data were missing: it went on as soon as they were there again.
        assert seconds_between(first["since"], first["heldSince"]) + first["heldSeconds"] >= 4
        assert seconds_between(first["heldSince"], second["since"]) >= 4
    else:
        assert first["heldSeconds"] >= 4
        # Its end was moved by exactly what was held; after that it waits for its data, as every step does.
        assert seconds_between(first["since"], first["until"]) == pytest.approx(4 + first["heldSeconds"], abs=0.01)
        assert seconds_between(first["until"], second["since"]) >= 0


def says(text: str) -> Callable[[Object], bool]:
    """Whether the last verdict is told with these words."""
    return lambda status: text in message(status)


def seconds_between(*times: str) -> float:
    """How many seconds lie between two times of a status."""
    began, ended = map(datetime.fromisoformat, times)
    return (ended - began).total_seconds()
