"""A candidate gets its traffic step by step, and what happens when the spec changes on the way."""

from datetime import timedelta

import pytest

from rollout.simulator import ANALYSIS, Simulator, manifest, phase_of, roll_out, service_of
from serin.api.status import Outcome, Phase, Role
from serin.rollout.actions import Patch


def test_passes_every_step_in_order_and_is_promoted_without_a_restart(healthy: Simulator) -> None:
    old = healthy.stable
    new = roll_out(healthy)
    made = healthy.workloads[new].uid
    assert healthy.split == {old: 90, new: 10}
    healthy.pass_time(59)
    assert healthy.split[new] == 10
    healthy.pass_time(1)
    assert healthy.split[new] == 50
    healthy.pass_time(60)
    assert healthy.status.stable == new
    assert healthy.split == {old: 0, new: 100}
    assert healthy.workloads[new].uid == made
    assert healthy.weights == [0, 10, 50, 100]
    assert healthy.status.history[0].outcome is Outcome.PROMOTED
    patches = [a for a in healthy.actions if isinstance(a, Patch) and a.target.name == service_of(new)]
    assert [patch.operations[-1]["path"] for patch in patches] == ["/spec/replicas"] * 2


def test_candidate_has_its_pods_before_its_weight(healthy: Simulator) -> None:
    new = roll_out(healthy)
    assert healthy.entry(new).replicas == 1
    healthy.pass_time(60)
    assert healthy.entry(new).replicas == 2
    assert healthy.split[new] == 50


def test_joins_the_route_at_weight_0_before_it_gets_traffic(healthy: Simulator) -> None:
    healthy.apply(manifest("2.0.0"))
    assert healthy.weights[:2] == [0, 10]


def test_its_time_does_not_run_before_the_route_is_accepted(healthy: Simulator) -> None:
    healthy.accept_routes = False
    new = roll_out(healthy)
    healthy.pass_time(200)
    assert healthy.status.step is not None
    assert healthy.status.step.since is None
    healthy.accept_routes = True
    healthy.accept()
    healthy.settle()
    assert healthy.split[new] == 10
    began = healthy.now
    assert healthy.status.step.since == began
    healthy.pass_time(59)
    assert healthy.split[new] == 10


def test_previous_version_stays_warm_and_goes_after_keep_warm(healthy: Simulator) -> None:
    old = healthy.stable
    roll_out(healthy)
    healthy.pass_time(120)
    assert healthy.entry(old).role is Role.PREVIOUS
    assert healthy.workloads[old].replicas == 4
    healthy.pass_time(601)
    assert healthy.entry(old).role is Role.RETIRED
    assert healthy.workloads[old].replicas == 0
    assert old not in healthy.split


def test_going_back_to_the_warm_version_takes_one_route_write(healthy: Simulator) -> None:
    old = healthy.stable
    new = roll_out(healthy)
    healthy.pass_time(130)
    generation = healthy.route_generation
    healthy.apply(manifest("1.0.0"))
    assert healthy.status.stable == old
    assert healthy.split == {old: 100, new: 0}
    assert healthy.route_generation == generation + 1
    assert healthy.status.history[0].outcome is Outcome.RESTORED
    assert healthy.now - healthy.status.history[0].started_at == timedelta(0)


def test_new_revision_in_the_middle_starts_from_the_first_step(healthy: Simulator) -> None:
    old = healthy.stable
    second = roll_out(healthy)
    healthy.pass_time(60)
    assert healthy.split[second] == 50
    third = roll_out(healthy, "3.0.0")
    assert healthy.split == {old: 90, second: 0, third: 10}
    assert healthy.workloads[old].replicas == 4
    healthy.pass_time(6)
    assert healthy.workloads[second].replicas == 0
    assert healthy.status.history[0].outcome is Outcome.REPLACED


def test_going_back_to_stable_in_the_middle_ends_the_rollout_at_once(healthy: Simulator) -> None:
    old = healthy.stable
    new = roll_out(healthy)
    healthy.apply(manifest("1.0.0"))
    assert healthy.status.candidate is None
    assert phase_of(healthy) is Phase.HEALTHY
    assert healthy.split == {old: 100, new: 0}
    assert healthy.status.history[0].outcome is Outcome.WITHDRAWN
    assert healthy.status.rejected is None


@pytest.mark.parametrize(
    "change",
    [{"replicas": 5}, {"progressDeadline": "7m"}, {"rollback": {"keepWarm": "1m"}}, {"analysis": ANALYSIS}, {}],
    ids=lambda change: next(iter(change), "same manifest"),
)
def test_what_is_no_part_of_a_revision_starts_nothing(healthy: Simulator, change: dict[str, object]) -> None:
    healthy.apply(manifest("1.0.0", **change))
    assert healthy.status.candidate is None
    assert len(healthy.workloads) == 1


def test_scaling_in_the_middle_keeps_both_right(healthy: Simulator) -> None:
    old = healthy.stable
    new = roll_out(healthy)
    healthy.pass_time(60)
    healthy.apply(manifest("2.0.0", replicas=8))
    assert (healthy.workloads[old].replicas, healthy.workloads[new].replicas) == (8, 4)
    healthy.apply(manifest("2.0.0", replicas=4))
    assert (healthy.workloads[old].replicas, healthy.workloads[new].replicas) == (4, 2)


def test_editing_the_steps_never_raises_the_weight_by_itself(healthy: Simulator) -> None:
    new = roll_out(healthy)
    steps = [{"weight": 40, "hold": "1m"}, {"weight": 80, "hold": "1m"}]
    healthy.spec = manifest("2.0.0", strategy={"canary": {"steps": steps}})
    healthy.step()
    assert healthy.status.step is not None
    assert healthy.status.step.index == 0
    assert healthy.split[new] == 10


def test_edited_steps_are_entered_at_the_highest_weight_not_above(healthy: Simulator) -> None:
    new = roll_out(healthy)
    healthy.pass_time(60)
    steps = [{"weight": 5}, {"weight": 30, "hold": "1m"}, {"weight": 90, "hold": "1m"}]
    healthy.apply(manifest("2.0.0", strategy={"canary": {"steps": steps}}))
    assert healthy.split[new] == 30


def test_ramp_rises_in_eight_pieces(healthy: Simulator) -> None:
    ramp = {"from": 2, "to": 50, "over": "8m", "curve": "Exponential"}
    roll_out(healthy, strategy={"canary": {"steps": [{"ramp": ramp}]}})
    healthy.pass_time(8 * 60)
    assert healthy.weights == [0, 2, 3, 5, 8, 13, 20, 32, 50, 100]


def test_without_traffic_a_new_version_takes_over_when_it_is_ready() -> None:
    world = Simulator(spec=manifest(traffic=None, strategy=None))
    world.settle()
    old = world.stable
    world.apply(manifest("2.0.0", traffic=None, strategy=None))
    assert world.status.stable != old
    assert world.user_service is not None
    assert world.user_service["spec"]["selector"]["serin.dev/revision"] == world.status.stable
    assert world.route is None
