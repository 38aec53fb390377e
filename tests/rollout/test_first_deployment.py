"""The first version of all: no stable to be compared with."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from rollout.simulator import Simulator, manifest, phase_of
from serin.api.names import FINALIZER
from serin.api.status import Outcome, Phase


def test_becomes_healthy_without_analysis(healthy: Simulator) -> None:
    assert phase_of(healthy) is Phase.HEALTHY
    assert healthy.split == {healthy.status.stable: 100}
    assert healthy.status.history[0].outcome is Outcome.DEPLOYED
    assert healthy.condition("Ready").status == "True"


def test_takes_the_finalizer_before_anything_is_made() -> None:
    world = Simulator()
    world.step()
    assert world.finalizers == (FINALIZER,)
    assert not world.workloads


def test_gets_no_route_before_its_pods_are_ready() -> None:
    world = Simulator(broken_images={"example/fraud:1.0.0"})
    world.settle()
    assert world.workloads
    assert world.route is None
    assert phase_of(world) is Phase.PENDING
    assert "0 of 4 pods" in world.status.message


def test_looks_at_pods_that_do_not_become_ready_before_a_short_deadline_is_over() -> None:
    world = Simulator(manifest(progressDeadline="8s"), broken_images={"example/fraud:1.0.0"})
    world.settle()
    assert world.last is not None
    assert world.last.wake_at == world.now + timedelta(seconds=5)


def test_is_degraded_when_nothing_moves_for_the_progress_deadline_and_recovers() -> None:
    world = Simulator(broken_images={"example/fraud:1.0.0"})
    world.settle()
    world.pass_time(301)
    assert phase_of(world) is Phase.DEGRADED
    assert world.condition("Stalled").reason == "ProgressDeadlineExceeded"
    world.broken_images.clear()
    for revision, workload in world.workloads.items():
        world.workloads[revision] = workload.__class__(workload.uid, 4, 4, settled=True)
    world.settle()
    assert phase_of(world) is Phase.HEALTHY


@pytest.mark.parametrize("without", [{}, {"traffic": None, "strategy": None}], ids=["a route", "the Service alone"])
def test_is_not_healthy_before_requests_can_reach_it(without: dict[str, Any]) -> None:
    world = Simulator(manifest(**without))
    while phase_of(world) is not Phase.HEALTHY:
        before = deepcopy((world.user_service, world.route))
        world.step()
    user_service, route = before
    assert user_service is not None
    assert without or (route is not None and route["status"]["parents"])
