"""Replicas that follow metrics (`spec.autoscaling`): each version its own, and capacity for the weight that comes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rollout.simulator import ANALYSIS, NO_ROOM, Simulator, advice_of, manifest, phase_of
from serin.api.autoscaling_status import DemandBy
from serin.api.status import Phase, Role, Verdict
from serin.rollout.actions import Patch

LIMITS = {"minReplicas": 2, "maxReplicas": 20}
STEPS = {"canary": {"steps": [{"weight": 10, "hold": "5m"}, {"weight": 50, "hold": "5m"}]}}
RUNNING = {
    "type": "Prometheus",
    "prometheus": {"metric": "running-requests", "target": {"type": "AverageValue", "averageValue": "10"}},
}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}


def autoscaled(version: str = "1.0.0", *, strategy: dict[str, Any] = STEPS, **changes: Any) -> dict[str, Any]:
    """A spec whose replicas follow metrics."""
    return manifest(
        version, replicas=None, autoscaling={**LIMITS, **changes.pop("limits", {})}, strategy=strategy, **changes
    )


def following(**changes: Any) -> Simulator:
    """Version 1.0.0 has all the traffic, and the autoscaler says that it needs four pods."""
    world = Simulator(autoscaled(**changes))
    world.settle()
    world.advise(world.stable, 4)
    return world


def rolled_out(world: Simulator, version: str = "2.0.0", **changes: Any) -> str:
    """Apply another version."""
    world.apply(autoscaled(version, **changes))
    assert world.status.candidate is not None
    return world.status.candidate


def test_the_first_version_begins_with_the_fewest_pods() -> None:
    world = Simulator(autoscaled())
    world.settle()
    assert world.pods == {world.stable: 2}


def test_stable_has_what_is_recommended_and_is_told_as_the_autoscaler_of_kubernetes_tells_it() -> None:
    world = following()
    assert world.pods == {world.stable: 4}
    told = [(notice.reason, notice.message) for notice in world.notices if notice.reason == "SuccessfulRescale"]
    assert told == [
        ("SuccessfulRescale", "New size: 4; reason: cpu resource utilization (percentage of request) above target")
    ]
    entry = world.status.autoscaling[0]
    assert (entry.revision, entry.desired, entry.source) == (world.stable, 4, "metrics.k8s.io")
    assert {each.type: each.reason for each in entry.conditions}["AbleToScale"] == "SucceededRescale"
    assert entry.history.last_scale == world.now


def test_a_switch_from_replicas_keeps_the_pods_until_metrics_say_otherwise(healthy: Simulator) -> None:
    healthy.apply(autoscaled())
    assert healthy.pods == {healthy.stable: 4}
    healthy.advise(healthy.stable, 3)
    assert healthy.pods == {healthy.stable: 3}
    healthy.apply(manifest(replicas=5))
    assert healthy.pods == {healthy.stable: 5}
    assert healthy.status.capacity is None
    assert healthy.status.autoscaling == ()


def test_limits_hold_before_the_next_pass() -> None:
    world = following()
    world.apply(autoscaled(limits={"minReplicas": 6}))
    assert world.pods == {world.stable: 6}
    world.apply(autoscaled(limits={"maxReplicas": 3}))
    assert world.pods == {world.stable: 3}


def test_a_candidate_has_the_pods_of_the_next_weight_before_it() -> None:
    world = following()
    old = world.stable
    world.advise(old, 10)
    new = rolled_out(world)
    assert world.pods == {old: 10, new: 1}
    world.pass_time(300)
    assert world.split[new] == 50
    assert world.pods == {old: 10, new: 5}
    entry = next(entry for entry in world.status.autoscaling if entry.revision == old)
    assert entry.demand is not None
    assert (entry.demand.weight, entry.demand.replicas) == (100, 10)


def test_a_candidate_has_what_its_own_metrics_say_if_that_is_more() -> None:
    world = following()
    new = rolled_out(world)
    world.advise(new, 3)
    assert world.workloads[new].replicas == 3
    world.pass_time(300)
    assert world.workloads[new].replicas == 3
    world.advise(new, 1)
    assert world.workloads[new].replicas == 2
    entry = next(entry for entry in world.status.autoscaling if entry.revision == new)
    assert entry.demand is not None
    assert (entry.demand.weight, entry.demand.replicas, entry.demand.by) == (50, 2, DemandBy.RATIO)
    assert entry.history.last_scale is not None


def test_when_stable_needs_more_so_does_the_candidate_for_its_share_also_in_a_pause() -> None:
    world = following()
    old = world.stable
    new = rolled_out(world)
    world.pass_time(300)
    world.advise(old, 8)
    assert world.pods == {old: 8, new: 4}
    world.apply(autoscaled("2.0.0", paused=True))
    world.advise(old, 12)
    assert phase_of(world) is Phase.PAUSED
    assert world.pods == {old: 12, new: 6}


def test_no_version_is_without_pods_while_one_is_judged() -> None:
    queue = {
        "type": "External",
        "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "10"}},
    }
    limits = {"minReplicas": 0, "metrics": [queue]}
    world = Simulator(autoscaled(limits=limits))
    world.settle()
    old = world.stable
    world.advise(old, 0)
    assert world.pods == {}
    new = rolled_out(world, limits=limits)
    world.advise(old, 0)
    assert world.pods == {old: 1, new: 1}


def test_an_aborted_candidate_never_grows() -> None:
    world = following()
    new = rolled_out(world)
    world.accept_routes = False
    world.ask("abort")
    world.settle()
    assert phase_of(world) is Phase.ROLLING_BACK
    world.advise(new, 9)
    assert world.workloads[new].replicas == 1
    assert [entry.revision for entry in world.status.autoscaling] == [world.stable]


def test_the_version_kept_warm_follows_stables_present_demand() -> None:
    world = following()
    old = world.stable
    new = rolled_out(world)
    world.pass_time(610)
    assert world.stable == new
    assert world.entry(old).role is Role.PREVIOUS
    world.advise(new, 7)
    assert world.pods == {old: 7, new: 7}
    world.advise(old, 1)
    assert world.pods == {old: 7, new: 7}


def test_a_promoted_version_goes_on_with_the_history_of_the_one_before() -> None:
    world = following()
    old = world.stable
    new = rolled_out(world)
    world.pass_time(200)
    world.advise(old, 5)
    world.advise(new, 1)
    history = next(entry for entry in world.status.autoscaling if entry.revision == old).history
    world.pass_time(420)
    assert world.stable == new
    (entry,) = world.status.autoscaling
    assert (entry.revision, entry.desired, entry.history) == (new, 5, history)
    assert world.workloads[new].replicas == 5


def test_with_all_the_traffic_the_candidates_own_metrics_say_what_the_whole_needs() -> None:
    watch: dict[str, Any] = {"analysis": {**ANALYSIS, "watch": "5m"}}
    world = following(**watch)
    world.verdict = Verdict.PASS
    new = rolled_out(world, **watch)
    world.pass_time(610)
    assert world.split[new] == 100
    world.advise(new, 9)
    world.pass_time(400)
    assert world.stable == new
    assert world.workloads[new].replicas == 9


def test_by_littles_law_the_requests_under_way_say_what_the_next_weight_needs() -> None:
    limits = {"metrics": [RUNNING]}
    world = following(limits=limits)
    old = world.stable
    # 70 requests under way need 10 pods of 7 each: the target 10, by 0.7.
    world.advise(old, 8, concurrency=70.0)
    new = rolled_out(world, limits=limits)
    assert world.pods == {old: 8, new: 1}
    # The candidate is slower: 14 instead of 7 at 10 %, so 70 at 50 %.
    world.pass_time(200)
    world.advise(new, 2, concurrency=14.0)
    world.pass_time(120)
    assert world.split[new] == 50
    assert world.pods == {old: 8, new: 10}
    entry = next(entry for entry in world.status.autoscaling if entry.revision == new)
    assert entry.demand is not None
    assert (entry.demand.weight, entry.demand.replicas, entry.demand.by) == (50, 10, DemandBy.LITTLES_LAW)


def test_what_was_made_ready_for_a_weight_stays_until_the_weight_is_measured() -> None:
    limits = {"metrics": [RUNNING]}
    world = following(limits=limits)
    world.advise(world.stable, 8, concurrency=210.0)
    new = rolled_out(world, limits=limits)
    assert world.split[new] == 10
    assert world.pods[new] == 3
    world.pass_time(50)
    world.advise(new, 1, concurrency=3.0)
    assert world.pods[new] == 3, "35 seconds of them are too few to know"
    world.pass_time(40)
    # For 45 of the two minutes it had no traffic: 8.75 on average are 14 now, and two pods; but it is not all measured.
    world.advise(new, 1, concurrency=8.75)
    assert world.pods[new] == 3
    world.pass_time(50)
    world.advise(new, 1, concurrency=14.0)
    assert world.pods[new] == 2


def test_requests_that_were_measured_over_two_weights_are_those_of_their_mean() -> None:
    limits = {"metrics": [RUNNING]}
    steps = {"canary": {"steps": [{"weight": 20, "hold": "70s"}, {"weight": 50, "hold": "80s"}]}}
    world = following(limits=limits, strategy=steps)
    world.advise(world.stable, 5, concurrency=35.0)
    new = rolled_out(world, limits=limits, strategy=steps)
    world.pass_time(70)
    assert world.split[new] == 50
    assert world.pods[new] == 3
    world.pass_time(70)
    # 55 s at 50 % of the 70 that this version needs for all (the last 15 s are not measured yet), and 65 s at 20 %.
    world.advise(new, 3, concurrency=70 * (55 * 50 + 65 * 20) / 120 / 100)
    assert demanded(world, new) == (50, 5, DemandBy.LITTLES_LAW)
    world.pass_time(12)
    assert world.stable == new
    assert world.workloads[new].replicas == 10


def test_how_long_a_weight_was_there_is_not_guessed() -> None:
    limits = {"metrics": [RUNNING]}
    steps = {"canary": {"steps": [{"weight": 20}, {"weight": 50, "hold": "5m"}]}}
    world = following(limits=limits, strategy=steps)
    world.advise(world.stable, 5, concurrency=35.0)
    new = rolled_out(world, limits=limits, strategy=steps)
    assert world.split[new] == 50
    world.pass_time(70)
    world.advise(new, 3, concurrency=21.0)
    assert world.pods[new] == 3, "with 20 % for the other 80 seconds it would be 5"
    world.pass_time(80)
    world.advise(new, 3, concurrency=35.0)
    assert demanded(world, new) == (50, 5, DemandBy.LITTLES_LAW)


def demanded(world: Simulator, revision: str) -> tuple[int, int, DemandBy]:
    """The weight that a version is prepared for, its pods for that, and what they are computed from."""
    entry = next(entry for entry in world.status.autoscaling if entry.revision == revision)
    assert entry.demand is not None
    return entry.demand.weight, entry.demand.replicas, entry.demand.by


def test_a_slower_version_keeps_the_pods_it_has_when_it_is_promoted() -> None:
    limits = {"metrics": [RUNNING]}
    world = following(limits=limits)
    world.advise(world.stable, 5, concurrency=50.0)
    new = rolled_out(world, limits=limits)
    world.pass_time(470)
    assert world.split[new] == 50
    world.advise(new, 6, concurrency=50.0)
    world.pass_time(230)
    assert world.stable == new
    # 100 requests under way are 15 pods of 7 each; five were enough for the version before.
    assert world.workloads[new].replicas == 15
    assert world.status.autoscaling[0].desired == 15


def test_where_other_metrics_count_beside_the_requests_its_share_of_the_whole_is_the_least() -> None:
    limits = {"metrics": [RUNNING, CPU]}
    world = following(limits=limits)
    world.advise(world.stable, 10, concurrency=7.0)
    new = rolled_out(world, limits=limits)
    world.pass_time(310)
    assert world.split[new] == 50
    assert world.workloads[new].replicas == 5


def test_requests_that_are_not_known_leave_the_ratio() -> None:
    limits = {"metrics": [RUNNING]}
    world = following(limits=limits)
    new = rolled_out(world, limits=limits)
    world.pass_time(310)
    assert world.workloads[new].replicas == 2


def test_a_pass_that_says_the_same_writes_no_status() -> None:
    world = following()
    world.advise(world.stable, 4)
    world.pass_time(120)
    before = world.writes
    for _ in range(20):
        world.advise(world.stable, 4)
        world.pass_time(14)
    assert world.writes == before


def test_a_scale_is_told_before_it_is_done_and_when_its_pods_are_ready() -> None:
    world = following()
    world.pass_time(120)
    before = world.writes
    world.now += timedelta(seconds=1)
    world.advice[world.stable] = advice_of(world, world.stable, 5)
    decided = world.step()
    assert world.told.capacity is not None
    assert world.told.capacity.whole == 5
    assert [type(action) for action in decided.actions] == [Patch]
    world.pass_time(120)
    assert world.writes == before + 2


def test_after_a_restart_the_pods_stay_while_nothing_is_known_of_the_load() -> None:
    world = following()
    old = world.stable
    new = rolled_out(world)
    world.pass_time(400)
    world.advice.clear()
    world.restart()
    world.pass_time(10)
    assert world.pods == {old: 4, new: 2}


def test_a_lost_status_costs_no_pods() -> None:
    world = following()
    old = world.stable
    new = rolled_out(world)
    world.pass_time(400)
    world.advice.clear()
    world.lose_status()
    world.pass_time(10)
    assert world.pods == {old: 4, new: 2}


def test_metrics_that_cannot_be_read_are_a_condition_and_where_they_come_from_is_in_it() -> None:
    world = Simulator(autoscaled())
    world.settle()
    assert (world.condition("AutoscalingActive").status, world.condition("AutoscalingActive").reason) == (
        "Unknown",
        "NotYetComputed",
    )
    world.advise(world.stable, 4)
    assert world.condition("AutoscalingActive").reason == "ValidMetricFound"
    assert "metrics.k8s.io" in world.condition("AutoscalingActive").message
    world.advise(world.stable, 4, active=False)
    assert world.condition("AutoscalingActive").status == "False"
    assert world.condition("AutoscalingActive").reason == "FailedGetResourceMetric"


def test_a_candidate_without_metrics_yet_is_said_and_does_not_speak_for_stable() -> None:
    world = following()
    new = rolled_out(world)
    world.advise(new, 1, active=False)
    assert world.condition("AutoscalingActive").reason == "ValidMetricFound"
    assert new in world.condition("AutoscalingActive").message


def test_without_autoscaling_there_is_no_such_condition(healthy: Simulator) -> None:
    assert "AutoscalingActive" not in {condition.type for condition in healthy.status.conditions}


def test_a_shortage_of_gpus_is_told_in_the_schedulers_words_and_nothing_else_breaks() -> None:
    world = Simulator(autoscaled(), pod_seconds=5, gpus=6)
    world.settle()
    world.pass_time(30)
    old = world.stable
    world.advise(old, 4)
    world.pass_time(30)
    new = rolled_out(world)
    world.pass_time(330)
    assert world.split == {old: 50, new: 50}
    assert world.pods == {old: 4, new: 2}
    world.advise(old, 8)
    world.pass_time(400)
    # It cannot grow, but serves: nobody turns it away for that.
    assert world.status.candidate == new
    assert world.split == {old: 50, new: 50}
    assert NO_ROOM in world.status.message
    assert world.condition("Stalled").reason == "ProgressDeadlineExceeded"
    assert NO_ROOM in world.condition("Stalled").message
    assert NO_ROOM in world.condition("Available").message
    world.gpus = 40
    world.pass_time(600)
    assert world.stable == new
    assert world.condition("Ready").status == "True"


def test_so_is_a_quota_while_nothing_is_held_up_by_it() -> None:
    world = Simulator(autoscaled(), pod_seconds=30)
    world.pass_time(60)
    old = world.stable
    new = rolled_out(world)
    world.pass_time(60)
    world.advise(old, 4)
    quota = "pods cannot be made: exceeded quota: gpus, requested: nvidia.com/gpu=1"
    world.workloads[old] = replace(world.workloads[old], problem=quota)
    world.settle()
    assert f"2 of 4 pods of {old} are Ready: {quota}" in world.condition("Available").message
    assert world.split[new] == 10
    assert world.condition("Stalled").status == "False"


def test_at_rest_too_and_no_time_counts_in_which_pods_come() -> None:
    world = Simulator(autoscaled(), pod_seconds=200, gpus=3)
    world.settle()
    world.pass_time(210)
    world.advise(world.stable, 4)
    world.pass_time(250)
    assert NO_ROOM in world.status.message
    assert world.condition("Available").status == "True"
    # The third pod came after 200 seconds: from there on nothing moved.
    assert phase_of(world) is Phase.HEALTHY
    world.pass_time(260)
    assert phase_of(world) is Phase.DEGRADED
    assert world.condition("Available").status == "True"


@pytest.mark.parametrize("surge", [1, 2])
def test_under_rebalance_what_the_metrics_want_is_given_as_far_as_there_is_room(surge: int) -> None:
    strategy = {**STEPS, "capacity": "Rebalance", "maxSurgeReplicas": surge}
    world = following(strategy=strategy)
    old = world.stable
    new = rolled_out(world, strategy=strategy)
    world.pass_time(400)
    assert world.pods == {old: 2, new: 2}
    world.advise(new, 9)
    assert world.pods == {old: 2, new: 2 + surge}
    assert world.status.capacity is not None
    assert world.status.capacity.whole == 4
    world.advise(old, 8)
    world.pass_time(10)
    assert world.pods == {old: 4, new: 4 + surge}
