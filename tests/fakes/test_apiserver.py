"""The fake API server behaves as the real one where operators rely on it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from fakes.apiserver import Drop, ErrorEvent, FakeApiServer, Hold, Lag, Refusal, Refuse, Repeat, Silence, Stale, on
from fakes.apiserver.ownership import Ownership
from fakes.apiserver.patches import json_patch, merge_patch
from fakes.apiserver.selectors import matches
from fakes.apiserver.store import Object, Store
from fakes.manual_time import ManualTime
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


def test_a_writer_bears_the_time_of_its_last_write_that_changed_something(store: Store) -> None:
    kind, time = store.kind("httproutes"), ManualTime()
    store.now = time.now
    route = {"metadata": {"name": "fraud", "namespace": "ml"}, "spec": {"hostnames": ["a"]}}
    item = store.apply(kind, route, manager="serin", force=True)

    def status(said: str) -> None:
        time.advance(60)
        accepted = {"parents": [{"conditions": [{"type": "Accepted", "status": said}]}]}
        store.update(kind, {**store.get(kind, ("ml", "fraud")), "status": accepted}, manager="contour", status=True)

    for said in ("Unknown", "True", "True"):
        status(said)
        store.apply(kind, route, manager="serin", force=True)
    item = store.get(kind, ("ml", "fraud"))
    keys = ("manager", "operation", "subresource", "time")
    assert [{key: entry[key] for key in keys if key in entry} for entry in item["metadata"]["managedFields"]] == [
        {"manager": "serin", "operation": "Apply", "time": "2026-01-01T00:00:00Z"},
        {"manager": "contour", "operation": "Update", "subresource": "status", "time": "2026-01-01T00:02:00Z"},
    ]
    assert time.now() - timedelta(minutes=3) == ManualTime().now()


def test_two_ports_of_one_name_are_refused(store: Store) -> None:
    kind = store.kind("services")
    service: Object = {
        "metadata": {"name": "web", "namespace": "ml"},
        "spec": {"ports": [{"name": "http", "port": 80}]},
    }
    store.apply(kind, service, manager="serin", force=True)
    moved = {**service, "spec": {"ports": [{"name": "http", "port": 8080}]}}
    store.apply(kind, moved, manager="serin", force=True)
    with pytest.raises(Refusal, match="Duplicate value"):
        store.apply(kind, service, manager="other", force=True)


def test_nothing_new_comes_into_a_namespace_that_terminates_and_what_is_there_goes(store: Store) -> None:
    kind = store.kind("configmaps")
    store.create(kind, config_map("free"), manager="me")
    store.create(kind, config_map("held", finalizers=["serin.dev/finalizer"]), manager="me")
    store.terminate("ml")
    (held,) = store.all(kind)
    assert held["metadata"]["deletionTimestamp"]
    with pytest.raises(Refusal, match="403 Forbidden") as refused:
        store.create(kind, config_map("new"), manager="me")
    assert refused.value.status()["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    store.update(kind, {**held, "metadata": {**held["metadata"], "finalizers": []}}, manager="me", status=False)
    assert store.all(kind) == []


def test_the_past_can_be_read(store: Store) -> None:
    kind = store.kind("configmaps")
    store.create(kind, config_map("a"), manager="me")
    store.create(kind, config_map("b"), manager="me")
    before = store.version
    store.update(kind, {**config_map("a"), "data": {"x": "1"}}, manager="me", status=False)
    store.delete(kind, ("ml", "b"))
    store.create(kind, config_map("c"), manager="me")
    past = store.all_at(before, kind)
    assert [(item["metadata"]["name"], item.get("data")) for item in past] == [("a", None), ("b", None)]
    assert store.all_at(store.version, kind) == store.all(kind)


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


def test_the_simulation_can_hang_and_makes_up_for_it() -> None:
    async def test(server: FakeApiServer) -> None:
        kind = server.store.kind("deployments")
        server.simulation.hang()
        server.store.apply(kind, deployment(), manager="serin", force=True)
        assert not server.simulation.busy
        server.simulation.resume()
        assert server.simulation.busy
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


CONFIG_MAPS = "/api/v1/namespaces/ml/configmaps"


Following = Callable[[], Awaitable[tuple[str, str]]]


@asynccontextmanager
async def watching(server: FakeApiServer, **query: str) -> AsyncGenerator[Following, None]:
    """A watch of ConfigMaps from now on, or from a version: call it for the type and name of the next event."""
    query = {"watch": "true", "resourceVersion": str(server.store.version), **query}
    async with aiohttp.ClientSession() as session, session.get(server.url + CONFIG_MAPS, params=query) as response:

        async def following() -> tuple[str, str]:
            event = json.loads(await response.content.readline())
            return event["type"], event["object"].get("metadata", {}).get("name", "")

        yield following


def make(server: FakeApiServer, name: str) -> None:
    server.store.create(server.store.kind("configmaps"), config_map(name), manager="me")


async def says_nothing(following: Following) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(following(), 0.1)


async def ask(server: FakeApiServer, method: str = "GET", path: str = CONFIG_MAPS, **options: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, server.url + path, **options) as response:
        return response.status, await response.json()


def test_a_call_that_is_held_has_its_effect_before_or_late_although_nobody_waits_for_its_answer() -> None:
    async def test(server: FakeApiServer) -> None:
        kind = server.store.kind("configmaps")
        impatient: dict[str, Any] = {"timeout": aiohttp.ClientTimeout(0.1)}
        before = server.faults.add(Hold(), on("POST"))
        with pytest.raises(TimeoutError):
            await ask(server, "POST", json=config_map("late"), **impatient)
        assert server.store.find(kind, ("ml", "late")) is None
        assert isinstance(before, Hold)
        before.released.set()
        await until(lambda: server.store.find(kind, ("ml", "late")))
        server.faults.add(Hold(after_effect=True), on("POST"))
        with pytest.raises(TimeoutError):
            await ask(server, "POST", json=config_map("told"), **impatient)
        assert server.store.find(kind, ("ml", "told")) is not None

    run(test)


@pytest.mark.parametrize(
    ("code", "reason", "retry_after"),
    [(409, "Conflict", None), (429, "TooManyRequests", 3), (500, "InternalError", None)],
)
def test_a_call_is_refused_without_an_effect(code: int, reason: str, retry_after: int | None) -> None:
    async def test(server: FakeApiServer) -> None:
        server.faults.add(Refuse(code, reason, retry_after=retry_after), on("POST", "configmaps"))
        status, body = await ask(server, "POST", json=config_map("a"))
        assert (status, body["reason"]) == (code, reason)
        assert body.get("details", {}).get("retryAfterSeconds") == retry_after
        assert (await ask(server, "POST", json=config_map("a")))[0] == 201

    run(test)


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_connection_is_reset_before_or_after_the_effect(after_effect: bool) -> None:
    async def test(server: FakeApiServer) -> None:
        server.faults.add(Drop(after_effect=after_effect), on("POST"))
        with pytest.raises(aiohttp.ClientError):
            await ask(server, "POST", json=config_map("a"))
        assert bool(server.store.all(server.store.kind("configmaps"))) is after_effect

    run(test)


def test_the_rest_of_a_list_can_be_too_old() -> None:
    async def test(server: FakeApiServer) -> None:
        for name in "abc":
            make(server, name)
        _, page = await ask(server, params={"limit": "2"})
        server.faults.add(Refuse(410, "Expired"), lambda call: "continue" in call.query)
        further = {"limit": "2", "continue": page["metadata"]["continue"]}
        assert (await ask(server, params=further))[0] == 410
        assert (await ask(server, params=further))[1]["items"][0]["metadata"]["name"] == "c"

    run(test)


def test_a_watch_is_too_old_at_its_start_or_in_an_event() -> None:
    async def test(server: FakeApiServer) -> None:
        server.faults.add(Refuse(410, "Expired"), on(watch=True))
        assert (await ask(server, params={"watch": "true"}))[0] == 410
        server.faults.add(ErrorEvent(), on(watch=True))
        async with watching(server) as following:
            assert await following() == ("ERROR", "")

    run(test)


def test_a_watch_falls_silent_for_good() -> None:
    async def test(server: FakeApiServer) -> None:
        silence = server.faults.add(Silence(silent=False), on(watch=True))
        assert isinstance(silence, Silence)
        async with watching(server) as following:
            make(server, "a")
            assert await following() == ("ADDED", "a")
            silence.silent = True
            make(server, "b")
            await says_nothing(following)
        async with watching(server, resourceVersion="1000") as following:
            assert [await following(), await following()] == [("ADDED", "a"), ("ADDED", "b")]

    run(test)


def test_a_watch_lags_and_then_tells_all_in_order() -> None:
    async def test(server: FakeApiServer) -> None:
        lag = server.faults.add(Lag(), on(watch=True))
        assert isinstance(lag, Lag)
        async with watching(server) as following:
            make(server, "a")
            make(server, "b")
            await says_nothing(following)
            lag.released.set()
            assert [await following(), await following()] == [("ADDED", "a"), ("ADDED", "b")]

    run(test)


def test_a_watch_repeats_itself() -> None:
    async def test(server: FakeApiServer) -> None:
        server.faults.add(Repeat(), on(watch=True))
        async with watching(server) as following:
            make(server, "a")
            assert [await following(), await following()] == [("ADDED", "a")] * 2

    run(test)


def test_a_replica_that_lags_answers_with_the_past_and_its_watch_goes_on_from_there() -> None:
    async def test(server: FakeApiServer) -> None:
        make(server, "a")
        make(server, "b")
        server.faults.add(Stale(1), on("GET"), times=3)
        _, listed = await ask(server)
        assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]
        assert (await ask(server, path=f"{CONFIG_MAPS}/a"))[0] == 200
        assert (await ask(server, path=f"{CONFIG_MAPS}/b"))[0] == 404
        async with watching(server, resourceVersion=listed["metadata"]["resourceVersion"]) as following:
            assert await following() == ("ADDED", "b")

    run(test)
