"""The watch: the candidate has all the traffic, stable stands ready, and a fault that shows only now is taken back."""

import pytest

from localcluster import LocalCluster
from scenarios.analyses import HALF, LATENCY, analysis, metric, until_all_answers_are_of
from scenarios.inside import visit_pods
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

INCREASE = {"name": "error-rate", "maxIncrease": {"absolute": "5%"}}
"""Against stable, which gets nothing while it watches: what it can have had before, and so much more, is the limit."""


def is_watching(status: dict[str, object]) -> bool:
    """Whether the candidate has all the traffic and is not promoted yet."""
    step = status.get("step")
    return isinstance(step, dict) and step["kind"] == "Watch" and "since" in step and status.get("weight") == 100


def test_a_fault_that_shows_with_all_the_traffic_is_taken_back_to_a_stable_that_stood_ready(
    stage: Stage, cluster: LocalCluster
) -> None:
    policy = analysis(INCREASE, LATENCY, watch="2m")
    stage.deploy(model("1.0.0", analysis=policy, strategy=HALF))
    stable = stage.pods("1.0.0")
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", analysis=policy, strategy=HALF))
        stage.until("the watch", is_watching)
        until_all_answers_are_of(load, "2.0.0")
        visit_pods(cluster, stage, "2.0.0", "/errors/0.3")
        status = stage.until_phase("Degraded", within=60)
        until_all_answers_are_of(load, "1.0.0")
    assert not load.lost
    assert stage.pods("1.0.0") == stable
    assert stage.weights("2.0.0", since) == [0, 50, 100, 0]
    assert status["rejected"]["reason"] == "AnalysisFailed"
    failed = metric(status, "error-rate")
    assert (failed["verdict"], failed["harm"]) == ("Fail", "1.00")
    assert failed["limit"] > 0.05  # what stable can have had at most, and the five points beyond it
    assert status["rejected"]["message"].startswith("error-rate: ")


def test_a_candidate_that_is_good_with_all_the_traffic_is_promoted_after_the_watch(stage: Stage) -> None:
    policy = analysis(INCREASE, watch="8s")
    stage.deploy(model("1.0.0", analysis=policy, strategy=HALF))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", analysis=policy, strategy=HALF))
        status = stage.until("the watch", is_watching)
        assert status["version"] == "1.0.0"
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    assert stage.weights("2.0.0", since) == [0, 50, 100]
    assert stage.events("Watching") == ["version 2.0.0 gets all the traffic and is watched for 8s; stable stays ready"]
