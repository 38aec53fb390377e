"""What a verdict does to a rollout."""

import pytest

from rollout.simulator import ANALYSIS, Simulator, phase_of, roll_out
from serin.api.status import MetricStatus, Phase, Verdict


def test_failure_rolls_back_in_one_write_and_is_remembered(healthy: Simulator) -> None:
    old = healthy.stable
    new = roll_out(healthy, analysis=ANALYSIS)
    generation = healthy.route_generation
    healthy.verdict = Verdict.FAIL
    healthy.settle()
    assert healthy.split == {old: 100, new: 0}
    assert healthy.route_generation == generation + 1
    assert phase_of(healthy) is Phase.DEGRADED
    assert healthy.status.rejected is not None
    assert healthy.status.rejected.revision == new
    assert healthy.condition("RolledBack").status == "True"
    healthy.pass_time(6)
    assert healthy.workloads[new].replicas == 0
    assert healthy.workloads[old].replicas == 4
    healthy.pass_time(3600)
    assert healthy.status.candidate is None


def test_hold_stops_the_time_of_the_step(healthy: Simulator) -> None:
    new = roll_out(healthy, analysis=ANALYSIS)
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(30)
    healthy.verdict = Verdict.HOLD
    healthy.pass_time(500)
    assert healthy.split[new] == 10
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(29)
    assert healthy.split[new] == 10
    healthy.pass_time(1)
    assert healthy.split[new] == 50


def test_a_hold_outlives_a_restart_of_the_operator_which_has_no_verdict_yet(healthy: Simulator) -> None:
    new = roll_out(healthy, analysis=ANALYSIS)
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(30)
    healthy.verdict = Verdict.HOLD
    healthy.pass_time(100)
    healthy.verdict = None
    healthy.pass_time(100)
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(29)
    assert healthy.split[new] == 10
    healthy.pass_time(1)
    assert healthy.split[new] == 50


def test_a_step_needs_enough_ticks_and_samples(healthy: Simulator) -> None:
    new = roll_out(healthy, analysis=ANALYSIS)
    healthy.verdict, healthy.ticks = Verdict.CONTINUE, 2
    healthy.pass_time(600)
    assert healthy.split[new] == 10
    healthy.ticks, healthy.samples = 3, 49
    healthy.pass_time(600)
    assert healthy.split[new] == 10
    healthy.samples = 50
    healthy.settle()
    assert healthy.split[new] == 50


def test_only_a_pass_promotes(healthy: Simulator) -> None:
    new = roll_out(healthy, analysis=ANALYSIS)
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(600)
    assert healthy.split[new] == 50
    healthy.verdict = Verdict.PASS
    healthy.settle()
    assert healthy.status.stable == new


@pytest.mark.parametrize(
    ("choice", "phase"),
    [("Pause", Phase.PAUSED), ("Rollback", Phase.DEGRADED), ("Promote", Phase.HEALTHY)],
)
def test_without_a_decision_max_duration_does_what_the_user_said(healthy: Simulator, choice: str, phase: Phase) -> None:
    roll_out(healthy, analysis={**ANALYSIS, "maxDuration": "10m", "onInconclusive": choice})
    healthy.verdict = Verdict.HOLD
    healthy.pass_time(601)
    assert phase_of(healthy) is phase


@pytest.mark.parametrize(
    ("estimate", "action", "phase"),
    [
        (0.01, "Rollback", Phase.HEALTHY),
        (0.03, "Rollback", Phase.PAUSED),
        (None, "Rollback", Phase.PAUSED),
        (0.03, "Warn", Phase.HEALTHY),
    ],
)
def test_at_max_duration_only_estimates_within_the_limits_promote(
    healthy: Simulator, estimate: float | None, action: str, phase: Phase
) -> None:
    roll_out(healthy, analysis={**ANALYSIS, "maxDuration": "10m"})
    healthy.metrics = (
        MetricStatus(
            name="error-rate",
            verdict=Verdict.CONTINUE,
            reason="Undecided",
            message="",
            action=action,
            limit=0.02,
            estimate=estimate,
        ),
    )
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(601)
    assert phase_of(healthy) is phase


def test_at_max_duration_nothing_is_promoted_before_the_last_step_or_by_too_few_samples(healthy: Simulator) -> None:
    new = roll_out(healthy, analysis={**ANALYSIS, "maxDuration": "10m"})
    healthy.verdict, healthy.ticks = Verdict.CONTINUE, 2
    healthy.pass_time(601)
    assert (phase_of(healthy), healthy.split[new]) == (Phase.PAUSED, 10)
    healthy.ticks = 3
    healthy.ask("resume")
    healthy.pass_time(1)
    assert healthy.split[new] == 50
    healthy.samples = 49
    healthy.pass_time(600)
    assert (phase_of(healthy), healthy.split[new]) == (Phase.PAUSED, 50)
    healthy.samples = 50
    healthy.ask("resume")
    healthy.pass_time(601)
    assert healthy.status.stable == new


def test_whoever_resumes_after_max_duration_grants_it_once_more(healthy: Simulator) -> None:
    roll_out(healthy, analysis={**ANALYSIS, "maxDuration": "10m"})
    healthy.verdict = Verdict.HOLD
    healthy.pass_time(601)
    healthy.ask("resume")
    healthy.settle()
    assert phase_of(healthy) is Phase.PROGRESSING
    healthy.pass_time(500)
    assert phase_of(healthy) is Phase.PROGRESSING
    healthy.pass_time(200)
    assert phase_of(healthy) is Phase.PAUSED


def test_it_is_granted_however_long_nobody_came_to_resume(healthy: Simulator) -> None:
    roll_out(healthy, analysis={**ANALYSIS, "maxDuration": "10m"})
    healthy.verdict = Verdict.HOLD
    healthy.pass_time(601)
    assert phase_of(healthy) is Phase.PAUSED
    healthy.pass_time(12 * 3600)
    healthy.ask("resume")
    healthy.settle()
    healthy.pass_time(590)
    assert phase_of(healthy) is Phase.PROGRESSING
    healthy.pass_time(20)
    assert phase_of(healthy) is Phase.PAUSED


def test_a_persons_pause_longer_than_max_duration_uses_nothing_of_it_up(healthy: Simulator) -> None:
    roll_out(healthy, analysis={**ANALYSIS, "maxDuration": "10m"})
    healthy.verdict = Verdict.HOLD
    healthy.pass_time(300)
    healthy.ask("pause")
    healthy.settle()
    healthy.pass_time(3600)
    healthy.ask("resume")
    healthy.settle()
    assert phase_of(healthy) is Phase.PROGRESSING
    healthy.pass_time(290)
    assert phase_of(healthy) is Phase.PROGRESSING
    healthy.pass_time(20)
    assert phase_of(healthy) is Phase.PAUSED
