"""An autoscaler of the user's on /scale: it follows stable, and finds a version that is promoted as large as it is."""

import pytest

from rollout.simulator import Simulator, manifest, roll_out
from serin.rollout.actions import WriteScale

STEPS = {"canary": {"steps": [{"weight": 50, "hold": "5m"}, {"weight": 80, "hold": "5m"}]}}


@pytest.fixture
def autoscaled(healthy: Simulator) -> Simulator:
    """Its replicas were last written by an autoscaler, through /scale."""
    healthy.autoscaled = True
    healthy.settle()
    return healthy


def hpa_sets(world: Simulator, replicas: int) -> None:
    """The autoscaler writes /scale."""
    world.autoscaled = True
    world.apply({**world.spec, "replicas": replicas})


def handed_over(world: Simulator) -> list[int]:
    """What Serin has written to /scale."""
    return [action.replicas for action in world.actions if isinstance(action, WriteScale)]


def test_at_rest_stable_has_what_the_autoscaler_asks_for(autoscaled: Simulator) -> None:
    for replicas in (7, 3):
        hpa_sets(autoscaled, replicas)
        assert autoscaled.pods == {autoscaled.stable: replicas}
    assert autoscaled.status.capacity is None
    assert handed_over(autoscaled) == []


def test_stable_is_not_starved_by_an_autoscaler_that_sees_its_load_leave(autoscaled: Simulator) -> None:
    old = autoscaled.stable
    new = roll_out(autoscaled, strategy=STEPS)
    autoscaled.pass_time(120)
    hpa_sets(autoscaled, 2)
    assert autoscaled.pods == {old: 4, new: 2}
    autoscaled.pass_time(180)
    assert autoscaled.split == {old: 20, new: 80}
    hpa_sets(autoscaled, 1)
    assert autoscaled.pods == {old: 4, new: 4}


def test_the_promoted_version_keeps_its_pods_and_the_autoscaler_goes_on_from_them(autoscaled: Simulator) -> None:
    roll_out(autoscaled, strategy=STEPS)
    autoscaled.pass_time(120)
    hpa_sets(autoscaled, 2)
    autoscaled.pass_time(480)
    assert handed_over(autoscaled) == [4]
    assert autoscaled.spec["replicas"] == 4
    assert autoscaled.status.capacity is None
    assert autoscaled.workloads[autoscaled.stable].replicas == 4
    hpa_sets(autoscaled, 3)
    assert autoscaled.workloads[autoscaled.stable].replicas == 3
    assert handed_over(autoscaled) == [4]


def test_after_a_rollback_too(autoscaled: Simulator) -> None:
    old = autoscaled.stable
    roll_out(autoscaled, strategy=STEPS)
    autoscaled.pass_time(120)
    hpa_sets(autoscaled, 2)
    autoscaled.ask("abort")
    autoscaled.settle()
    assert handed_over(autoscaled) == [4]
    assert autoscaled.workloads[old].replicas == 4


def test_what_it_left_standing_from_a_larger_share_is_not_taken_for_a_larger_load(autoscaled: Simulator) -> None:
    old = autoscaled.stable
    new = roll_out(autoscaled, strategy=STEPS)
    autoscaled.pass_time(299)
    assert autoscaled.pods == {old: 4, new: 2}
    autoscaled.pass_time(200)
    assert autoscaled.pods == {old: 4, new: 4}
    assert autoscaled.spec["replicas"] == 4


def test_what_it_raises_at_a_weight_is_what_stables_share_needs(autoscaled: Simulator) -> None:
    old = autoscaled.stable
    new = roll_out(autoscaled, strategy=STEPS)
    autoscaled.pass_time(100)
    hpa_sets(autoscaled, 2)
    autoscaled.pass_time(20)
    hpa_sets(autoscaled, 3)
    assert autoscaled.pods == {old: 6, new: 3}


def test_in_the_first_minute_of_a_step_it_still_sees_the_weight_before(autoscaled: Simulator) -> None:
    old = autoscaled.stable
    new = roll_out(autoscaled, strategy=STEPS)
    autoscaled.pass_time(30)
    hpa_sets(autoscaled, 5)
    assert autoscaled.pods == {old: 5, new: 3}


