"""Each decision of a plan has its record, in the same status; what the log has leaves the status by the way."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from rollout.simulator import ANALYSIS, OWNER, Simulator, manifest, roll_out
from serin.api.status import AnalysisStatus, CountsStatus, MetricStatus, Verdict
from serin.audit import Head, Kind, read, verify
from serin.audit.record import LONGEST_LINE
from serin.rollout.actions import Plan
from serin.rollout.auditing import audit
from serin.rollout.draft import Draft
from serin.rollout.world import Judgement, World


@dataclass
class Audited(Simulator):
    """A world with an audit log, which takes what is written down, unless it is broken."""

    log: list[bytes] = field(default_factory=list)
    broken: bool = False
    kept: bool = True
    metrics: tuple[MetricStatus, ...] = ()

    def world(self) -> World:
        """The log says how far it is."""
        logged = read(self.log[-1][:-1]).head if self.log else Head()
        return replace(super().world(), logged=logged if self.kept else None)

    def step(self) -> Plan:
        """Hand over what was written."""
        decided = super().step()
        if not self.broken and self.kept:
            have = {read(line[:-1]).head for line in self.log}
            self.log += [line for line in self.pending if read(line[:-1]).head not in have]
        return decided

    def _judgement(self) -> Judgement | None:
        judgement = super()._judgement()
        if judgement is None:
            return None
        analysis: AnalysisStatus = judgement.analysis.model_copy(update={"metrics": self.metrics})
        return replace(judgement, analysis=analysis)

    @property
    def pending(self) -> list[bytes]:
        """What the cluster has of the chain."""
        return [line.encode() + b"\n" for line in self.told.audit.pending] if self.told.audit else []

    @property
    def head(self) -> Head:
        """The chain's end, by the status."""
        assert self.told.audit is not None
        return Head(self.told.audit.sequence, self.told.audit.hash)

    def written(self, *actions: str) -> list[dict[str, Any]]:
        """The records of the log, of these actions if any are named."""
        records = [json.loads(line) for line in self.log]
        return [record for record in records if not actions or record["action"] in actions]

    def told_actions(self) -> list[str]:
        """What the log says was done."""
        return [record["action"] for record in self.written()]

    def findings(self) -> list[Kind]:
        """What is wrong with the log."""
        return [one.kind for one in verify({"log": self.log}, {OWNER.uid: self.head}).findings]


@pytest.fixture
def world() -> Audited:
    """Version 1.0.0 has all the traffic."""
    audited = Audited()
    audited.settle()
    return audited


def test_a_whole_rollout_can_be_read_in_the_log(world: Audited) -> None:
    old, new = world.stable, roll_out(world)
    world.pass_time(3600)
    assert world.findings() == []
    assert world.told_actions() == [
        *("RolloutStarted", "Deployed"),
        *("RolloutStarted", "WeightChanged", "WeightChanged", "Promoting", "WeightChanged", "Promoted"),
    ]
    assert [(record["weightsBefore"], record["weightsAfter"]) for record in world.written("WeightChanged")][:2] == [
        ({old: 100}, {old: 90, new: 10}),
        ({old: 90, new: 10}, {old: 50, new: 50}),
    ]
    (promoted,) = world.written("Promoted")
    assert (promoted["user"], promoted["outcome"], promoted["version"]) == ("serin", "Promoted", "2.0.0")
    assert (promoted["namespace"], promoted["modelDeployment"], promoted["uid"]) == ("ml", "fraud", OWNER.uid)


def test_a_decision_and_its_record_are_one_write(world: Audited) -> None:
    """Whatever weights the cluster has written down, it has written down the record that says so."""
    before = world.told
    world.spec, world.generation = manifest("2.0.0"), world.generation + 1
    for _ in range(30):
        world.step()
        if world.told != before and world.told.weight != before.weight and world.told.weight is not None:
            last = json.loads(world.told.audit.pending[-1]) if world.told.audit else {}
            assert last["weightsAfter"].get(world.told.candidate, 0) == world.told.weight
        before = world.told
    assert world.told.weight == 10


def test_it_costs_no_write_of_its_own() -> None:
    writes = []
    for kept in (True, False):
        world = Audited(kept=kept)
        world.settle()
        roll_out(world)
        world.pass_time(3600)
        writes.append(world.writes)
        assert not kept or world.pending == []
    assert writes[0] == writes[1]


def test_a_wish_bears_the_name_of_who_had_it(world: Audited) -> None:
    new = roll_out(world)
    world.ask("abort", reason="looks wrong")
    world.ask("promote")
    world.settle()
    abort, promote = world.written("Abort", "Promote")
    assert (abort["user"], abort["outcome"], abort["revision"]) == ("alice", "Done", new)
    assert abort["metadata"]["request"] == {"name": "ask-1", "uid": "uid-ask-1", "reason": "looks wrong"}
    assert (promote["user"], promote["outcome"]) == ("alice", "Refused")
    assert world.told_actions().count("ActionDone") == 0
    (ended,) = world.written("RolledBack")
    assert (ended["user"], ended["outcome"]) == ("serin", "RolledBack")


def metric(name: str, **changes: Any) -> MetricStatus:
    """One that fails."""
    facts: dict[str, Any] = {
        "name": name,
        "verdict": Verdict.FAIL,
        "reason": "AboveLimit",
        "message": "too many fail",
        "candidate": CountsStatus(bad=40, total=1000),
        "stable": CountsStatus(bad=1, total=9000),
        "limit": 0.02,
        "estimate": 0.0412345678,
    }
    return MetricStatus(**{**facts, **changes})


