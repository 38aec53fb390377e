"""The watch: the candidate has all the traffic and is judged, while stable stays ready to take it back."""

from datetime import timedelta
from typing import Any

import pytest

from rollout.simulator import ANALYSIS, Simulator, manifest, phase_of, roll_out
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import Outcome, Phase, Role, StepKind, Verdict
from serin.rollout.schedule import schedule

WATCHED = {**ANALYSIS, "watch": "10m"}


@pytest.fixture
def watching(healthy: Simulator) -> Simulator:
    """Version 2.0.0 went through its steps and has all the traffic; its watch of ten minutes has just begun."""
    roll_out(healthy, analysis=WATCHED)
    healthy.verdict = Verdict.PASS
    healthy.pass_time(120)
    assert kind_of(healthy) is StepKind.WATCH
    return healthy


def kind_of(world: Simulator) -> StepKind | None:
    """The kind of the step that the rollout is in."""
    return world.status.step.kind if world.status.step else None


def candidate_of(world: Simulator) -> str:
    """The revision that is being rolled out."""
    assert world.status.candidate is not None
    return world.status.candidate


def test_a_good_candidate_is_watched_and_then_promoted_without_another_write_of_the_route(watching: Simulator) -> None:
    old, new, generation = watching.stable, candidate_of(watching), watching.route_generation
    assert watching.split == {old: 0, new: 100}
    watching.pass_time(599)
    assert (watching.stable, phase_of(watching)) == (old, Phase.PROGRESSING)
    watching.pass_time(1)
    assert watching.stable == new
    assert watching.split == {old: 0, new: 100}
    assert watching.route_generation == generation
    assert watching.weights == [0, 10, 50, 100]
    assert watching.status.history[0].outcome is Outcome.PROMOTED


def test_the_candidate_has_pods_for_all_the_traffic_before_it_gets_it(healthy: Simulator) -> None:
    new = roll_out(healthy, analysis=WATCHED)
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(130)
    healthy.verdict = Verdict.PASS
    while healthy.entry(new).weight != 100:
        assert healthy.status.weight == 50
        healthy.step()
    assert healthy.workloads[new].ready == 4


def test_stable_keeps_all_its_pods_and_its_role_in_the_watch(watching: Simulator) -> None:
    watching.pass_time(300)
    old = watching.stable
    assert watching.workloads[old].replicas == 4
    assert (watching.entry(old).role, watching.entry(old).keep_until) == (Role.STABLE, None)


def test_keep_warm_begins_when_the_watch_is_over(watching: Simulator) -> None:
    old = watching.stable
    watching.pass_time(600)
    assert watching.entry(old).keep_until == watching.now + timedelta(minutes=10)


def test_a_bad_candidate_gives_the_traffic_back_in_one_write_and_no_pod_of_stable_is_touched(
    watching: Simulator,
) -> None:
    old, new, generation = watching.stable, candidate_of(watching), watching.route_generation
    watching.pass_time(300)
    before = watching.workloads[old]
    watching.verdict = Verdict.FAIL
    watching.settle()
    assert watching.split == {old: 100, new: 0}
    assert watching.route_generation == generation + 1
    assert watching.workloads[old] == before
    assert phase_of(watching) is Phase.DEGRADED
    assert watching.status.rejected is not None
    assert watching.status.rejected.revision == new


def test_only_a_pass_lets_the_candidate_have_all_the_traffic(healthy: Simulator) -> None:
    new = roll_out(healthy, analysis=WATCHED)
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(600)
    assert healthy.split[new] == 50
    healthy.verdict = Verdict.PASS
    healthy.settle()
    assert healthy.split[new] == 100


def test_a_pause_before_the_end_asks_for_no_less(healthy: Simulator) -> None:
    steps = [{"weight": 10, "hold": "1m"}, {"pause": {"duration": "1m"}}]
    new = roll_out(healthy, analysis=WATCHED, strategy={"canary": {"steps": steps}})
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(600)
    assert healthy.split[new] == 10
    assert kind_of(healthy) is StepKind.WEIGHT


def test_a_watch_in_which_nothing_speaks_against_the_candidate_ends_in_time(watching: Simulator) -> None:
    new = candidate_of(watching)
    watching.verdict = Verdict.CONTINUE
    watching.pass_time(600)
    assert watching.stable == new


def test_missing_data_stop_the_time_of_the_watch(watching: Simulator) -> None:
    old = watching.stable
    watching.pass_time(300)
    watching.verdict = Verdict.HOLD
    watching.pass_time(1000)
    watching.verdict = Verdict.PASS
    watching.pass_time(299)
    assert watching.stable == old
    watching.pass_time(1)
    assert watching.stable != old


def test_a_pause_stops_the_time_of_the_watch_and_a_failure_ends_it_all_the_same(watching: Simulator) -> None:
    old, new = watching.stable, candidate_of(watching)
    watching.ask("pause")
    watching.pass_time(3000)
    assert (phase_of(watching), watching.split) == (Phase.PAUSED, {old: 0, new: 100})
    watching.verdict = Verdict.FAIL
    watching.settle()
    assert watching.split == {old: 100, new: 0}


