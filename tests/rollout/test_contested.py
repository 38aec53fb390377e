"""A writer that undoes what Serin wrote: put right at first, then named, and not fought."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from rollout.simulator import OWNER, Simulator, manifest, phase_of
from serin.api.status import ConditionStatus, Phase, Verdict
from serin.rollout.actions import Apply, Patch

SLOW: dict[str, Any] = {
    "strategy": {"canary": {"steps": [{"weight": 10, "hold": "10m"}, {"weight": 50, "hold": "1m"}]}}
}
ANALYSED: dict[str, Any] = {"analysis": {"interval": "10s", "metrics": [{"name": "error-rate", "threshold": "2%"}]}}


@pytest.fixture
def rolling(healthy: Simulator) -> Simulator:
    """A canary at 10 %, a minute into its step."""
    healthy.apply(manifest("2.0.0", **SLOW, **ANALYSED))
    healthy.pass_time(60)
    assert healthy.status.weight == 10
    return healthy


def revert(world: Simulator, writer: str = "argocd-controller") -> None:
    """Somebody gives stable all the traffic again."""
    assert world.route is not None
    route = deepcopy(world.route)
    for reference in route["spec"]["rules"][0]["backendRefs"]:
        reference["weight"] = 100 if reference["name"].endswith(world.stable) else 0
    world._take_route(route)
    route["metadata"]["managedFields"] = [
        {"manager": "serin", "operation": "Apply", "time": "2026-01-01T00:00:00Z"},
        {"manager": "kubectl-create", "operation": "Update", "time": "2026-01-01T00:00:00Z"},
        {"manager": "envoy", "operation": "Update", "subresource": "status", "time": "2030-01-01T00:00:00Z"},
        {"manager": writer, "operation": "Update", "time": f"{world.now:%Y-%m-%dT%H:%M:%SZ}"},
    ]


def fight(world: Simulator, seconds: int, every: int = 1) -> None:
    """Somebody reverts the route again and again, whatever it says."""
    for _ in range(0, seconds, every):
        if weight(world):
            revert(world)
        world.pass_time(every)


def weight(world: Simulator) -> int:
    """The candidate's weight in the route."""
    return world.split.get(world.status.candidate or "", 0)


def written(world: Simulator) -> int:
    """How often the route was written."""
    return sum(
        (isinstance(action, Patch) and action.target.kind == "HTTPRoute")
        or (isinstance(action, Apply) and action.object["kind"] == "HTTPRoute")
        for action in world.actions
    )


def test_one_or_two_reverts_are_put_right_at_once_and_told_to_nobody(rolling: Simulator) -> None:
    for _ in range(2):
        revert(rolling)
        rolling.settle()
        assert weight(rolling) == 10
    rolling.pass_time(2)
    assert rolling.condition("TrafficShifted").reason == "Pending"
    assert "argocd-controller" in rolling.status.message
    assert "RouteContested" not in {notice.reason for notice in rolling.notices}
    rolling.pass_time(8)
    assert rolling.condition("TrafficShifted").reason == "Accepted"


def test_after_a_revert_the_time_stands_still_until_the_route_stayed_so_for_a_while(rolling: Simulator) -> None:
    revert(rolling)
    rolling.settle()
    rolling.pass_time(9)
    assert rolling.status.step is not None
    assert rolling.status.step.held_reason == "RouteChanged"
    rolling.pass_time(1)
    assert rolling.status.step.held_reason is None
    assert rolling.status.step.held_seconds == 10


def test_a_writer_that_reverts_each_second_is_written_against_after_growing_pauses(rolling: Simulator) -> None:
    before = written(rolling)
    fight(rolling, 180)
    assert 6 <= written(rolling) - before <= 10, "2, 4, 8, 16, 32 and 60 seconds after one another"


