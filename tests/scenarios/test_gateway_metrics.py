"""A model server without any metrics of its own: Envoy's counts, by each revision's Service, are judged alike."""

import pytest

from scenarios.analyses import ERRORS, HALF, LATENCY, analysis, metric, until_all_answers_are_of
from scenarios.api import Object
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

SEEN_BY_ENVOY = analysis({**ERRORS, "source": "Gateway"}, {**LATENCY, "source": "Gateway"})


def silent(version: str, **environment: str) -> Object:
    """A version that nobody scrapes."""
    manifest = model(version, environment=environment, analysis=SEEN_BY_ENVOY, strategy=HALF)
    del manifest["spec"]["template"]["metadata"]
    return manifest


def test_a_good_version_is_promoted_and_one_that_fails_is_rolled_back(stage: Stage) -> None:
    stage.deploy(silent("1.0.0"))
    with stage.load() as load:
        since = stage.resource_version
        stage.apply(silent("2.0.0"))
        stage.until_phase("Healthy", version="2.0.0")
        passed = [it for it in stage.statuses(since) if it.get("analysis", {}).get("verdict") == "Pass"]
        assert metric(passed[-1], "error-rate")["candidate"]["bad"] == 0
        assert metric(passed[-1], "latency")["candidate"]["total"] <= load.by_version["2.0.0"]
        stage.apply(silent("3.0.0", ERROR_SHARE="0.3"))
        status = stage.until_phase("Degraded")
        assert status["rejected"]["message"].startswith("error-rate: ")
        until_all_answers_are_of(load, "2.0.0")
    assert not load.lost


def test_a_slow_version_is_rolled_back(stage: Stage) -> None:
    stage.deploy(silent("1.0.0"))
    with stage.load() as load:
        stage.apply(silent("2.0.0", LATENCY="0.15"))
        status = stage.until_phase("Degraded")
        assert status["rejected"]["message"].startswith("latency: ")
        assert "requests took longer than 100ms" in status["rejected"]["message"]
        until_all_answers_are_of(load, "1.0.0")
    assert not load.lost
