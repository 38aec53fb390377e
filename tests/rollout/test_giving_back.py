"""Deletion, and routes that are given back."""

from rollout.simulator import OWNER, Simulator, manifest, service_of


def test_lets_go_at_once_when_serin_made_the_route(healthy: Simulator) -> None:
    healthy.deleting = True
    healthy.settle()
    assert healthy.gone


def test_gives_a_route_of_the_users_own_back_and_drains_first() -> None:
    own = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": "mine",
            "namespace": OWNER.namespace,
            "uid": "u",
            "resourceVersion": "1",
            "generation": 1,
        },
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "rules": [{"backendRefs": [{"name": "legacy", "port": 80}]}],
        },
    }
    world = Simulator(
        spec=manifest(traffic={"gatewayAPI": {"httpRoute": {"name": "mine", "backend": "legacy"}}}), route=own
    )
    world.accept()
    world.settle()
    assert set(world.split) == {world.status.stable}
    world.deleting = True
    world.settle()
    assert world.route is not None
    assert world.route["spec"] == own["spec"]
    assert not world.gone
    world.pass_time(6)
    assert world.gone
    assert [notice.reason for notice in world.notices].count("RouteGivenBack") == 1


def test_somebody_elses_route_to_a_revision_is_left_alone_and_not_talked_about(healthy: Simulator) -> None:
    backend = {"name": service_of(healthy.stable), "port": 80}
    rival = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "rival", "generation": 1},
        "spec": {"rules": [{"backendRefs": [backend]}]},
    }
    healthy.other_routes = [rival]
    said = len(healthy.notices)
    healthy.settle()
    assert len(healthy.notices) == said
    assert healthy.step().actions == ()


def test_a_route_that_the_spec_names_no_more_is_given_back() -> None:
    own = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "mine", "namespace": OWNER.namespace, "resourceVersion": "1", "generation": 1},
        "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": [{"name": "legacy", "port": 80}]}]},
    }
    world = Simulator(
        spec=manifest(traffic={"gatewayAPI": {"httpRoute": {"name": "mine", "backend": "legacy"}}}), route=own
    )
    world.accept()
    world.settle()
    assert world.route is not None
    world.other_routes, world.route = [world.route], None
    world.apply(manifest())
    assert world.other_routes[0]["spec"]["rules"] == own["spec"]["rules"]  # type: ignore[index]
    assert world.split == {world.status.stable: 100}