def test_promote_ends_the_watch(watching: Simulator) -> None:
    new = candidate_of(watching)
    watching.ask("promote")
    watching.settle()
    assert watching.stable == new
    assert watching.reports["ask-1"].startswith("Done: the watch ends now")


def test_abort_ends_it_the_other_way(watching: Simulator) -> None:
    old = watching.stable
    watching.ask("abort", reason="customers complain")
    watching.settle()
    assert watching.split[old] == 100
    assert phase_of(watching) is Phase.DEGRADED


def test_a_restart_makes_the_watch_neither_longer_nor_shorter(watching: Simulator) -> None:
    old = watching.stable
    watching.pass_time(300)
    watching.verdict = None
    watching.restart()
    watching.settle()
    watching.verdict = Verdict.PASS
    watching.pass_time(299)
    assert watching.stable == old
    watching.pass_time(1)
    assert watching.stable != old
    assert watching.weights == [0, 10, 50, 100]


def test_a_lost_status_is_rebuilt_into_the_watch(watching: Simulator) -> None:
    old, new = watching.stable, candidate_of(watching)
    watching.lose_status()
    watching.settle()
    assert (watching.stable, candidate_of(watching), kind_of(watching)) == (old, new, StepKind.WATCH)
    assert watching.split == {old: 0, new: 100}


def test_a_longer_watch_is_in_force_at_once_and_begins_no_new_one(watching: Simulator) -> None:
    old = watching.stable
    watching.pass_time(300)
    watching.apply(manifest("2.0.0", analysis={**ANALYSIS, "watch": "15m"}))
    watching.pass_time(599)
    assert watching.stable == old
    watching.pass_time(1)
    assert watching.stable != old


@pytest.mark.parametrize("analysis", [ANALYSIS, None], ids=["watch", "analysis"])
def test_whoever_takes_it_out_of_the_spec_ends_it_and_no_weight_falls(
    watching: Simulator, analysis: dict[str, Any] | None
) -> None:
    new = candidate_of(watching)
    watching.apply(manifest("2.0.0", analysis=analysis))
    assert watching.stable == new
    assert watching.weights == [0, 10, 50, 100]


def test_a_watch_that_is_added_in_the_last_step_follows_it(healthy: Simulator) -> None:
    roll_out(healthy, analysis=ANALYSIS)
    healthy.verdict = Verdict.PASS
    healthy.pass_time(90)
    healthy.apply(manifest("2.0.0", analysis=WATCHED))
    healthy.pass_time(30)
    assert kind_of(healthy) is StepKind.WATCH


def test_other_steps_in_the_watch_begin_it_anew_at_the_same_weight(watching: Simulator) -> None:
    old = watching.stable
    watching.pass_time(300)
    steps = {"canary": {"steps": [{"weight": 30, "hold": "1m"}]}}
    watching.apply(manifest("2.0.0", analysis=WATCHED, strategy=steps))
    assert (kind_of(watching), watching.status.weight) == (StepKind.WATCH, 100)
    watching.pass_time(599)
    assert watching.stable == old
    watching.pass_time(1)
    assert watching.stable != old


def test_another_version_in_the_watch_replaces_the_candidate_from_the_first_step(watching: Simulator) -> None:
    old, second = watching.stable, candidate_of(watching)
    third = roll_out(watching, "3.0.0", analysis=WATCHED)
    assert watching.split == {old: 90, second: 0, third: 10}


def test_max_duration_ends_a_watch_that_cannot_decide(healthy: Simulator) -> None:
    short = {**WATCHED, "maxDuration": "15m", "onInconclusive": "Rollback"}
    roll_out(healthy, analysis=short)
    healthy.verdict = Verdict.PASS
    healthy.pass_time(120)
    healthy.verdict = Verdict.HOLD
    healthy.pass_time(900)
    assert phase_of(healthy) is Phase.DEGRADED


def test_max_duration_in_the_last_step_skips_no_watch(healthy: Simulator) -> None:
    new = roll_out(healthy, analysis={**WATCHED, "maxDuration": "15m"})
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(1000)
    assert (phase_of(healthy), healthy.split[new]) == (Phase.PAUSED, 50)


def test_it_is_told_as_a_watch(watching: Simulator) -> None:
    assert watching.status.message == "watching at 100 %: simulated Pass"
    step = watching.status.step
    assert step is not None
    assert (step.index, step.of) == (3, 3)
    assert any("is watched for 10m" in notice.message for notice in watching.notices)


def test_it_is_one_more_block_for_the_judge_and_pauses_are_none() -> None:
    steps = [{"weight": 5}, {"pause": {}}, {"ramp": {"from": 5, "to": 50, "over": "8m"}}]
    spec = manifest(strategy={"canary": {"steps": steps}}, analysis=WATCHED)
    plan = schedule(ModelDeploymentSpec.model_validate(spec))
    assert plan is not None
    assert plan.blocks == 1 + 8 + 1
