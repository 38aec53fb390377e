"""A shadow gets copies of real requests, is judged by them, and no answer of it ever reaches a user."""

import pytest

from scenarios.analyses import ERRORS, analysis, metric
from scenarios.stage import QUICK, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

SHADOW = {"type": "Shadow", "shadow": {"duration": "8s"}}
SEEN_BY_ENVOY = analysis({**ERRORS, "source": "Gateway"})


def test_a_good_shadow_is_compared_and_leaves(stage: Stage) -> None:
    stage.deploy(model("1.0.0", analysis=QUICK, strategy=SHADOW))
    with stage.load(200) as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", analysis=QUICK, strategy=SHADOW))
        stage.until("the comparison", lambda status: status.get("rejected", {}).get("outcome") == "Compared", 90)
        status = stage.until_phase("Healthy", version="1.0.0")
        seen = [each["analysis"] for each in stage.statuses(since) if "analysis" in each]
    assert not load.lost
    assert set(load.by_version) == {"1.0.0"}
    assert status["history"][0]["outcome"] == "Compared"
    assert stage.condition("Compared")["status"] == "True"
    assert metric({"analysis": seen[-1]}, "error-rate")["candidate"]["total"] > 100
    assert seen[-1]["split"]["expected"] == 0.5
    assert abs(seen[-1]["split"]["observed"] - 0.5) < 0.1
    assert stage.weights("2.0.0", since) == [0]
    assert len(stage.events("Compared")) == 1
    stage.until("no pods of the shadow", lambda _: not stage.pods("2.0.0"))


@pytest.mark.parametrize("policy", [QUICK, SEEN_BY_ENVOY], ids=["by its own counts", "by those of the proxy"])
def test_a_shadow_that_fails_its_copies_is_turned_away_and_no_user_sees_an_error(
    stage: Stage, policy: dict[str, object]
) -> None:
    strategy = {"type": "Shadow", "shadow": {"duration": "1m", "then": "Promote"}}
    stage.deploy(model("1.0.0", analysis=policy, strategy=strategy))
    with stage.load(200) as load:
        stage.apply(model("2.0.0", analysis=policy, strategy=strategy, environment={"ERROR_SHARE": "0.3"}))
        status = stage.until_phase("Degraded", within=90)
    assert status["rejected"]["message"].startswith("error-rate: ")
    assert not load.lost
    assert {(answer.version, answer.status) for answer in load.answers} == {("1.0.0", 200)}