def test_it_is_named_with_what_it_writes_and_what_to_do(rolling: Simulator) -> None:
    fight(rolling, 5)
    shifted = rolling.condition("TrafficShifted")
    assert (shifted.status, shifted.reason) == (ConditionStatus.FALSE, "Contested")
    for words in (
        "argocd-controller",
        f"fraud-{rolling.stable}=100",
        "since 00:01:03 UTC",
        "traffic.gatewayAPI.httpRoute",
    ):
        assert words in shifted.message
    assert rolling.status.message == shifted.message
    assert rolling.condition("Stalled").reason == "Contested"
    told = [notice for notice in rolling.notices if notice.reason == "RouteContested"]
    assert [(notice.type, notice.message) for notice in told] == [("Warning", shifted.message)]


def test_the_status_does_not_change_while_the_fight_lasts(rolling: Simulator) -> None:
    rolling.verdict = Verdict.CONTINUE
    writes = rolling.writes
    fight(rolling, 5)
    before = rolling.status
    for _ in range(40):
        fight(rolling, 3)
        assert rolling.status == before
    assert rolling.writes - writes <= 3


def test_weights_stay_and_no_deadline_passes_while_the_fight_lasts(rolling: Simulator) -> None:
    fight(rolling, 700, every=2)
    assert rolling.status.weight == 10
    assert phase_of(rolling) is Phase.PROGRESSING
    assert rolling.status.rejected is None


def test_a_rollback_is_written_at_once(rolling: Simulator) -> None:
    fight(rolling, 90)
    rolling.pass_time(60)
    assert weight(rolling) == 10
    assert rolling.route is not None
    reference = next(ref for ref in rolling.route["spec"]["rules"][0]["backendRefs"] if ref["weight"] == 10)
    revert(rolling)
    rolling.settle()
    assert weight(rolling) == 0, "its next write is a minute away"
    reference = next(ref for ref in rolling.route["spec"]["rules"][0]["backendRefs"] if ref["weight"] == 0)
    reference["weight"] = 50
    rolling._take_route(rolling.route)
    rolling.verdict = Verdict.FAIL
    rolling.settle()
    assert weight(rolling) == 0
    assert phase_of(rolling) is Phase.ROLLING_BACK
    rolling.verdict = None
    rolling.pass_time(120)
    assert phase_of(rolling) is Phase.DEGRADED


def test_when_the_fight_ends_it_goes_on_by_itself_and_tells_so(rolling: Simulator) -> None:
    fight(rolling, 60)
    rolling.verdict = Verdict.PASS
    rolling.pass_time(130)
    assert rolling.condition("TrafficShifted").status is ConditionStatus.TRUE
    assert rolling.condition("Stalled").status is ConditionStatus.FALSE
    assert [notice.reason for notice in rolling.notices if "ontest" in notice.reason] == [
        "RouteContested",
        "ContestOver",
    ]
    step = rolling.status.step
    assert step is not None
    assert step.since is not None
    assert step.until is not None
    held = timedelta(seconds=step.held_seconds)
    assert timedelta(seconds=60) <= held <= timedelta(seconds=190)
    assert step.until == step.since + timedelta(minutes=10) + held
    rolling.pass_time(1000)
    assert phase_of(rolling) is Phase.HEALTHY
    assert rolling.status.version == "2.0.0"


def test_a_writer_that_leaves_it_alone_for_a_while_each_time_does_not_make_the_status_flap(rolling: Simulator) -> None:
    changes = 0
    before = rolling.condition("TrafficShifted").status
    for _ in range(20):
        if weight(rolling):
            revert(rolling)
        for _ in range(12):
            rolling.pass_time(1)
            now = rolling.condition("TrafficShifted").status
            changes, before = changes + (now is not before), now
    assert changes <= 12


def test_a_writer_that_reverts_each_ten_minutes_is_put_right_each_time(rolling: Simulator) -> None:
    for _ in range(5):
        revert(rolling)
        rolling.settle()
        assert weight(rolling) == 10
        rolling.pass_time(120)
    assert "RouteContested" not in {notice.reason for notice in rolling.notices}


