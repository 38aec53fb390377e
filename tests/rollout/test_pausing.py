"""Pauses, by the steps, by the spec and by people."""

from rollout.simulator import ANALYSIS, Simulator, manifest, phase_of, roll_out
from serin.api.status import Phase, Verdict


def test_pause_step_waits_for_somebody_to_resume(healthy: Simulator) -> None:
    steps = [{"weight": 10}, {"pause": {}}, {"weight": 50}]
    new = roll_out(healthy, strategy={"canary": {"steps": steps}})
    healthy.pass_time(3600)
    assert phase_of(healthy) is Phase.PAUSED
    assert healthy.split[new] == 10
    healthy.ask("resume")
    healthy.settle()
    assert healthy.status.stable == new


def test_timed_pause_ends_by_itself(healthy: Simulator) -> None:
    steps = [{"weight": 10}, {"pause": {"duration": "5m"}}, {"weight": 50, "hold": "1m"}]
    new = roll_out(healthy, strategy={"canary": {"steps": steps}})
    healthy.pass_time(299)
    assert healthy.split[new] == 10
    healthy.pass_time(1)
    assert healthy.split[new] == 50


def test_a_pause_does_not_use_up_max_duration(healthy: Simulator) -> None:
    steps = [{"weight": 10, "hold": "1m"}, {"pause": {"duration": "1h"}}, {"weight": 50}]
    new = roll_out(healthy, strategy={"canary": {"steps": steps}}, analysis={**ANALYSIS, "maxDuration": "10m"})
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(3661)
    assert healthy.status.paused is None
    assert healthy.split[new] == 50
    healthy.pass_time(541)
    assert healthy.status.stable == new


def test_paused_in_the_spec_stops_the_time_of_the_step(healthy: Simulator) -> None:
    new = roll_out(healthy)
    healthy.pass_time(30)
    healthy.apply(manifest("2.0.0", paused=True))
    healthy.pass_time(7200)
    assert phase_of(healthy) is Phase.PAUSED
    assert healthy.split[new] == 10
    healthy.apply(manifest("2.0.0", paused=False))
    healthy.pass_time(29)
    assert healthy.split[new] == 10
    healthy.pass_time(1)
    assert healthy.split[new] == 50


def test_a_failing_candidate_is_rolled_back_even_while_paused(healthy: Simulator) -> None:
    roll_out(healthy, analysis=ANALYSIS)
    healthy.ask("pause")
    healthy.settle()
    healthy.verdict = Verdict.FAIL
    healthy.settle()
    assert phase_of(healthy) is Phase.DEGRADED
