"""Evidence is not kept by the operator: a new one finds all of it in Prometheus' history."""

from typing import TYPE_CHECKING

import pytest

from scenarios.analyses import analysis, metric, reason, verdict
from scenarios.api import eventually
from scenarios.stage import Stage, model

if TYPE_CHECKING:
    from scenarios.conftest import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

LONG = {"canary": {"steps": [{"weight": 50, "hold": "1m"}]}}


def test_a_killed_operator_counts_every_tick_again(stage: Stage, operator: "OperatorProcess") -> None:
    policy = analysis(minSamples=60)
    stage.deploy(model("1.0.0", analysis=policy, strategy=LONG))
    with stage.load() as load:
        stage.apply(model("2.0.0", environment={"ERROR_SHARE": "0.01"}, analysis=policy, strategy=LONG))
        stage.until("enough numbers", lambda it: verdict(it) == "Pass" and it["analysis"]["ticks"] >= 3)
    # With the requests the numbers end: what is counted from now on, before and after the kill, must be the same.
    before = stage.until("the end of the numbers", lambda it: reason(it) == "NoTraffic")
    operator.kill()
    try:
        assert stage.status == before
    finally:
        operator.start()
    after = stage.until("a verdict of the new operator", lambda it: it["analysis"]["at"] > before["analysis"]["at"])
    for field in ("startedAt", "ticks", "samples", "verdict", "reason"):
        assert after["analysis"][field] == before["analysis"][field]
    for side in ("candidate", "stable"):
        assert metric(after, "error-rate")[side] == metric(before, "error-rate")[side]
    assert (after["step"]["since"], after["step"]["heldSince"]) == (
        before["step"]["since"],
        before["step"]["heldSince"],
    )
    counted = metric(after, "error-rate")["candidate"]["total"]
    assert 60 <= counted <= load.by_version["2.0.0"]
    assert not load.lost
    eventually(lambda: operator.audit_findings(stage.object) == [], what="every record, once, in the audit log")
