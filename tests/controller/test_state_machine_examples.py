"""What the state machine found, and what it was suspected to find: each a life of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from controller.fleet import Fleet, hurried, model
from controller.whole import Object
from fakes.apiserver import FakeApiServer, Hold, Silence, on
from fakes.waiting import until
from serin.controller.queue import Backoff

STEPS = [{"weight": 20, "hold": "60s"}, {"weight": 50, "hold": "60s"}]
CANARY: dict[str, Any] = {
    "replicas": 2,
    "rollback": {"keepWarm": "0s", "drain": "5s"},
    "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public"}]}},
    "strategy": {"canary": {"steps": STEPS}},
}


def run(test: Callable[[Fleet], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with FakeApiServer() as server:
            fleet = Fleet(server)
            kind = server.store.kind("configmaps")
            server.store.create(kind, {"metadata": {"name": "ada-settings", "namespace": "ml"}}, manager="kubectl")
            await fleet.start()
            try:
                await test(fleet)
                assert not fleet.watchman.wrong
            finally:
                await fleet.end()

    with hurried():
        asyncio.run(whole())


def apply(fleet: Fleet, version: str, **spec: Any) -> None:
    """A version of the model `ada`."""
    store, kind = fleet.server.store, fleet.server.store.kind("modeldeployments")
    wanted = model("ada", version, **{**CANARY, **spec})
    present = store.find(kind, ("ml", "ada"))
    if present is None:
        store.create(kind, {"metadata": {"name": "ada", "namespace": "ml"}, "spec": wanted}, manager="kubectl")
    else:
        store.update(kind, {**present, "spec": wanted}, manager="kubectl", status=False)


async def healthy(fleet: Fleet, version: str) -> None:
    def condition() -> bool:
        status = fleet.status("ada")
        return (status.get("phase"), status.get("version")) == ("Healthy", version)

    await fleet.until(condition)


def known(fleet: Fleet) -> list[Object]:
    """The ModelDeployments that the operator knows of."""
    assert fleet.operator is not None
    return list(fleet.operator._store.model_deployments().values())


def test_the_answer_to_a_write_that_comes_after_the_deletion_brings_nothing_back() -> None:
    async def test(fleet: Fleet) -> None:
        apply(fleet, "1.0.0")
        await healthy(fleet, "1.0.0")
        held = Hold(after_effect=True)
        fleet.server.faults.add(held, on("PUT", "modeldeployments", subresource="status"))
        apply(fleet, "2.0.0")
        await held.reached.wait()
        store, kind = fleet.server.store, fleet.server.store.kind("modeldeployments")
        item = store.get(kind, ("ml", "ada"))
        item["metadata"]["finalizers"] = []
        store.update(kind, item, manager="kubectl", status=False)
        store.delete(kind, ("ml", "ada"))
        await until(lambda: not known(fleet), seconds=0.9)
        held.released.set()
        await fleet.settle()
        assert known(fleet) == []
        assert await fleet.calls_in(timedelta(minutes=10)) == 0

    run(test)


def test_a_namespace_that_ends_takes_its_models_with_it_and_few_calls() -> None:
    async def test(fleet: Fleet) -> None:
        apply(fleet, "1.0.0")
        await healthy(fleet, "1.0.0")
        apply(fleet, "2.0.0")
        await fleet.until(lambda: fleet.status("ada").get("weight") == 20)
        before = len(fleet.server.log)
        fleet.server.store.terminate("ml")
        await fleet.until(lambda: not fleet.find("modeldeployments", "ada"))
        calls = [call for call in fleet.server.log[before:] if not call.watch]
        assert len(calls) <= 20, list(map(str, calls))
        await fleet.settle()
        assert await fleet.calls_in(timedelta(minutes=10)) == 0
        assert known(fleet) == []

    run(test)


def test_a_namespace_whose_models_go_last_is_not_fought_for() -> None:
    async def test(fleet: Fleet) -> None:
        apply(fleet, "1.0.0")
        await healthy(fleet, "1.0.0")
        store = fleet.server.store
        store.terminating.add("ml")
        assert fleet.operator is not None
        fleet.operator._queue._backoff = Backoff()
        before = len(fleet.server.log)
        for plural in ("deployments", "services", "httproutes"):
            for item in store.all(store.kind(plural), "ml"):
                store.delete(store.kind(plural), ("ml", item["metadata"]["name"]))
        await asyncio.sleep(1.0)
        calls = [call for call in fleet.server.log[before:] if not call.watch]
        assert len(calls) <= 10, list(map(str, calls))
        store.terminate("ml")
        await until(lambda: not fleet.find("modeldeployments", "ada"))
        await fleet.settle()
        assert known(fleet) == []

    run(test)


@pytest.mark.parametrize("plural", ["modeldeployments", "httproutes"])
def test_what_has_changed_unseen_is_not_asked_for_again_and_again(plural: str) -> None:
    async def test(fleet: Fleet) -> None:
        store = fleet.server.store
        own: Object = {"metadata": {"name": "ada-own", "namespace": "ml"}, "spec": {"parentRefs": [{"name": "public"}]}}
        own["spec"]["rules"] = [{"backendRefs": [{"name": "ada", "port": 80, "weight": 1}]}]
        store.create(store.kind("httproutes"), own, manager="kubectl")
        traffic = {"gatewayAPI": {"httpRoute": {"name": "ada-own"}}}
        apply(fleet, "1.0.0", traffic=traffic)
        await healthy(fleet, "1.0.0")
        apply(fleet, "2.0.0", traffic=traffic)
        await fleet.until(lambda: fleet.status("ada").get("weight") == 20)
        await fleet.settle()
        fleet.server.faults.add(Silence(), lambda call: call.watch and call.plural == plural, times=None)
        fleet.server.watches.cut(plural)
        await until(lambda: fleet.server.watches.count(plural))
        unseen = store.get(store.kind(plural), ("ml", "ada" if plural == "modeldeployments" else "ada-own"))
        unseen["metadata"]["labels"] = {"somebody": "was here"}
        store.update(store.kind(plural), unseen, manager="kubectl", status=False)
        assert fleet.operator is not None
        fleet.operator._queue._backoff = Backoff(first=0.05)
        before = len(fleet.server.log)
        fleet.time.advance(65)
        await asyncio.sleep(2)
        calls = [call for call in fleet.server.log[before:] if not call.watch]
        assert 2 <= len(calls) <= 15, list(map(str, calls))
        fleet.server.faults.clear()
        fleet.server.watches.cut(plural)
        await healthy(fleet, "2.0.0")

    run(test)


def test_a_config_map_that_a_silent_watch_does_not_tell_of_is_asked_for_once() -> None:
    async def test(fleet: Fleet) -> None:
        apply(fleet, "1.0.0")
        await healthy(fleet, "1.0.0")
        store, kind = fleet.server.store, fleet.server.store.kind("configmaps")
        fleet.server.faults.add(Silence(), lambda call: call.watch and call.plural == "configmaps", times=None)
        fleet.server.watches.cut("configmaps")
        await until(lambda: fleet.server.watches.count("configmaps"))
        store.update(
            kind, {**store.get(kind, ("ml", "ada-settings")), "data": {"n": "2"}}, manager="kubectl", status=False
        )
        before = len(fleet.server.log)
        apply(fleet, "2.0.0")
        await healthy(fleet, "2.0.0")
        asked = [call for call in fleet.server.log[before:] if call.plural == "configmaps" and call.method == "GET"]
        assert len([call for call in asked if not call.watch]) <= 2, list(map(str, asked))

    run(test)
