"""Who asks for a version by a header reaches it before any user does, and nobody else."""

import time

import pytest

from scenarios.api import eventually
from scenarios.load import Load
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

HEADERS = {"X-Serin-Preview": "true"}
PREVIEWED = {"preview": {"headers": HEADERS}, "canary": {"steps": [{"pause": {}}, {"weight": 50, "hold": "1h"}]}}


def test_testers_reach_a_version_without_weight_and_leave_it_with_the_rollback(stage: Stage) -> None:
    stage.deploy(model("1.0.0", strategy=PREVIEWED))
    with stage.load(200) as users, Load(stage.gateway_url, stage.host, 20, headers=HEADERS) as testers:
        stage.apply(model("2.0.0", strategy=PREVIEWED))
        eventually(lambda: testers.by_version["2.0.0"] > 20, what="answers of the previewed version", within=60)
        assert stage.weight("2.0.0") == 0
        since = time.monotonic()
        eventually(lambda: len(users.since(since)) > 600, what="answers of users beside the preview")
        assert {answer.version for answer in testers.since(since)} == {"2.0.0"}
        stage.act("resume")
        eventually(lambda: users.by_version["2.0.0"] > 100, what="answers of the candidate at its weight")
        assert testers.answers[-1].version == "2.0.0"
        stage.act("abort")
        stage.until_phase("Degraded")
        eventually(
            lambda: {answer.version for answer in testers.since(time.monotonic() - 1)} == {"1.0.0"},
            what="testers with the stable version",
        )
    assert not users.lost
    assert not testers.lost
    first = next(answer.at for answer in users.answers if answer.version == "2.0.0")
    assert first > since
    assert users.answers[-1].version == "1.0.0"
