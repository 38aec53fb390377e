"""`capacity: Rebalance`: traffic moves together with its pods, and nobody ever lacks any for what it has."""

from dataclasses import replace
from typing import Any

import pytest

from rollout.simulator import ANALYSIS, NO_ROOM, Simulator, manifest, phase_of, roll_out
from serin.api.status import Outcome, Phase, Role, Verdict
from serin.rollout import plan
from serin.scaling.capacity import pods_for

STEPS = [{"weight": 25, "hold": "1m"}, {"weight": 75, "hold": "1m"}]


def strategy(surge: int | None = None, steps: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A strategy that rebalances."""
    limit = {} if surge is None else {"maxSurgeReplicas": surge}
    return {"capacity": "Rebalance", "canary": {"steps": steps or STEPS}, **limit}


class Watched(Simulator):
    """Looks after each plan at what must hold at every moment."""

    surge: int = 1
    largest: int = 0

    def step(self) -> Any:
        before = self.status
        self.run_pods()
        ready = {name: item.ready for name, item in self.workloads.items()}
        decided = super().step()
        self.largest = max(self.largest, sum(self.pods.values()))
        for entry in decided.status.revisions:
            had = next((each.weight for each in before.revisions if each.revision == entry.revision), None) or 0
            alive = ready.get(decided.status.candidate or "", 0) > 0
            if entry.weight and entry.weight > had and before.stable is not None and alive:
                needed = pods_for(self.spec["replicas"], entry.weight)
                assert ready.get(entry.revision, 0) >= needed, f"{entry.weight} % of the traffic, {ready} pods"
        return decided


def rebalancing(surge: int | None = 1, **changes: Any) -> Watched:
    """Version 1.0.0 has all the traffic, and pods take a while."""
    world = Watched(spec=manifest(strategy=strategy(surge), **changes), pod_seconds=20)
    world.settle()
    world.pass_time(30)
    return world


def test_stable_gives_pods_up_after_the_split_was_accepted_and_requests_have_drained() -> None:
    world = rebalancing(surge=None)
    old = world.stable
    new = roll_out(world, strategy=strategy(steps=[{"weight": 50, "hold": "1m"}]))
    world.pass_time(19)
    assert world.weights == [0]
    world.pass_time(1)
    assert world.split == {old: 50, new: 50}
    assert world.pods == {old: 4, new: 2}
    world.pass_time(4)
    assert world.pods == {old: 4, new: 2}
    world.pass_time(1)
    assert world.pods == {old: 2, new: 2}
    assert world.status.capacity is not None
    assert world.status.capacity.rebalanced


def test_with_one_pod_of_surge_it_arrives_in_moves_and_never_has_more() -> None:
    world = rebalancing()
    old = world.stable
    new = roll_out(world, strategy=strategy(1))
    world.pass_time(600)
    assert world.weights == [0, 25, 50, 75, 100]
    assert world.status.stable == new
    assert world.pods == {new: 4}
    assert world.largest == 5
    assert world.entry(old).role is Role.RETIRED
    assert world.status.capacity is None


def test_a_rollback_restores_stable_before_the_traffic_returns_in_the_same_moves_backwards() -> None:
    world = rebalancing(analysis=ANALYSIS)
    old = world.stable
    new = roll_out(world, strategy=strategy(1), analysis=ANALYSIS)
    while world.status.weight != 75:
        world.verdict = Verdict.PASS
        world.pass_time(5)
    world.verdict = None
    world.pass_time(10)
    assert world.pods == {old: 1, new: 3}
    world.verdict = Verdict.FAIL
    world.settle()
    assert phase_of(world) is Phase.ROLLING_BACK
    assert world.split == {old: 25, new: 75}
    assert world.pods == {old: 2, new: 3}
    world.pass_time(300)
    assert world.weights == [0, 25, 50, 75, 50, 25, 0]
    assert world.split == {old: 100}
    assert world.pods == {old: 4}
    assert world.largest == 5
    assert phase_of(world) is Phase.DEGRADED
    assert world.status.history[0].outcome is Outcome.ROLLED_BACK


def test_without_a_limit_all_of_the_traffic_returns_in_one_move() -> None:
    world = rebalancing(surge=None)
    old = world.stable
    new = roll_out(world, strategy=strategy())
    world.pass_time(110)
    assert world.split == {old: 25, new: 75}
    assert world.pods == {old: 1, new: 3}
    world.ask("abort")
    world.settle()
    assert world.pods == {old: 4, new: 3}
    world.pass_time(19)
    assert world.split == {old: 25, new: 75}
    world.pass_time(1)
    assert world.split == {old: 100, new: 0}
    assert world.pods == {old: 4, new: 3}
    world.pass_time(6)
    assert world.pods == {old: 4}


def test_a_candidate_without_any_pod_that_answers_gives_its_traffic_up_at_once() -> None:
    world = rebalancing(surge=None)
    old = world.stable
    new = roll_out(world, strategy=strategy())
    world.pass_time(110)
    world.broken_images |= {new}
    world.accept_routes = False
    world.ask("abort")
    world.settle()
    assert world.split == {old: 100, new: 0}
    assert world.pods[old] == 4


def test_a_candidate_whose_size_was_just_changed_is_not_one_without_pods() -> None:
    world = rebalancing(surge=None)
    old = world.stable
    new = roll_out(world, strategy=strategy())
    world.pass_time(110)
    world.ask("abort")
    world.workloads[new] = replace(world.workloads[new], settled=False)
    decided = plan(world.world())
    assert {entry.revision: entry.weight for entry in decided.status.revisions} == {old: 25, new: 75}


def test_a_new_revision_in_the_middle_waits_until_the_one_before_has_given_its_traffic_back() -> None:
    world = rebalancing()
    old = world.stable
    second = roll_out(world, strategy=strategy(1))
    world.pass_time(100)
    assert world.split[second] >= 50
    world.apply(manifest("3.0.0", strategy=strategy(1)))
    assert world.status.candidate == second
    assert phase_of(world) is Phase.ROLLING_BACK
    world.pass_time(600)
    assert world.status.history[1].outcome is Outcome.REPLACED
    assert world.status.history[1].revision == second
    assert world.status.version == "3.0.0"
    assert world.status.stable not in {old, second}
    assert world.largest == 5


def test_going_back_to_stable_in_the_middle_restores_it_first() -> None:
    world = rebalancing()
    old = world.stable
    roll_out(world, strategy=strategy(1))
    world.pass_time(100)
    world.apply(manifest("1.0.0", strategy=strategy(1)))
    assert phase_of(world) is Phase.ROLLING_BACK
    world.pass_time(300)
    assert phase_of(world) is Phase.HEALTHY
    assert world.split == {old: 100}
    assert world.pods == {old: 4}
    assert world.status.history[0].outcome is Outcome.WITHDRAWN
    assert world.largest == 5


def test_scaling_4_8_4_in_the_middle_keeps_both_right() -> None:
    world = rebalancing(surge=None)
    old = world.stable
    steps = [{"weight": 50, "hold": "10m"}]
    new = roll_out(world, strategy=strategy(steps=steps))
    world.pass_time(60)
    assert world.pods == {old: 2, new: 2}
    world.apply(manifest("2.0.0", strategy=strategy(steps=steps), replicas=8))
    assert world.pods == {old: 4, new: 4}
    world.apply(manifest("2.0.0", strategy=strategy(steps=steps), replicas=4))
    world.pass_time(10)
    assert world.pods == {old: 2, new: 2}
    world.apply(manifest("1.0.0", strategy=strategy(steps=steps), replicas=8))
    world.pass_time(60)
    assert world.pods == {old: 8}


def test_who_goes_back_to_surge_in_the_middle_gets_the_traffic_back_when_stable_is_whole() -> None:
    world = rebalancing(surge=None)
    old = world.stable
    new = roll_out(world, strategy=strategy())
    world.pass_time(110)
    assert world.pods == {old: 1, new: 3}
    world.apply(manifest("2.0.0", strategy={"canary": {"steps": STEPS}}))
    assert world.pods == {old: 4, new: 3}
    world.ask("abort")
    world.settle()
    assert world.split == {old: 25, new: 75}
    world.pass_time(20)
    assert world.split == {old: 100, new: 0}
    assert world.status.capacity is None


def test_who_rebalances_keeps_no_version_warm() -> None:
    world = rebalancing()
    world.spec = manifest()
    world.pod_seconds = 0.0
    old = world.stable
    new = roll_out(world)
    world.pass_time(130)
    assert world.entry(old).role is Role.PREVIOUS
    world.apply(manifest("2.0.0", strategy=strategy(1)))
    world.pass_time(6)
    assert world.pods == {new: 4}


def test_a_watch_says_that_stable_has_given_its_pods_up() -> None:
    analysis = {**ANALYSIS, "watch": "5m"}
    world = rebalancing(analysis=analysis)
    world.verdict = Verdict.PASS
    old = world.stable
    new = roll_out(world, strategy=strategy(1), analysis=analysis)
    world.pass_time(300)
    assert world.split == {old: 0, new: 100}
    assert world.pods == {old: 1, new: 4}
    assert "stable has given its pods up" in next(n.message for n in world.notices if n.reason == "Watching")


def test_stable_that_finds_no_room_for_its_pods_is_told_and_the_traffic_waits_where_there_are_some() -> None:
    world = rebalancing()
    old = world.stable
    new = roll_out(world, strategy=strategy(1, [{"weight": 50, "hold": "10m"}]))
    world.pass_time(100)
    assert world.pods == {old: 2, new: 2}
    world.gpus = 0
    world.ask("abort")
    world.pass_time(60)
    assert world.split[old] == 50
    assert NO_ROOM in world.status.message
    world.pass_time(400)
    assert world.condition("Stalled").reason == "ProgressDeadlineExceeded"
    assert NO_ROOM in world.condition("Stalled").message
    world.gpus = 5
    world.pass_time(300)
    assert world.split == {old: 100}
    assert new not in world.pods


@pytest.mark.parametrize("seconds", [21, 26, 33, 47, 60, 75, 92])
def test_another_serin_goes_on_wherever_it_finds_it(seconds: int) -> None:
    world = rebalancing()
    new = roll_out(world, strategy=strategy(1))
    world.pass_time(seconds)
    world.restart()
    world.pass_time(600)
    assert world.status.stable == new
    assert world.weights == [0, 25, 50, 75, 100]
    assert world.largest == 5


def test_a_status_that_was_lost_in_the_middle_is_found_again_without_a_loss_of_pods() -> None:
    world = rebalancing()
    new = roll_out(world, strategy=strategy(1))
    world.pass_time(100)
    world.lose_status()
    world.pass_time(900)
    assert world.status.stable == new
    assert world.pods == {new: 4}
    assert world.largest == 5
