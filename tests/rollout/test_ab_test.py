"""An A/B test lasts until the evidence decides or its time is over; who did not win leaves, and failed nothing."""

from datetime import timedelta
from typing import Any

import pytest

from rollout.simulator import ANALYSIS, Simulator, phase_of, roll_out, service_of
from serin.api.ab_test_status import ABTestDecision, ABTestStatus
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import MetricStatus, Outcome, Phase, StepKind, Verdict
from serin.rollout.schedule import schedule
from serin.traffic.routing import Audience, Stickiness

HOUR = 3600.0
AUDIENCE = {"headers": {"X-Group": "b"}}
GOAL = {"metric": "error-rate", "minimumEffect": {"absolute": "1%"}}
WITHIN = (MetricStatus(name="error-rate", verdict=Verdict.CONTINUE, reason="", message="", limit=0.02, estimate=0.01),)


def comparison(analysis: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The fields of a spec with an A/B test of a day."""
    strategy = {"type": "ABTest", "abTest": {"goal": GOAL, "maxDuration": "24h", **changes}}
    return {"strategy": strategy, "analysis": {**ANALYSIS, **(analysis or {})}}


def found(decision: ABTestDecision | None) -> ABTestStatus:
    """What the judge says of the test."""
    return ABTestStatus(metric="error-rate", decision=decision, message="3% of 900, 4% of 901", needs="about 10 more")


def begin(world: Simulator, **changes: Any) -> str:
    """A test is under way."""
    candidate = roll_out(world, **(changes or comparison()))
    world.settle()
    world.ticks, world.samples = 10, 1000.0
    decided(world, None)
    return candidate


def decided(world: Simulator, decision: ABTestDecision | None, verdict: Verdict = Verdict.CONTINUE) -> None:
    """The judge says something new."""
    world.test, world.verdict = found(decision), verdict
    world.settle()


def events(world: Simulator, reason: str) -> list[str]:
    """The Events of a kind so far."""
    return [notice.message for notice in world.notices if notice.reason == reason]


def test_both_versions_stand_side_by_side_until_it_is_decided(healthy: Simulator) -> None:
    candidate = begin(healthy)
    assert healthy.split == {healthy.stable: 50, candidate: 50}
    assert healthy.status.step is not None
    assert healthy.status.step.kind is StepKind.TEST
    healthy.pass_time(5 * HOUR)
    assert healthy.split == {healthy.stable: 50, candidate: 50}
    assert "3% of 900, 4% of 901; needs about 10 more" in healthy.status.message


def test_a_winner_takes_over_once_the_other_metrics_have_passed(healthy: Simulator) -> None:
    candidate = begin(healthy)
    decided(healthy, ABTestDecision.WON)
    assert healthy.stable != candidate
    assert "it has won, and takes over once every other metric has passed" in healthy.status.message
    decided(healthy, ABTestDecision.WON, Verdict.PASS)
    assert healthy.stable == candidate
    assert healthy.status.history[0].outcome is Outcome.PROMOTED
    assert len(events(healthy, "ABTestWon")) == 1


def test_at_the_end_of_the_time_a_winner_within_the_limits_takes_over(healthy: Simulator) -> None:
    candidate = begin(healthy)
    healthy.metrics = WITHIN
    decided(healthy, ABTestDecision.WON)
    healthy.pass_time(25 * HOUR)
    assert healthy.stable == candidate


@pytest.mark.parametrize(
    ("decision", "words"),
    [(ABTestDecision.LOST, "stable version is better"), (ABTestDecision.NO_IMPROVEMENT, "not better by minimumEffect")],
)
def test_who_did_not_win_leaves_and_failed_nothing(healthy: Simulator, decision: ABTestDecision, words: str) -> None:
    stable, candidate = healthy.stable, begin(healthy)
    decided(healthy, decision)
    healthy.pass_time(60)
    assert (healthy.stable, healthy.status.candidate, phase_of(healthy)) == (stable, None, Phase.HEALTHY)
    assert healthy.split == {stable: 100}
    last = healthy.status.history[0]
    assert (last.revision, last.outcome, last.reason) == (candidate, Outcome.COMPARED, str(decision))
    assert words in last.message
    assert healthy.condition("Ready").status == "True"
    assert healthy.condition("RolledBack").status == "False"
    assert healthy.condition("Compared").status == "True"
    healthy.pass_time(HOUR)
    assert healthy.status.candidate is None, "it is not tried again by itself"


def test_a_retry_tests_it_again(healthy: Simulator) -> None:
    candidate = begin(healthy)
    decided(healthy, ABTestDecision.LOST)
    healthy.pass_time(60)
    healthy.test = None
    healthy.ask("retry", revision=candidate)
    healthy.settle()
    assert healthy.status.candidate == candidate


def test_when_the_time_is_over_without_a_decision_it_leaves(healthy: Simulator) -> None:
    begin(healthy)
    healthy.pass_time(23 * HOUR)
    assert healthy.status.candidate is not None
    healthy.pass_time(2 * HOUR)
    last = healthy.status.history[0]
    assert (last.outcome, last.reason) == (Outcome.COMPARED, "Undecided")
    assert "decided nothing within 24h; the last word: 3% of 900, 4% of 901" in last.message


def test_missing_data_do_not_prolong_it_and_decide_nothing(healthy: Simulator) -> None:
    begin(healthy)
    decided(healthy, None, Verdict.HOLD)
    healthy.pass_time(23 * HOUR)
    decided(healthy, ABTestDecision.LOST, Verdict.HOLD)
    assert healthy.status.candidate is not None
    healthy.pass_time(2 * HOUR)
    assert healthy.status.history[0].reason == "Undecided"


def test_a_pause_prolongs_it(healthy: Simulator) -> None:
    begin(healthy)
    healthy.ask("pause")
    healthy.settle()
    healthy.pass_time(30 * HOUR)
    healthy.ask("resume")
    healthy.settle()
    healthy.pass_time(23 * HOUR)
    assert healthy.status.candidate is not None
    healthy.pass_time(2 * HOUR)
    assert healthy.status.candidate is None


def test_a_winner_is_kept_until_a_person_promotes(healthy: Simulator) -> None:
    candidate = begin(healthy, **comparison(winner="Keep"))
    decided(healthy, ABTestDecision.WON, Verdict.PASS)
    healthy.pass_time(100 * HOUR)
    assert healthy.split == {healthy.stable: 50, candidate: 50}
    assert "it has won, and stays until somebody promotes or aborts" in healthy.status.message
    assert len(events(healthy, "ABTestWon")) == 1
    healthy.ask("promote")
    healthy.settle()
    assert healthy.stable == candidate


def test_harm_rolls_back_at_once_even_a_winner(healthy: Simulator) -> None:
    begin(healthy, **comparison(winner="Keep"))
    decided(healthy, ABTestDecision.WON, Verdict.FAIL)
    healthy.pass_time(60)
    assert healthy.status.history[0].outcome is Outcome.ROLLED_BACK
    assert phase_of(healthy) is Phase.DEGRADED


def test_too_few_events_decide_nothing(healthy: Simulator) -> None:
    begin(healthy)
    healthy.samples = 3.0
    decided(healthy, ABTestDecision.LOST)
    assert healthy.status.candidate is not None


def test_the_watch_after_it_has_its_own_time(healthy: Simulator) -> None:
    candidate = begin(healthy, **comparison({"watch": "30m", "maxDuration": "1h"}))
    healthy.pass_time(20 * HOUR)
    decided(healthy, ABTestDecision.WON, Verdict.PASS)
    assert healthy.split == {healthy.stable: 0, candidate: 100}
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(20 * 60)
    assert healthy.status.step is not None
    assert healthy.status.step.kind is StepKind.WATCH
    healthy.pass_time(HOUR)
    assert healthy.stable == candidate


def test_an_audience_gets_the_candidate_and_nobody_else(healthy: Simulator) -> None:
    candidate = begin(healthy, **comparison(audience=AUDIENCE, weight=30))
    assert healthy.split == {healthy.stable: 100, candidate: 0}
    assert healthy.routing().audiences == (Audience(service_of(candidate), {"x-group": "b"}),)
    assert healthy.pods[candidate] == 2, "for the share that is expected of it"
    assert "A/B test with an audience" in healthy.status.message
    decided(healthy, ABTestDecision.WON, Verdict.PASS)
    assert healthy.stable == candidate
    assert healthy.routing().audiences == ()


def test_an_audience_that_did_not_find_it_better_is_back_with_stable_in_one_write(healthy: Simulator) -> None:
    candidate = begin(healthy, **comparison(audience=AUDIENCE))
    generation = healthy.route_generation
    decided(healthy, ABTestDecision.NO_IMPROVEMENT)
    assert (healthy.previewed(), healthy.route_generation) == (None, generation + 1)
    healthy.pass_time(60)
    assert candidate not in healthy.pods
    assert phase_of(healthy) is Phase.HEALTHY


def test_the_time_of_an_audience_begins_when_the_route_leads_it(healthy: Simulator) -> None:
    healthy.pod_seconds = 30
    begin(healthy, **comparison(audience=AUDIENCE))
    assert healthy.status.step is None or healthy.status.step.since is None
    healthy.pass_time(31)
    assert healthy.previewed() is not None
    assert healthy.status.step is not None
    assert healthy.status.step.since is not None


def test_users_stay_with_a_version_while_it_lasts(healthy: Simulator) -> None:
    begin(healthy, **comparison(stickiness={"maxAge": "24h"}))
    assert healthy.routing().stickiness == Stickiness("serin-fraud", timedelta(hours=24))
    decided(healthy, ABTestDecision.WON, Verdict.PASS)
    assert healthy.routing().stickiness is None


def test_more_time_and_another_fate_of_the_winner_start_nothing_anew(healthy: Simulator) -> None:
    candidate = begin(healthy, **comparison(winner="Keep"))
    decided(healthy, ABTestDecision.WON, Verdict.PASS)
    before = healthy.status.step
    healthy.apply({**healthy.spec, **comparison(winner="Keep", maxDuration="48h")})
    assert healthy.status.step is not None
    assert before is not None
    assert healthy.status.step.since == before.since
    healthy.apply({**healthy.spec, **comparison(winner="Promote", maxDuration="48h")})
    assert healthy.stable == candidate


def test_an_edit_starts_it_anew(healthy: Simulator) -> None:
    begin(healthy)
    before = healthy.status.step
    healthy.pass_time(HOUR)
    healthy.apply({**healthy.spec, **comparison(weight=30)})
    healthy.settle()
    after = healthy.status.step
    assert before is not None
    assert after is not None
    assert after.plan != before.plan
    assert after.since is not None
    assert before.since is not None
    assert after.since > before.since


def test_the_operator_may_restart_in_it(healthy: Simulator) -> None:
    candidate = begin(healthy)
    healthy.restart()
    decided(healthy, ABTestDecision.WON, Verdict.PASS)
    assert healthy.stable == candidate


def test_its_stage_is_one() -> None:
    spec = {**Simulator().spec, **comparison(weight=20)}
    plan = schedule(ModelDeploymentSpec.model_validate(spec))
    assert plan is not None
    assert [(stage.kind, stage.weight, stage.load) for stage in plan.stages] == [(StepKind.TEST, 20, 20)]
    assert plan.blocks == 1
