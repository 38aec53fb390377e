"""What was lost comes back; what is old goes."""

from rollout.simulator import Simulator, manifest, roll_out
from serin.rollout.actions import Delete


def test_lost_status_is_rebuilt_from_records_and_route(healthy: Simulator) -> None:
    old = healthy.stable
    new = roll_out(healthy)
    healthy.pass_time(70)
    assert healthy.split[new] == 50
    healthy.lose_status()
    healthy.settle()
    assert (healthy.status.stable, healthy.status.candidate) == (old, new)
    assert healthy.split == {old: 50, new: 50}
    healthy.pass_time(60)
    assert healthy.status.stable == new


def test_rejection_survives_a_lost_status(healthy: Simulator) -> None:
    new = roll_out(healthy)
    healthy.ask("abort")
    healthy.settle()
    healthy.lose_status()
    healthy.settle()
    assert healthy.status.rejected is not None
    assert healthy.status.rejected.revision == new
    assert healthy.status.candidate is None


def test_children_deleted_by_hand_come_back(healthy: Simulator) -> None:
    stable = healthy.status.stable
    healthy.workloads.clear()
    healthy.services.clear()
    healthy.user_service = None
    healthy.route = None
    healthy.settle()
    assert stable in healthy.workloads
    assert stable in healthy.services
    assert healthy.user_service is not None
    assert healthy.split == {stable: 100}


def test_old_revisions_go_beyond_the_history_limit() -> None:
    short = {"keepWarm": "0s", "drain": "1s"}
    world = Simulator(spec=manifest(rollback=short, revisionHistoryLimit=1))
    world.settle()
    for version in ("2.0.0", "3.0.0", "4.0.0"):
        world.apply(manifest(version, rollback=short, revisionHistoryLimit=1))
        world.pass_time(130)
    assert len(world.records) == 2
    assert len(world.workloads) == 2
    assert len(world.status.revisions) == 2
    assert any(isinstance(action, Delete) for action in world.actions)


def test_plan_asks_for_nothing_when_nothing_is_to_be_done(healthy: Simulator) -> None:
    before = healthy.status
    decided = healthy.step()
    assert decided.actions == ()
    assert decided.notices == ()
    assert decided.status == before


def test_a_label_that_somebody_adds_to_the_selector_of_the_user_facing_service_goes_again(healthy: Simulator) -> None:
    assert healthy.user_service is not None
    wanted = dict(healthy.user_service["spec"]["selector"])
    healthy.user_service["spec"]["selector"]["app"] = "nobody"
    healthy.settle()
    assert healthy.user_service["spec"]["selector"] == wanted
