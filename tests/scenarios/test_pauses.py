"""Pauses: without end and timed, by the steps, by the spec and by a person; none of them is a failure."""

from datetime import datetime

import pytest

from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

STEPS = {"canary": {"steps": [{"weight": 20}, {"pause": {}}, {"weight": 50}, {"pause": {"duration": "3s"}}]}}
DEADLINE = "2s"


def test_a_pause_lasts_until_somebody_resumes_and_is_never_degraded(stage: Stage) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", replicas=1, strategy=STEPS, progressDeadline="30s"))
        status = stage.until("the pause", lambda it: it["phase"] == "Paused")
        assert "until" not in status["step"]
        assert "resume" in status["message"]
        assert stage.condition("Paused")["status"] == "True"
        stage.apply(model("2.0.0", replicas=1, strategy=STEPS, progressDeadline=DEADLINE))
        stage.stays("paused for longer than progressDeadline", lambda it: it["phase"] == "Paused", seconds=4)
        assert stage.weight("2.0.0") == 20
        stage.act("resume", reason="looks good")
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    assert "Degraded" not in {status["phase"] for status in stage.statuses(since)}
    weight, pause, half, timed = stage.steps(since)
    assert [step["kind"] for step in (weight, pause, half, timed)] == ["Weight", "Pause", "Weight", "Pause"]
    assert [step["weight"] for step in (weight, pause, half, timed)] == [20, 20, 50, 50]
    ended = datetime.fromisoformat(promoting(stage, since))
    assert (ended - datetime.fromisoformat(timed["since"])).total_seconds() >= 3


def promoting(stage: Stage, since: str) -> str:
    """When the promotion was over."""
    ended: str = stage.statuses(since)[-1]["history"][0]["endedAt"]
    return ended


def test_spec_paused_stops_a_rollout_where_it_is_and_its_time_with_it(stage: Stage) -> None:
    steps = {"canary": {"steps": [{"weight": 20, "hold": "3s"}]}}
    stage.deploy(model("1.0.0", replicas=1))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", replicas=1, strategy=steps))
        stage.until("the step", lambda it: it.get("step", {}).get("since"))
        stage.apply(model("2.0.0", replicas=1, strategy=steps, paused=True))
        stage.until("the pause", lambda it: it["phase"] == "Paused")
        stage.stays(
            "paused for longer than the step",
            lambda it: it["phase"] == "Paused" and it["weight"] == 20 and it["message"] == "spec.paused is true",
            seconds=4,
        )
        stage.apply(model("2.0.0", replicas=1, strategy=steps))
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
    (step,) = stage.steps(since)
    ran = datetime.fromisoformat(promoting(stage, since)) - datetime.fromisoformat(step["since"])
    assert step["heldSeconds"] >= 4
    assert ran.total_seconds() >= 3 + step["heldSeconds"]
