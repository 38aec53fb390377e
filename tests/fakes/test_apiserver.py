"""The fake API server behaves as the real one where operators rely on it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fakes.apiserver import FakeApiServer, Refusal
from fakes.apiserver.ownership import Ownership
from fakes.apiserver.patches import json_patch, merge_patch
from fakes.apiserver.selectors import matches
from fakes.apiserver.store import Object, Store
from fakes.waiting import until


def deployment(name: str = "web", **spec: Any) -> Object:
    containers = [{"name": "model", "image": "a", "env": [{"name": "X", "value": "1"}]}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ml"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": containers}}, **spec},
    }


def config_map(name: str, *, owner: Object | None = None, **metadata: Any) -> Object:
    item: Object = {"metadata": {"name": name, "namespace": "ml", **metadata}}
    if owner is not None:
        item["metadata"]["ownerReferences"] = [{"uid": owner["metadata"]["uid"], "name": "x", "kind": "X"}]
    return item


@pytest.fixture
def store() -> Store:
    return Store()


def test_every_change_has_a_version_of_its_own_and_no_change_has_none(store: Store) -> None:
    kind = store.kind("deployments")
    first = store.apply(kind, deployment(), manager="serin", force=True)
    again = store.apply(kind, deployment(), manager="serin", force=True)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    other = store.apply(kind, deployment("other"), manager="serin", force=True)
    assert int(other["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    assert len(store.happenings) == 2


def test_the_generation_counts_changes_of_the_spec_alone(store: Store) -> None:
    kind = store.kind("deployments")
    store.apply(kind, deployment(), manager="serin", force=True)
    labelled = deployment()
    labelled["metadata"]["labels"] = {"a": "b"}
    assert store.apply(kind, labelled, manager="serin", force=True)["metadata"]["generation"] == 1
    changed = store.apply(kind, deployment(replicas=3), manager="serin", force=True)
    assert changed["metadata"]["generation"] == 2
    changed["status"] = {"replicas": 3}
    written = store.update(kind, changed, manager="controller", status=True)
    assert (written["metadata"]["generation"], written["status"]) == (2, {"replicas": 3})


def test_a_write_of_the_status_leaves_the_spec_and_a_write_of_the_spec_the_status(store: Store) -> None:
    kind = store.kind("deployments")
    item = store.apply(kind, deployment(), manager="serin", force=True)
    item["spec"]["replicas"], item["status"] = 9, {"replicas": 2}
    item = store.update(kind, item, manager="controller", status=True)
    assert item["spec"]["replicas"] == 2
    item["spec"]["replicas"], item["status"] = 9, {}
    item = store.update(kind, item, manager="me", status=False)
    assert (item["spec"]["replicas"], item["status"]) == (9, {"replicas": 2})


def test_an_update_of_an_older_version_is_refused(store: Store) -> None:
    kind = store.kind("deployments")
    old = store.apply(kind, deployment(), manager="serin", force=True)
    store.apply(kind, deployment(replicas=3), manager="serin", force=True)
    with pytest.raises(Refusal, match="409 Conflict"):
        store.update(kind, old, manager="me", status=False)
    old["metadata"]["uid"] = "another"
    del old["metadata"]["resourceVersion"]
    with pytest.raises(Refusal, match="409 Conflict"):
        store.update(kind, old, manager="me", status=False)


def test_apply_removes_what_its_sole_owner_leaves_out_and_keeps_what_others_own(store: Store) -> None:
    kind = store.kind("deployments")
    store.apply(kind, deployment(paused=True), manager="serin", force=True)
    theirs = {"metadata": {"name": "web", "namespace": "ml"}, "spec": {"paused": True, "minReadySeconds": 5}}
    store.apply(kind, theirs, manager="other", force=False)
    item = deployment()
    del item["spec"]["replicas"]
    after = store.apply(kind, item, manager="serin", force=True)["spec"]
    assert "replicas" not in after
    assert (after["paused"], after["minReadySeconds"]) == (True, 5)


def test_apply_meets_conflicts_and_force_takes_the_field_over(store: Store) -> None:
    kind = store.kind("deployments")
    store.apply(kind, deployment(), manager="serin", force=True)
    scaled = {"metadata": {"name": "web", "namespace": "ml"}, "spec": {"replicas": 7}}
    with pytest.raises(Refusal, match=r'conflict with "serin": \.spec\.replicas'):
        store.apply(kind, scaled, manager="hpa", force=False)
    assert store.apply(kind, scaled, manager="hpa", force=True)["spec"]["replicas"] == 7
    item = deployment()
    del item["spec"]["replicas"]
    assert store.apply(kind, item, manager="serin", force=True)["spec"]["replicas"] == 7


def test_apply_merges_lists_by_their_keys_and_replaces_atomic_ones() -> None:
    owners = Ownership()
    live = owners.apply("serin", {}, deployment(args=["a"]), force=True)
    theirs = {"spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "s"}]}}}}
    live = owners.apply("other", live, theirs, force=False)
    live = owners.apply("serin", live, deployment(args=["b"]), force=True)
    containers = live["spec"]["template"]["spec"]["containers"]
    assert [container["name"] for container in containers] == ["model", "sidecar"]
    assert live["spec"]["args"] == ["b"]


def test_an_update_takes_over_what_it_changes() -> None:
    owners = Ownership()
    live = owners.apply("serin", {}, {"spec": {"a": 1, "b": 2}}, force=True)
    owners.record_update("kubectl", live, {"spec": {"a": 5, "b": 2}})
    assert owners.apply("serin", {"spec": {"a": 5, "b": 2}}, {"spec": {"b": 2}}, force=True) == {
        "spec": {"a": 5, "b": 2}
    }
    managers = {(entry["manager"], entry["operation"]) for entry in owners.managed_fields("v1")}
    assert managers == {("serin", "Apply"), ("kubectl", "Update")}


def test_a_finalizer_holds_an_object_until_it_is_taken_off(store: Store) -> None:
    kind = store.kind("configmaps")
    store.create(kind, config_map("a", finalizers=["serin.dev/finalizer"]), manager="me")
    marked = store.delete(kind, ("ml", "a"))
    assert marked["metadata"]["deletionTimestamp"]
    marked["metadata"]["finalizers"] = []
    store.update(kind, marked, manager="me", status=False)
    assert store.find(kind, ("ml", "a")) is None
    assert [happening.type for happening in store.happenings] == ["ADDED", "MODIFIED", "DELETED"]


def test_children_go_with_their_last_owner(store: Store) -> None:
    kind = store.kind("configmaps")
    owner = store.create(kind, config_map("owner"), manager="me")
    child = store.create(kind, config_map("child", owner=owner), manager="me")
    store.create(kind, config_map("grandchild", owner=child), manager="me")
    store.create(kind, config_map("free"), manager="me")
    store.delete(kind, ("ml", "owner"))
    assert [item["metadata"]["name"] for item in store.all(kind)] == ["free"]
    store.create(kind, config_map("late", owner=owner), manager="me")
    assert store.find(kind, ("ml", "late")) is None


def test_a_delete_of_a_namesake_is_refused(store: Store) -> None:
    kind = store.kind("configmaps")
    store.create(kind, config_map("a"), manager="me")
    with pytest.raises(Refusal, match="409 Conflict"):
        store.delete(kind, ("ml", "a"), uid="another")


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier!=back", True),
        ("app=web,tier=back", False),
        ("app in (web, api),tier", True),
        ("app notin (web)", False),
        ("!app", False),
        ("none", False),
        ("!none", True),
        ("serin.dev/model=fraud", True),
    ],
)
def test_selectors(selector: str, selected: bool) -> None:
    assert matches(selector, {"app": "web", "tier": "front", "serin.dev/model": "fraud"}) is selected


@pytest.mark.parametrize(
    ("operation", "after"),
    [
        ({"op": "add", "path": "/a/c", "value": 1}, {"a": {"b": [1, 2], "c": 1}}),
        ({"op": "add", "path": "/a/b/-", "value": 3}, {"a": {"b": [1, 2, 3]}}),
        ({"op": "add", "path": "/a/b/0", "value": 0}, {"a": {"b": [0, 1, 2]}}),
        ({"op": "replace", "path": "/a/b/1", "value": 9}, {"a": {"b": [1, 9]}}),
        ({"op": "remove", "path": "/a/b"}, {"a": {}}),
        ({"op": "test", "path": "/a/b/0", "value": 1}, {"a": {"b": [1, 2]}}),
        ({"op": "move", "from": "/a/b", "path": "/x~1y"}, {"a": {}, "x/y": [1, 2]}),
        ({"op": "copy", "from": "/a/b/0", "path": "/c"}, {"a": {"b": [1, 2]}, "c": 1}),
    ],
)
def test_json_patch(operation: Object, after: Object) -> None:
    assert json_patch({"a": {"b": [1, 2]}}, [operation]) == after


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "remove", "path": "/none"},
        {"op": "add", "path": "/none/x", "value": 1},
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused(operation: Object) -> None:
    with pytest.raises(Refusal, match="422 Invalid"):
        json_patch({"a": 1}, [operation])


def test_merge_patch() -> None:
    assert merge_patch({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None}, "d": [2], "e": {"f": None}}) == {
        "a": {"c": 2},
        "d": [2],
        "e": {},
    }


def run(test: Callable[[FakeApiServer], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with FakeApiServer() as server:
            await test(server)

    asyncio.run(whole())


def ready(server: FakeApiServer, name: str = "web") -> int:
    item = server.store.get(server.store.kind("deployments"), ("ml", name))
    count: int = item.get("status", {}).get("readyReplicas", 0)
    return count


def test_the_simulation_makes_pods_ready_also_after_scaling() -> None:
    async def test(server: FakeApiServer) -> None:
        kind = server.store.kind("deployments")
        server.store.apply(kind, deployment(), manager="serin", force=True)
        await until(lambda: ready(server) == 2)
        server.store.apply(kind, deployment(replicas=5), manager="serin", force=True)
        await until(lambda: ready(server) == 5)
        server.store.apply(kind, deployment(replicas=0), manager="serin", force=True)
        await until(lambda: ready(server) == 0)

    run(test)


def test_the_simulation_can_hold_a_deployment_and_let_only_some_pods_be_ready() -> None:
    async def test(server: FakeApiServer) -> None:
        kind = server.store.kind("deployments")
        server.simulation.deployments.held.add("web")
        server.simulation.deployments.ready["broken"] = 1
        server.store.apply(kind, deployment(), manager="serin", force=True)
        server.store.apply(kind, deployment("broken"), manager="serin", force=True)
        await until(lambda: ready(server, "broken") == 1)
        assert ready(server) == 0
        server.simulation.release("web")
        await until(lambda: ready(server) == 2)

    run(test)


def test_the_simulation_accepts_routes_and_refuses_those_that_it_is_told_to() -> None:
    async def test(server: FakeApiServer) -> None:
        kind = server.store.kind("httproutes")
        server.simulation.routes.refused["bad"] = ("NotAllowedByListeners", "no listener wants it")
        for name in ("good", "bad"):
            route = {"metadata": {"name": name, "namespace": "ml"}, "spec": {"parentRefs": [{"name": "gw"}]}}
            server.store.apply(kind, route, manager="serin", force=True)

        def accepted(name: str) -> dict[str, str]:
            status = server.store.get(kind, ("ml", name)).get("status", {})
            return {
                condition["type"]: condition["status"]
                for parent in status.get("parents", [])
                for condition in parent["conditions"]
                if condition["observedGeneration"] == 1
            }

        await until(lambda: accepted("good") and accepted("bad"))
        assert accepted("good") == {"Accepted": "True", "ResolvedRefs": "True"}
        assert accepted("bad")["Accepted"] == "False"

    run(test)
