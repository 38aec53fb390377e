"""What people ask for by RolloutActions."""

from rollout.simulator import Simulator, phase_of, roll_out
from serin.api.status import Phase


def test_abort_rolls_back_and_says_who_and_why(healthy: Simulator) -> None:
    roll_out(healthy)
    healthy.ask("abort", reason="looks wrong")
    healthy.settle()
    assert phase_of(healthy) is Phase.DEGRADED
    assert healthy.status.rejected is not None
    assert healthy.status.rejected.message == "aborted by alice: looks wrong"
    assert healthy.reports["ask-1"].startswith("Done")


def test_retry_rolls_the_rejected_revision_out_again(healthy: Simulator) -> None:
    new = roll_out(healthy)
    healthy.ask("abort")
    healthy.settle()
    healthy.ask("retry", revision=new)
    healthy.settle()
    assert healthy.status.candidate == new
    assert healthy.split[new] == 10


def test_promote_skips_the_steps_but_not_the_capacity(healthy: Simulator) -> None:
    new = roll_out(healthy)
    healthy.ask("promote")
    healthy.settle()
    assert healthy.status.stable == new
    assert healthy.workloads[new].replicas == 4


def test_the_same_wish_twice_does_not_skip_two_steps(healthy: Simulator) -> None:
    steps = [{"weight": 10}, {"pause": {}}, {"weight": 50}, {"pause": {}}]
    new = roll_out(healthy, strategy={"canary": {"steps": steps}})
    assert healthy.status.step is not None
    healthy.ask("resume", step=2)
    healthy.ask("resume", step=2)
    healthy.settle()
    assert healthy.split[new] == 50
    assert healthy.reports["ask-1"].startswith("Done")
    assert "meant for step 2" in healthy.reports["ask-2"]


def test_a_wish_for_another_revision_is_refused_with_the_reason(healthy: Simulator) -> None:
    roll_out(healthy)
    healthy.ask("promote", revision="other")
    healthy.settle()
    assert "was meant for revision other" in healthy.reports["ask-1"]
    assert healthy.status.candidate is not None


def test_what_was_carried_out_but_not_yet_reported_is_not_done_twice(healthy: Simulator) -> None:
    steps = [{"weight": 10}, {"pause": {}}, {"weight": 50}, {"pause": {}}]
    new = roll_out(healthy, strategy={"canary": {"steps": steps}})
    healthy.reporting = False
    healthy.ask("resume")
    for _ in range(20):
        healthy.step()
    assert healthy.split[new] == 50
    assert phase_of(healthy) is Phase.PAUSED
    healthy.reporting = True
    healthy.settle()
    assert healthy.reports == {"ask-1": "Done: the pause step is over"}
    assert healthy.split[new] == 50


def test_what_was_carried_out_is_recorded_before_it_is_reported(healthy: Simulator) -> None:
    roll_out(healthy)
    healthy.ask("pause")
    decided = healthy.step()
    assert decided.status.actions[0].by == "alice"
    assert decided.status.paused is not None
