"""What a cluster does to pods in the middle of a rollout: people scale, nodes are drained, and GPUs run out."""

from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

from scenarios.analyses import HALF
from scenarios.api import Refused, eventually
from scenarios.stage import NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

UNTIL_RESUMED = {"canary": {"steps": [{"weight": 50}, {"pause": {}}]}}
BUDGET: dict[str, Any] = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": NAME},
    "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"serin.dev/model": NAME}}},
}


def evict_all(stage: Stage, version: str) -> list[str]:
    """Evict each pod of a version as a drained node does; returns what was said whenever the budget forbade it."""
    refusals: list[str] = []
    for name in stage.pods(version):
        eventually(partial(is_evicted, stage, name, refusals), what=f"the eviction of {name}")
    return refusals


def is_evicted(stage: Stage, name: str, refusals: list[str]) -> bool:
    """Try once."""
    try:
        stage.api.evict(name)
    except Refused as error:
        if error.status == HTTPStatus.TOO_MANY_REQUESTS:
            refusals.append(error.message)
            return False
        raise
    return True


def has_pods(stage: Stage, wanted: dict[str, int]) -> bool:
    """Whether each version has so many."""
    return {version: len(stage.pods(version)) for version in wanted} == wanted


@pytest.mark.long
def test_evictions_with_all_the_traffic_just_before_the_promotion_lose_nothing_and_keep_the_budget(
    stage: Stage,
) -> None:
    watch = {
        "interval": "2s",
        "confirm": 2,
        "minSamples": 10,
        "watch": "20s",
        "metrics": [{"name": "error-rate", "threshold": "5%"}],
    }
    stage.api.create(BUDGET)
    stage.deploy(model("1.0.0", analysis=watch, strategy=HALF))
    with stage.load() as load:
        stage.apply(model("2.0.0", analysis=watch, strategy=HALF))
        stage.until("all the traffic", lambda it: it.get("weight") == 100 and it["step"].get("since"))
        before = stage.pods("2.0.0")
        assert len(before) == 2
        refusals = evict_all(stage, "2.0.0")
        assert any("disruption budget" in each for each in refusals), "the second goes when there is another one"
        stage.until_phase("Healthy", version="2.0.0")
        eventually(lambda: len(stage.pods("2.0.0")) == 2, what="both pods")
    assert not load.lost
    assert not set(before) & set(stage.pods("2.0.0")), "the cluster made others for them"


@pytest.mark.long
def test_who_scales_from_4_to_8_and_back_in_the_middle_has_both_versions_right(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=4, strategy=UNTIL_RESUMED))
    with stage.load() as load:
        stage.apply(model("2.0.0", replicas=4, strategy=UNTIL_RESUMED))
        stage.until_phase("Paused")
        for replicas in (4, 8, 4):
            stage.apply(model("2.0.0", replicas=replicas, strategy=UNTIL_RESUMED))
            wanted = {"1.0.0": replicas, "2.0.0": replicas // 2}
            eventually(partial(has_pods, stage, wanted), what=f"{wanted} pods")
            assert stage.status["weight"] == 50
        stage.act("resume")
        stage.until_phase("Healthy", version="2.0.0")
        assert len(stage.pods("2.0.0")) == 4
    assert not load.lost


def test_a_shortage_of_gpus_is_told_in_the_schedulers_words_and_stable_serves_on(stage: Stage) -> None:
    stage.deploy(model("1.0.0", strategy=HALF))
    stable = stage.pods("1.0.0")
    greedy = model("2.0.0", strategy=HALF)
    greedy["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": 1}}
    with stage.load() as load:
        stage.apply(greedy)
        status = stage.until("the scheduler's words", lambda it: "nvidia.com/gpu" in it.get("message", ""))
        assert "Insufficient nvidia.com/gpu" in status["message"]
        assert status["weight"] == 0
        status = stage.until_phase("Degraded", within=60)
    assert not load.lost
    assert stage.pods("1.0.0") == stable
    assert status["rejected"]["reason"] == "ProgressDeadlineExceeded"
    assert "Insufficient nvidia.com/gpu" in status["rejected"]["message"]
