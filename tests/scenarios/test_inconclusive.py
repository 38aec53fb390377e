"""Where the data decide nothing until maxDuration is over, what happens is what the user said."""

from collections.abc import Callable

import pytest

from scenarios.analyses import HALF, analysis
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]


def test_max_duration_ends_in_a_pause_a_rollback_or_a_promotion(stages: Callable[[int], list[Stage]]) -> None:
    choices = dict(zip(("Pause", "Rollback", "Promote"), stages(3), strict=True))
    for choice, stage in choices.items():
        policy = analysis(maxDuration="6s", onInconclusive=choice)
        stage.apply(model("1.0.0", analysis=policy, strategy=HALF, replicas=1))
    for choice, stage in choices.items():
        stage.until_phase("Healthy", version="1.0.0")
        policy = analysis(maxDuration="6s", onInconclusive=choice)
        stage.apply(model("2.0.0", analysis=policy, strategy=HALF, replicas=1))

    status = choices["Promote"].until_phase("Healthy", version="2.0.0")
    assert status["history"][0]["outcome"] == "Promoted"

    status = choices["Rollback"].until_phase("Degraded")
    assert status["rejected"]["reason"] == "Inconclusive"
    assert "the data decided nothing within maxDuration" in status["rejected"]["message"]
    assert "No requests reached either version" in status["rejected"]["message"]

    paused = choices["Pause"]
    status = paused.until_phase("Paused")
    assert status["paused"]["by"] == "serin"
    assert "the data decided nothing within maxDuration" in status["message"]
    paused.stays("paused", lambda it: it["phase"] == "Paused" and it["weight"] == 50, seconds=3)
    paused.act("resume")
    paused.until_phase("Progressing")