def test_a_rollback_by_the_analysis_bears_the_numbers_that_it_rests_on() -> None:
    world = Audited(spec=manifest(analysis=ANALYSIS), metrics=(metric("error-rate"),))
    world.settle()
    world.verdict = Verdict.FAIL
    world.apply(manifest("2.0.0", analysis=ANALYSIS))
    (record,) = world.written("AnalysisFailed")
    evidence = record["metadata"]
    assert evidence["analysis"]["verdict"] == "Fail"
    assert evidence["metrics"] == [
        {
            "name": "error-rate",
            "verdict": "Fail",
            "reason": "AboveLimit",
            "estimate": 0.0412346,
            "limit": 0.02,
            "candidate": [40.0, 1000.0],
            "stable": [1.0, 9000.0],
        }
    ]


def test_many_metrics_and_numbers_that_are_none_make_no_record_too_long() -> None:
    metrics = tuple(metric(f"{number:060}", estimate=float("inf"), limit=1e300) for number in range(16))
    world = Audited(spec=manifest(analysis=ANALYSIS), metrics=metrics)
    world.settle()
    world.verdict = Verdict.FAIL
    world.apply(manifest("2.0.0", analysis=ANALYSIS))
    assert all(len(line) <= LONGEST_LINE + 1 for line in world.log)
    told = [record["metadata"]["leftOut"] for record in world.written() if "leftOut" in record["metadata"]]
    assert told
    assert world.findings() == []


def test_a_rollout_that_is_replaced_ends_in_the_log(world: Audited) -> None:
    first = roll_out(world)
    second = roll_out(world, version="3.0.0")
    (ended,) = world.written("RolloutEnded")
    assert (ended["revision"], ended["version"], ended["outcome"]) == (first, "2.0.0", "Replaced")
    assert world.written("RolloutStarted")[-1]["revision"] == second


def test_a_log_that_is_broken_holds_up_nothing_and_gets_everything_later(world: Audited) -> None:
    world.broken = True
    roll_out(world)
    world.ask("abort")
    world.settle()
    world.pass_time(3600)
    assert world.status.rejected is not None
    assert world.written("RolledBack") == []
    world.broken = False
    world.step()
    assert len(world.written("RolledBack")) == 1
    assert world.findings() == []


def test_broken_for_very_long_the_oldest_records_go_and_the_log_proves_which(world: Audited) -> None:
    before = len(world.log)
    world.broken = True
    for number in range(2, 20):
        roll_out(world, version=f"{number}.0.0")
        world.pass_time(3600)
    assert world.head.sequence > before + 64
    assert len(world.pending) == 64
    assert len(world.told.to_dict()["audit"]["pending"]) == 64
    world.broken = False
    world.step()
    (finding,) = verify({"log": world.log}, {OWNER.uid: world.head}).findings
    lost = world.head.sequence - 64
    assert f"records {before + 1} to {lost} of {OWNER.uid} are missing" in finding.message


def test_a_status_that_is_lost_or_older_goes_on_where_the_log_ends(world: Audited) -> None:
    old = world.told
    roll_out(world)
    world.pass_time(3600)
    for restored in (world.lose_status, lambda: restore(world, old)):
        restored()
        world.settle()
        assert world.written()[-1]["action"] != "Deployed"
        assert world.findings() == []
    assert len(world.written("AuditResumed")) == 2


def restore(world: Audited, old: Any) -> None:
    """Somebody puts an old status back."""
    world.told = old
    world.restart()


def test_without_a_log_the_last_records_can_be_read_in_the_status() -> None:
    world = Audited(kept=False)
    world.settle()
    for number in range(2, 5):
        roll_out(world, version=f"{number}.0.0")
        world.pass_time(3600)
    assert [json.loads(line)["action"] for line in world.pending][-1] == "Promoted"
    assert len(world.pending) == 8
    assert verify({"status": world.pending}).heads[OWNER.uid] == world.head


@pytest.mark.parametrize("change", [str.upper, lambda line: line.replace("serin", "nobody"), lambda _: "{}"])
def test_records_that_somebody_changed_in_the_status_stop_nothing(world: Audited, change: Callable[[str], str]) -> None:
    world.broken = True
    roll_out(world)
    assert world.told.audit is not None
    pending = tuple(change(line) for line in world.told.audit.pending)
    world.told = world.told.model_copy(update={"audit": world.told.audit.model_copy(update={"pending": pending})})
    world.restart()
    world.pass_time(3600)
    assert world.status.version == "2.0.0"


def test_what_is_told_again_and_again_without_a_change_is_recorded_once(world: Audited) -> None:
    world.broken = True
    for _ in range(3):
        draft = Draft(world.world())
        draft.say("RouteNotAccepted", 'HTTPRoute "fraud": no such listener')
        draft.say("RouteNotRestored", "a filter is gone")
        audit(draft)
        world.status = world.told = draft.status
    told = [json.loads(line)["action"] for line in world.pending]
    assert told[-2:] == ["RouteNotAccepted", "RouteNotRestored"]
    assert told.count("RouteNotAccepted") == 1


def test_the_same_decision_once_more_is_recorded_once_more(world: Audited) -> None:
    new = roll_out(world)
    world.ask("abort")
    world.settle()
    world.ask("retry", revision=new)
    world.settle()
    assert [record["revision"] for record in world.written("RolloutStarted")][1:] == [new, new]


def test_a_deletion_is_in_the_log(world: Audited) -> None:
    world.deleting = True
    world.settle()
    assert world.gone
    assert world.told_actions()[-1] == "Deleting"
    assert world.findings() == []
