"""When the status is written: decisions at once, the rest when it lasts; and what a restarted Serin makes of that."""

from datetime import timedelta

import pytest

from rollout.simulator import ANALYSIS, START, Simulator, manifest, phase_of, roll_out
from serin.api.status import Phase, Verdict

STEPS = {"canary": {"steps": [{"weight": weight, "hold": "30s"} for weight in (20, 50, 80)]}}


def until_step(world: Simulator, index: int) -> None:
    """Until the gateway has accepted the weight of a step, which nobody has written down yet."""
    for _ in range(1000):
        step = world.status.step
        if step is not None and step.index == index and step.since is not None:
            return
        world.pass_time(1)
    raise AssertionError(f"step {index} never began")


def test_a_rollout_of_three_steps_writes_its_status_seven_times(healthy: Simulator) -> None:
    healthy.spec = manifest("1.0.0", replicas=1)
    healthy.settle()
    healthy.pass_time(600)
    before = healthy.writes
    roll_out(healthy, replicas=1, strategy=STEPS)
    healthy.pass_time(120)
    assert phase_of(healthy) is Phase.HEALTHY
    healthy.pass_time(3600)
    # Begun, 20, 50, 80, 100 %, promoted, and the old version let go.
    assert healthy.writes - before == 7


def test_what_is_known_beyond_the_last_decision_is_told_when_it_lasts(healthy: Simulator) -> None:
    roll_out(healthy, strategy={"canary": {"steps": [{"weight": 20, "hold": "10m"}]}})
    assert healthy.status.step is not None
    assert healthy.status.step.since == START
    assert healthy.told.step is not None
    assert healthy.told.step.since is None
    healthy.pass_time(59)
    assert healthy.told.step.since is None
    healthy.pass_time(1)
    assert healthy.told == healthy.status


@pytest.mark.parametrize("seconds", [0, 7, 29])
def test_a_restart_finds_on_the_route_when_the_step_began(healthy: Simulator, seconds: int) -> None:
    new = roll_out(healthy, strategy=STEPS)
    until_step(healthy, 1)
    began = healthy.now
    healthy.pass_time(seconds)
    healthy.now += timedelta(seconds=20)
    healthy.restart()
    healthy.settle()
    while healthy.split[new] == 20:
        healthy.pass_time(1)
    real = (healthy.now - began).total_seconds()
    assert 30 <= real <= max(32, seconds + 20)


def test_a_restart_that_comes_after_the_end_of_a_step_goes_on_at_once(healthy: Simulator) -> None:
    new = roll_out(healthy, strategy=STEPS)
    until_step(healthy, 1)
    healthy.now += timedelta(seconds=40)
    healthy.restart()
    decided = healthy.step()
    # Nothing is done, and nothing is written before the minute of what can be found again: no event brings a plan.
    assert (decided.actions, decided.tell_by) == ((), healthy.now + timedelta(minutes=1))
    assert decided.wake_at == healthy.now
    healthy.step()
    healthy.settle()
    assert healthy.split[new] == 50


def test_a_restart_without_a_time_on_the_route_begins_the_step_anew_and_writes_that_down(healthy: Simulator) -> None:
    roll_out(healthy, strategy=STEPS)
    until_step(healthy, 1)
    assert healthy.route is not None
    del healthy.route["metadata"]["managedFields"]
    healthy.now += timedelta(seconds=20)
    healthy.restart()
    healthy.settle()
    assert healthy.status.step is not None
    assert healthy.status.step.since == healthy.now
    assert healthy.told == healthy.status


def test_a_restart_does_not_date_a_later_step_back_to_an_earlier_write_of_the_route(healthy: Simulator) -> None:
    """Two steps of one weight: the route is accepted long before the second begins."""
    steps = [{"weight": 20, "hold": "30s"}, {"weight": 20, "hold": "30s"}, {"weight": 50, "hold": "30s"}]
    new = roll_out(healthy, strategy={"canary": {"steps": steps}})
    healthy.pass_time(20)
    healthy.restart()
    healthy.settle()
    healthy.pass_time(25)
    assert healthy.status.step is not None
    assert healthy.status.step.index == 2
    healthy.restart()
    healthy.settle()
    healthy.pass_time(12)
    assert healthy.split[new] == 20
    healthy.pass_time(8)
    assert healthy.split[new] == 50


def test_counts_that_change_at_each_look_are_told_with_the_next_decision(healthy: Simulator) -> None:
    healthy.verdict = Verdict.CONTINUE
    roll_out(healthy, strategy=STEPS, analysis=ANALYSIS)
    before = healthy.writes
    for samples in range(100, 1000, 100):
        healthy.samples = samples
        healthy.pass_time(3)
    assert healthy.writes == before
    assert healthy.status.analysis is not None
    healthy.pass_time(4)
    assert healthy.told.weight == 50
    assert healthy.told.analysis is not None


def test_a_hold_is_told_at_once(healthy: Simulator) -> None:
    roll_out(healthy, strategy=STEPS, analysis=ANALYSIS)
    before = healthy.writes
    healthy.verdict = Verdict.HOLD
    healthy.settle()
    assert healthy.writes == before + 1
    assert healthy.told.step is not None
    assert healthy.told.step.held_since == healthy.now


def test_a_wait_that_lasts_is_told_after_a_moment(healthy: Simulator) -> None:
    healthy.broken_images.add("example/fraud:2.0.0")
    roll_out(healthy)
    assert "0 of 1 pods" in healthy.told.message
    healthy.broken_images.clear()
    healthy.accept_routes = False
    healthy.workloads = {
        name: it.__class__(**{**vars(it), "ready": it.replicas}) for name, it in healthy.workloads.items()
    }
    healthy.settle()
    assert healthy.told.message == "version 2.0.0 gets 10 % of the traffic"
    healthy.pass_time(2)
    assert "waiting for Gateway" in healthy.told.message


def test_short_steps_are_told_in_the_log_and_long_ones_by_events(healthy: Simulator) -> None:
    roll_out(healthy, strategy={"canary": {"steps": [{"weight": 20, "hold": "30s"}, {"weight": 50, "hold": "5m"}]}})
    healthy.pass_time(600)
    told = [(notice.reason, notice.message) for notice in healthy.notices if notice.event]
    assert [message for reason, message in told if reason == "WeightChanged"] == [
        "version 2.0.0 gets 50 % of the traffic"
    ]
    assert [reason for reason, _ in told][-3:] == ["RolloutStarted", "WeightChanged", "Promoted"]


def test_the_first_version_is_ready_once_it_is_routed_to_and_is_told_in_three_writes() -> None:
    world = Simulator(accept_routes=False)
    world.settle()
    assert world.status.stable is not None
    assert world.condition("Ready").status == "False"
    world.accept()
    world.settle()
    assert world.condition("Ready").status == "True"
    world.pass_time(3600)
    # Begun, Ready to be routed to, routed to.
    assert world.writes == 3


def test_traffic_is_shifted_all_the_time_while_a_version_without_any_joins_the_route(healthy: Simulator) -> None:
    healthy.broken_images.add("example/fraud:2.0.0")
    healthy.accept_routes = False
    new = roll_out(healthy)
    healthy.pass_time(5)
    assert healthy.split[new] == 0
    shifted = next(each for each in healthy.told.conditions if each.type == "TrafficShifted")
    assert (shifted.status, shifted.reason) == ("True", "Accepted")