def test_beyond_80_percent_stable_says_too_little_of_the_whole(autoscaled: Simulator) -> None:
    old = autoscaled.stable
    new = roll_out(autoscaled, strategy={"canary": {"steps": [{"weight": 90, "hold": "10m"}]}})
    autoscaled.pass_time(90)
    hpa_sets(autoscaled, 1)
    hpa_sets(autoscaled, 2)
    assert autoscaled.pods == {old: 4, new: 4}


def test_an_autoscaler_that_comes_down_to_the_default_is_not_taken_for_nobody(autoscaled: Simulator) -> None:
    old = autoscaled.stable
    new = roll_out(autoscaled, strategy=STEPS)
    autoscaled.pass_time(350)
    assert autoscaled.split == {old: 20, new: 80}
    autoscaled.autoscaled = None
    autoscaled.apply({**autoscaled.spec, "replicas": 1})
    assert autoscaled.pods == {old: 4, new: 4}
    autoscaled.pass_time(600)
    assert handed_over(autoscaled) == [4]


def test_where_nobody_says_anything_nobody_is_told_anything() -> None:
    world = Simulator(manifest(replicas=None, strategy=STEPS), autoscaled=None)
    world.settle()
    world.apply(manifest("2.0.0", replicas=None, strategy=STEPS))
    world.pass_time(100)
    assert world.status.capacity is None
    world.pass_time(600)
    assert world.workloads[world.stable].replicas == 1
    assert handed_over(world) == []


def test_an_autoscaler_that_begins_in_the_middle_is_taken_to_speak_of_stables_share() -> None:
    world = Simulator(manifest(replicas=None, strategy=STEPS), autoscaled=None)
    world.settle()
    old = world.stable
    world.apply(manifest("2.0.0", replicas=None, strategy=STEPS))
    new = world.status.candidate
    world.pass_time(100)
    hpa_sets(world, 2)
    assert world.pods == {old: 4, new: 2}


def test_a_person_who_scales_in_the_middle_is_heard_at_once(autoscaled: Simulator) -> None:
    old = autoscaled.stable
    new = roll_out(autoscaled, strategy=STEPS)
    autoscaled.pass_time(100)
    for replicas in (8, 4):
        autoscaled.autoscaled = False
        autoscaled.apply({**autoscaled.spec, "replicas": replicas})
        assert autoscaled.pods == {old: replicas, new: replicas // 2}
    autoscaled.pass_time(600)
    assert handed_over(autoscaled) == []


def test_a_restart_before_it_was_handed_over_forgets_nothing(autoscaled: Simulator) -> None:
    roll_out(autoscaled, strategy=STEPS)
    autoscaled.pass_time(120)
    hpa_sets(autoscaled, 2)
    while autoscaled.status.candidate is not None:
        autoscaled.restart()
        autoscaled.pass_time(7)
        autoscaled.restart()
    assert handed_over(autoscaled) == [4]


def test_another_rollout_at_once_begins_with_the_pods_of_the_one_before(autoscaled: Simulator) -> None:
    roll_out(autoscaled, strategy=STEPS)
    autoscaled.pass_time(120)
    hpa_sets(autoscaled, 2)
    autoscaled.apply({**manifest("3.0.0", strategy=STEPS), "replicas": 2})
    assert autoscaled.workloads[autoscaled.stable].replicas == 4


def test_together_with_rebalance_stable_has_its_share_of_the_whole(autoscaled: Simulator) -> None:
    old = autoscaled.stable
    new = roll_out(autoscaled, strategy={**STEPS, "capacity": "Rebalance"})
    autoscaled.pass_time(100)
    hpa_sets(autoscaled, 2)
    assert autoscaled.pods == {old: 2, new: 2}
    hpa_sets(autoscaled, 3)
    assert autoscaled.pods == {old: 3, new: 3}
    autoscaled.ask("abort")
    autoscaled.settle()
    autoscaled.pass_time(10)
    assert autoscaled.pods == {old: 6}
    assert handed_over(autoscaled) == [6]
