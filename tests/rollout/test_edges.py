"""What a changed port and a history of nothing mean."""

from typing import Any

import pytest

from rollout.simulator import OWNER, Simulator, manifest, phase_of, roll_out
from serin.api.status import Phase
from serin.rollout.actions import Apply, Patch


def test_another_port_moves_the_user_facing_service_alone(healthy: Simulator) -> None:
    route, split = healthy.route, healthy.split
    healthy.actions.clear()
    healthy.apply(manifest(service={"port": 81, "targetPort": 8080}))
    assert [action.target.name for action in healthy.actions if isinstance(action, Patch)] == [OWNER.name]
    assert healthy.user_service is not None
    assert [port["port"] for port in healthy.user_service["spec"]["ports"]] == [81]
    assert (healthy.route, healthy.split) == (route, split)


def test_the_user_facing_service_is_never_applied_for_that_would_keep_the_old_port(healthy: Simulator) -> None:
    roll_out(healthy, service={"port": 81, "targetPort": 9090})
    healthy.pass_time(200)
    assert not [
        action for action in healthy.actions if isinstance(action, Apply) and action.object["kind"] == "Service"
    ]
    assert healthy.user_service is not None
    assert healthy.user_service["spec"]["ports"] == [
        {"name": "http", "protocol": "TCP", "port": 81, "targetPort": 9090}
    ]


def test_without_a_history_the_version_that_was_turned_away_is_remembered_when_the_status_is_lost() -> None:
    world = Simulator(spec=manifest(revisionHistoryLimit=0))
    world.settle()
    new = roll_out(world, revisionHistoryLimit=0)
    world.ask("abort")
    world.pass_time(60)
    assert set(world.records) == {world.stable, new}
    world.status = world.status.__class__()
    world.settle()
    assert world.status.rejected is not None
    assert (world.status.rejected.revision, world.status.candidate) == (new, None)


def test_without_a_history_a_version_that_is_over_leaves_nothing() -> None:
    world = Simulator(spec=manifest(revisionHistoryLimit=0))
    world.settle()
    roll_out(world, revisionHistoryLimit=0)
    world.pass_time(1000)
    assert set(world.records) == set(world.workloads) == set(world.services) == {world.stable}


@pytest.mark.parametrize("more", [{}, {"sectionName": "http"}, {"namespace": "edge"}])
@pytest.mark.parametrize("hostnames", [[], ["a.example"]])
def test_what_the_spec_names_no_more_leaves_the_route(more: dict[str, str], hostnames: list[str]) -> None:
    gateway = {"name": "gateway"}
    world = Simulator(spec=manifest(traffic={"gatewayAPI": {"parentRefs": [gateway | more], "hostnames": hostnames}}))
    world.settle()
    world.apply(manifest(traffic={"gatewayAPI": {"parentRefs": [gateway]}}))
    assert world.route is not None
    assert world.route["spec"]["hostnames"] == []
    assert not world.route["spec"]["parentRefs"][0].keys() & more.keys()


def test_without_traffic_paused_in_the_spec_keeps_a_new_version_back() -> None:
    alone: dict[str, Any] = {"traffic": None, "strategy": None}
    world = Simulator(spec=manifest(**alone))
    world.settle()
    old = world.stable
    roll_out(world, paused=True, **alone)
    world.pass_time(600)
    assert (phase_of(world), world.stable) == (Phase.PAUSED, old)
    world.apply(manifest("2.0.0", **alone))
    assert (phase_of(world), world.status.version) == (Phase.HEALTHY, "2.0.0")


def test_a_pause_of_a_promotion_is_refused_for_nothing_would_stop(healthy: Simulator) -> None:
    healthy.accept_routes = False
    roll_out(healthy)
    healthy.ask("promote")
    healthy.settle()
    assert phase_of(healthy) is Phase.PROMOTING
    healthy.ask("pause")
    healthy.settle()
    assert healthy.reports["ask-2"].startswith("Refused: the promotion is under way")
    assert healthy.status.paused is None
