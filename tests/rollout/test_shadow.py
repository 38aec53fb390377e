"""A shadow gets copies of requests, is judged by them, and no user ever depends on it."""

from datetime import timedelta
from typing import Any

import pytest

from rollout.simulator import ANALYSIS, Simulator, manifest, phase_of, roll_out
from serin.api.status import Outcome, Phase, Role, StepKind, Verdict


def shadow(**how: Any) -> dict[str, Any]:
    """A spec's strategy, and an analysis."""
    return {"strategy": {"type": "Shadow", "shadow": how}, "analysis": ANALYSIS}


@pytest.fixture
def shadowed(healthy: Simulator) -> Simulator:
    """Version 2.0.0 gets copies of all requests for ten minutes."""
    roll_out(healthy, **shadow(duration="10m"))
    return healthy


def candidate(world: Simulator) -> str:
    """The revision that is compared."""
    assert world.status.candidate is not None
    return world.status.candidate


def test_copies_begin_when_the_pods_are_ready_and_no_request_of_a_users_goes_there(healthy: Simulator) -> None:
    healthy.pod_seconds = 30
    new = roll_out(healthy, **shadow())
    healthy.pass_time(29)
    assert healthy.mirrored() == (None, 0)
    healthy.pass_time(1)
    assert healthy.mirrored() == (new, 100)
    assert (healthy.split[new], healthy.weights) == (0, [0])
    step = healthy.status.step
    assert step is not None
    assert (step.kind, step.mirror, step.since) == (StepKind.MIRROR, 100, healthy.now)


def test_the_shadow_has_pods_for_its_copies(shadowed: Simulator) -> None:
    assert shadowed.pods[candidate(shadowed)] == 4


def test_its_pods_follow_the_load_while_it_is_paused(shadowed: Simulator) -> None:
    shadowed.apply({**shadowed.spec, "paused": True})
    shadowed.apply({**shadowed.spec, "replicas": 8})
    assert shadowed.pods[candidate(shadowed)] == 8
    assert shadowed.mirrored() == (candidate(shadowed), 100)


def test_a_comparison_that_is_over_is_told_and_is_no_failure(shadowed: Simulator) -> None:
    old, new = shadowed.stable, candidate(shadowed)
    shadowed.verdict = Verdict.CONTINUE
    shadowed.pass_time(599)
    assert shadowed.mirrored() == (new, 100)
    shadowed.pass_time(1)
    assert (shadowed.stable, phase_of(shadowed), shadowed.mirrored()) == (old, Phase.HEALTHY, (None, 0))
    ended = shadowed.status.history[0]
    assert (ended.revision, ended.outcome, ended.message) == (new, Outcome.COMPARED, "Continue: simulated Continue")
    assert shadowed.condition("Compared").status == "True"
    assert (shadowed.condition("RolledBack").status, shadowed.condition("Ready").status) == ("False", "True")
    assert [notice.type for notice in shadowed.notices if notice.reason == "Compared"] == ["Normal"]
    audit = shadowed.status.audit
    assert audit is not None
    assert any('"action":"Compared"' in line and '"outcome":"Compared"' in line for line in audit.pending)


def test_what_was_compared_does_not_start_again_by_itself(shadowed: Simulator) -> None:
    new = candidate(shadowed)
    shadowed.verdict = Verdict.PASS
    shadowed.pass_time(3600)
    shadowed.lose_status()
    shadowed.pass_time(3600)
    assert (shadowed.status.candidate, shadowed.pods.get(new)) == (None, None)
    assert shadowed.entry(new).role is Role.RETIRED


def test_who_wants_it_once_more_retries(shadowed: Simulator) -> None:
    new = candidate(shadowed)
    shadowed.verdict = Verdict.PASS
    shadowed.pass_time(700)
    shadowed.ask("retry", revision=new)
    shadowed.settle()
    assert (shadowed.status.candidate, shadowed.mirrored()) == (new, (new, 100))


def test_a_version_that_was_compared_is_rolled_out_when_the_strategy_says_so(shadowed: Simulator) -> None:
    new = candidate(shadowed)
    shadowed.verdict = Verdict.PASS
    shadowed.pass_time(700)
    shadowed.apply(manifest("2.0.0", analysis=ANALYSIS))
    assert (shadowed.status.candidate, shadowed.status.weight) == (new, 10)


def test_a_shadow_that_fails_is_turned_away_in_one_write(shadowed: Simulator) -> None:
    new, generation = candidate(shadowed), shadowed.route_generation
    shadowed.verdict = Verdict.FAIL
    shadowed.settle()
    assert shadowed.mirrored() == (None, 0)
    assert shadowed.route_generation == generation + 1
    assert shadowed.status.history[0].outcome is Outcome.ROLLED_BACK
    assert (phase_of(shadowed), shadowed.entry(new).role) == (Phase.DEGRADED, Role.RETIRED)


def test_missing_data_hold_the_comparison_and_fail_nothing(shadowed: Simulator) -> None:
    shadowed.verdict = Verdict.HOLD
    shadowed.pass_time(3600)
    assert shadowed.mirrored() == (candidate(shadowed), 100)
    shadowed.pass_time(3601)
    assert (shadowed.status.history[0].outcome, shadowed.status.history[0].reason) == (Outcome.COMPARED, "Undecided")


def test_a_shadow_may_take_over_but_only_by_evidence(healthy: Simulator) -> None:
    new = roll_out(healthy, **shadow(duration="10m", then="Promote"))
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(900)
    assert healthy.mirrored() == (new, 100)
    healthy.verdict = Verdict.PASS
    generation = healthy.route_generation
    healthy.pass_time(1)
    assert (healthy.stable, healthy.mirrored(), healthy.split[new]) == (new, (None, 0), 100)
    assert healthy.route_generation == generation + 1
    assert healthy.weights == [0, 100]


def test_a_lost_status_finds_the_shadow_by_its_copies(shadowed: Simulator) -> None:
    new = candidate(shadowed)
    shadowed.lose_status()
    shadowed.settle()
    assert (shadowed.status.candidate, shadowed.mirrored(), shadowed.status.weight) == (new, (new, 100), 0)


def test_another_serin_goes_on_where_the_comparison_was(shadowed: Simulator) -> None:
    shadowed.verdict = Verdict.CONTINUE
    shadowed.pass_time(300)
    generation = shadowed.route_generation
    shadowed.restart()
    shadowed.pass_time(299)
    assert shadowed.route_generation == generation
    shadowed.now += timedelta(seconds=1)
    shadowed.settle()
    assert shadowed.status.history[0].outcome is Outcome.COMPARED
