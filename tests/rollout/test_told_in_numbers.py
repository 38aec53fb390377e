"""Wherever a person reads why a version was rolled back, there are the words and numbers of the metric that failed."""

import json
from dataclasses import dataclass, replace

from judge.streams import analysis, judged, ticks
from rollout.simulator import ANALYSIS, Simulator, manifest
from serin.api.status import Outcome, Verdict
from serin.rollout.world import Judgement

SAID = judged(analysis(), ticks(*[((30, 100), (2, 400))] * 3))
WORDS = (
    "error-rate: 30% of the candidate's 300 requests failed, 0.5% of stable's 1,200 "
    "(95% interval 21.3% to 38.7%, limit 2%)"
)


@dataclass
class Judged(Simulator):
    """The judge itself says why it fails."""

    def _judgement(self) -> Judgement | None:
        judgement = super()._judgement()
        if judgement is None:
            return None
        said = SAID.model_copy(update={"revision": judgement.analysis.revision})
        return replace(judgement, analysis=said)


def test_history_events_conditions_and_audit_log_say_by_which_numbers_a_version_was_rolled_back() -> None:
    assert SAID.message == WORDS
    world = Judged(spec=manifest("1.0.0"))
    world.settle()
    world.verdict = Verdict.FAIL
    world.apply(manifest("2.0.0", analysis=ANALYSIS))
    told = world.status
    assert told.rejected is not None
    assert (told.rejected.reason, told.rejected.message) == ("AnalysisFailed", WORDS)
    assert (told.history[0].outcome, told.history[0].version) == (Outcome.ROLLED_BACK, "2.0.0")
    assert (told.history[0].reason, told.history[0].message) == ("AnalysisFailed", WORDS)
    assert WORDS in world.condition("RolledBack").message
    events = {notice.reason: notice for notice in world.notices if notice.event}
    for reason in ("AnalysisFailed", "RolledBack"):
        assert events[reason].message.endswith(f": {WORDS}")
        assert events[reason].type == "Warning"
    assert told.audit is not None
    records = {record["action"]: record for record in map(json.loads, told.audit.pending)}
    assert WORDS in records["RolledBack"]["message"]
    assert WORDS in records["AnalysisFailed"]["message"]
    (metric,) = records["AnalysisFailed"]["metadata"]["metrics"]
    assert (metric["candidate"], metric["stable"]) == ([90.0, 300.0], [6.0, 1200.0])
    assert (metric["estimate"], metric["limit"]) == (0.3, 0.02)
