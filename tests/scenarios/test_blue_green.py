"""Both versions stand beside each other; the traffic moves in one write, and comes back in one."""

import pytest

from scenarios.api import eventually
from scenarios.load import Load
from scenarios.stage import QUICK, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

HEADERS = {"X-Serin-Preview": "true"}
BLUE_GREEN = {"type": "BlueGreen", "preview": {"headers": HEADERS}, "blueGreen": {"mirror": 100, "hold": "5s"}}
WATCHED = {**QUICK, "watch": "8s"}


def test_a_good_version_is_previewed_judged_switched_to_and_back_without_a_lost_request(stage: Stage) -> None:
    stage.deploy(model("1.0.0", analysis=WATCHED, strategy=BLUE_GREEN))
    old = stage.pods("1.0.0")
    with stage.load(200) as load, Load(stage.gateway_url, stage.host, 20, headers=HEADERS) as testers:
        since = stage.resource_version
        stage.apply(model("2.0.0", analysis=WATCHED, strategy=BLUE_GREEN))
        eventually(lambda: testers.by_version["2.0.0"] > 10, what="answers to those who ask for it", within=60)
        assert load.by_version["2.0.0"] == 0
        stage.until_phase("Healthy", version="2.0.0", within=120)
        kinds = [step["kind"] for step in stage.steps(since)]
        assert kinds == ["Mirror", "Watch"]
        assert stage.weights("2.0.0", since) == [0, 100]
        assert stage.pods("1.0.0") == old
        back = stage.resource_version
        stage.apply(model("1.0.0", analysis=WATCHED, strategy=BLUE_GREEN))
        status = stage.until_phase("Healthy", version="1.0.0")
        assert stage.weights("1.0.0", back) == [100]
        eventually(lambda: load.answers[-1].version == "1.0.0", what="answers of the version before")
    assert status["history"][0]["outcome"] == "Restored"
    assert not load.lost
    assert not testers.lost
    assert stage.pods("1.0.0") == old


def test_what_is_called_off_after_the_switch_gives_all_of_it_back_in_one_write(stage: Stage) -> None:
    stage.deploy(model("1.0.0", analysis={**WATCHED, "watch": "5m"}, strategy=BLUE_GREEN))
    with stage.load(200) as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", analysis={**WATCHED, "watch": "5m"}, strategy=BLUE_GREEN))
        stage.until("the switch", lambda status: status.get("weight") == 100, 90)
        eventually(lambda: load.by_version["2.0.0"] > 200, what="answers of the new version")
        stage.act("abort")
        stage.until_phase("Degraded")
        eventually(lambda: load.answers[-1].version == "1.0.0", what="answers of the version before")
        assert stage.weights("2.0.0", since) == [0, 100, 0]
    assert not load.lost


def test_what_fails_on_copies_never_answers_a_user(stage: Stage) -> None:
    stage.deploy(model("1.0.0", analysis=WATCHED, strategy=BLUE_GREEN))
    with stage.load(200) as load:
        since = stage.resource_version
        stage.apply(model("2.0.0", analysis=WATCHED, strategy=BLUE_GREEN, environment={"ERROR_SHARE": "0.3"}))
        stage.until_phase("Degraded", within=90)
        assert stage.weights("2.0.0", since) == [0]
    assert not load.lost
    assert set(load.by_version) == {"1.0.0"}