def test_a_route_that_somebody_deletes_again_and_again_is_contested_too(rolling: Simulator) -> None:
    for _ in range(10):
        rolling.route = None
        rolling.pass_time(1)
    assert rolling.condition("TrafficShifted").reason == "Contested"
    assert "by somebody (deleted)" in rolling.status.message
    rolling.pass_time(60)
    assert weight(rolling) == 10


def test_a_tool_that_applies_a_users_own_route_as_it_was_before_serin_is_named_too() -> None:
    backend = {"group": "", "kind": "Service", "name": "legacy", "port": 80, "weight": 1}
    own: dict[str, Any] = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "mine", "namespace": OWNER.namespace, "resourceVersion": "1", "generation": 1},
        "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": [backend]}]},
    }
    traffic = {"gatewayAPI": {"httpRoute": {"name": "mine", "backend": "legacy"}}}
    world = Simulator(manifest(traffic=traffic), route=deepcopy(own))
    world.accept()
    world.settle()
    assert set(world.split) == {world.stable}
    before = written(world)
    for _ in range(120):
        assert world.route is not None
        applied = {**deepcopy(own), "metadata": {**world.route["metadata"]}}
        world._take_route(applied)
        world.route["metadata"]["managedFields"] = [{"manager": "flux", "time": "2026-01-01T00:00:00Z"}]
        world.pass_time(1)
    assert world.condition("TrafficShifted").reason == "Contested"
    assert "flux (weights: legacy=1)" in world.status.message
    assert "ignoreDifferences" in world.status.message
    assert written(world) - before <= 3 * 9, "three writes lead to the split"
    world.pass_time(130)
    assert set(world.split) == {world.stable}
    assert world.condition("Ready").status is ConditionStatus.TRUE


def test_without_a_route_the_service_is_what_is_fought_for() -> None:
    world = Simulator(manifest(traffic=None, strategy=None))
    world.settle()
    for _ in range(10):
        assert world.user_service is not None
        world.user_service = deepcopy(world.user_service)
        world.user_service["spec"]["selector"] = {"app": "mine"}
        world.user_service["metadata"]["managedFields"] = [{"manager": "helm", "time": "2026-01-01T00:00:00Z"}]
        world.pass_time(1)
    assert world.condition("TrafficShifted").reason == "Contested"
    assert "the Service fraud" in world.status.message
    assert "helm (selector: app=mine)" in world.status.message
    world.pass_time(60)
    assert world.user_service is not None
    assert world.user_service["spec"]["selector"] != {"app": "mine"}
    assert world.condition("Ready").status is ConditionStatus.TRUE


def test_an_autoscaler_of_a_revision_is_named_and_blames_no_version(rolling: Simulator) -> None:
    rolling.apply(manifest("2.0.0", progressDeadline="1m", **SLOW, **ANALYSED))
    candidate = rolling.status.candidate
    assert candidate is not None
    patches = len(rolling.actions)
    for _ in range(100):
        seen = rolling.workloads[candidate]
        rolling.workloads[candidate] = type(seen)(seen.uid, 0, 0, settled=True, writer="keda (through scale)")
        rolling.pass_time(1)
    assert rolling.status.rejected is None
    assert f"the Deployment {OWNER.name}-{candidate}" in rolling.status.message
    assert "keda (through scale) (replicas: 0)" in rolling.status.message
    assert "Aim autoscalers at the ModelDeployment" in rolling.status.message
    assert len(rolling.actions) - patches <= 30, "each five seconds"
    rolling.pass_time(20)
    assert rolling.condition("Stalled").status is ConditionStatus.FALSE
    assert rolling.workloads[candidate].ready > 0


def test_weights_that_users_change_quickly_are_no_fight(healthy: Simulator) -> None:
    for replicas in (5, 4, 5, 4, 5, 4, 5, 4):
        healthy.apply(manifest(replicas=replicas))
        assert healthy.workloads[healthy.stable].replicas == replicas
    assert healthy.condition("Stalled").status is ConditionStatus.FALSE
