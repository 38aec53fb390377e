"""ModelDeployments and RolloutActions by kopf: told exactly, at no cost, and without taking the process over."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cluster_room.support import Object, model_deployment, run
from fakes.apiserver import FakeApiServer, Refuse, on
from fakes.waiting import until
from serin.cluster import primary
from serin.cluster.client import KubeClient
from serin.cluster.primary import PrimaryReflector
from serin.cluster.reflector import slim
from serin.cluster.resources import MODEL_DEPLOYMENT, ObjectKey, Resource

WATCHES = on("GET", "modeldeployments", watch=True)


class Told:
    """What was told, by kind and name."""

    def __init__(self) -> None:
        self.present: dict[tuple[str, str], Object] = {}
        self.changes: list[tuple[str, bool]] = []

    def __call__(self, resource: Resource, key: ObjectKey, item: Object | None) -> None:
        self.changes.append((key.name, item is not None))
        if item is None:
            del self.present[resource.kind, key.name]
        else:
            self.present[resource.kind, key.name] = item


@asynccontextmanager
async def watching(client: KubeClient, **options: Any) -> AsyncIterator[tuple[PrimaryReflector, Told]]:
    told = Told()
    stop = asyncio.Event()
    reflector = PrimaryReflector(client, on_change=told)
    task = asyncio.create_task(reflector.run(stop, **options))
    try:
        yield reflector, told
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


def action(name: str = "pause-1") -> Object:
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "RolloutAction",
        "metadata": {"name": name, "namespace": "ml"},
        "spec": {"modelDeployment": "fraud", "action": "pause"},
    }


def test_both_kinds_are_told_and_nothing_is_written() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        await client.apply(model_deployment())
        async with watching(client) as (reflector, told):
            await reflector.synced.wait()
            assert set(told.present) == {("ModelDeployment", "fraud")}
            assert "f:model" not in str(told.present["ModelDeployment", "fraud"]["metadata"]["managedFields"])
            await until(lambda: server.watches.count() == 2)
            await client.apply(action())
            await until(lambda: ("RolloutAction", "pause-1") in told.present)
            server.store.delete(server.store.kind("modeldeployments"), ("ml", "fraud"))
            await until(lambda: ("ModelDeployment", "fraud") not in told.present)
            by_kopf = [call for call in server.log.writes() if call.query.get("fieldManager") != "serin"]
            assert by_kopf == []
            assert all(call.headers.get("Authorization") for call in server.log)

    run(test)


def test_it_is_synced_when_there_is_nothing() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        async with watching(client) as (reflector, told):
            await reflector.synced.wait()
            assert told.changes == []

    run(test)


def test_what_is_deleted_in_a_gap_is_told_as_gone() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        for name in ("stays", "goes", "returns"):
            await client.apply(model_deployment(name))
        kind = server.store.kind("modeldeployments")
        async with watching(client) as (reflector, told):
            await reflector.synced.wait()
            await until(lambda: server.watches.count() == 2)
            uid = told.present["ModelDeployment", "returns"]["metadata"]["uid"]
            server.faults.add(Refuse(503), WATCHES, times=2)
            server.watches.cut()
            await until(lambda: any(call.status == 503 for call in server.log))
            server.store.delete(kind, ("ml", "goes"))
            server.store.delete(kind, ("ml", "returns"))
            await client.apply(model_deployment("returns"))
            server.compact()
            await until(lambda: ("ModelDeployment", "goes") not in told.present)
            await until(
                lambda: told.present.get(("ModelDeployment", "returns"), {}).get("metadata", {}).get("uid", uid) != uid
            )
            assert ("ModelDeployment", "stays") in told.present

    run(test)


def test_it_waits_for_its_crds(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(primary, "RETRY_SECONDS", 0.02)

    async def test(server: FakeApiServer, client: KubeClient) -> None:
        kind = server.uninstall("modeldeployments")
        async with watching(client) as (reflector, told):
            await until(lambda: len(server.log) > 3)
            assert sum("install Serin's CRDs" in text for text in caplog.messages) == 1
            server.install(kind)
            await client.apply(model_deployment())
            await reflector.synced.wait()
            assert ("ModelDeployment", "fraud") in told.present

    run(test)


def test_when_kopf_gives_up_it_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(primary, "RETRY_SECONDS", 0.02)

    async def test(server: FakeApiServer, client: KubeClient) -> None:
        await client.apply(model_deployment())
        async with watching(client) as (reflector, told):
            await reflector.synced.wait()
            await until(lambda: server.watches.count() == 2)
            kind = server.uninstall("modeldeployments")
            await until(lambda: told.present == {})
            server.install(kind)
            await client.apply(model_deployment("another"))
            await until(lambda: ("ModelDeployment", "another") in told.present)
        assert primary._leftovers() == set()

    run(test)


def test_kopf_does_not_kill_the_process_after_it_gave_up() -> None:
    assert primary._settings().process.ultimate_exiting_timeout is None


def test_stopping_kopf_leaves_the_rest_of_the_process_alone() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        async with watching(client) as (reflector, _):
            await reflector.synced.wait()
            bystander = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        assert not bystander.done()
        bystander.cancel()

    run(test)


def test_signals_go_to_whoever_reclaims_them() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        received = asyncio.Event()
        loop = asyncio.get_running_loop()

        def reclaim() -> None:
            loop.add_signal_handler(signal.SIGTERM, received.set)

        async with watching(client, reclaim_signals=reclaim) as (reflector, _):
            await reflector.synced.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(received.wait(), 5)
            await until(lambda: server.watches.count() == 2)

    run(test)


def test_of_two_namesakes_the_elders_late_events_do_not_count() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        told = Told()
        reflector = PrimaryReflector(client, on_change=told)
        catalog = next(iter(reflector._catalogs.values()))

        def event(change: str, uid: str, version: int) -> Object:
            metadata = {"namespace": "ml", "name": "fraud", "uid": uid, "resourceVersion": str(version)}
            return {"type": change, "object": {"metadata": metadata}}

        reflector._follow(catalog, event("ADDED", "elder", 1))
        reflector._follow(catalog, event("ADDED", "younger", 3))
        reflector._follow(catalog, event("DELETED", "elder", 2))
        reflector._follow(catalog, event("MODIFIED", "younger", 3))
        assert [present for _, present in told.changes] == [True, True]
        assert told.present["ModelDeployment", "fraud"]["metadata"]["uid"] == "younger"

    run(test)


def test_the_answer_to_a_write_is_taken_in_unless_its_object_is_gone() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        made = await client.apply(model_deployment())
        async with watching(client) as (reflector, told):
            await reflector.synced.wait()
            version = int(made["metadata"]["resourceVersion"])
            written = {**made, "metadata": {**made["metadata"], "resourceVersion": str(version + 500)}}
            reflector.take_written(MODEL_DEPLOYMENT, written)
            assert told.present["ModelDeployment", "fraud"] == slim(written)
            reflector.take_written(MODEL_DEPLOYMENT, made)
            assert told.present["ModelDeployment", "fraud"] == slim(written)
            namesake = {**made, "metadata": {**written["metadata"], "uid": "another", "resourceVersion": "9000"}}
            reflector.take_written(MODEL_DEPLOYMENT, namesake)
            assert told.present["ModelDeployment", "fraud"] == slim(written)
            server.store._versions = itertools.count(version + 600)
            server.store.delete(server.store.kind("modeldeployments"), ("ml", "fraud"))
            await until(lambda: not told.present)
            reflector.take_written(
                MODEL_DEPLOYMENT, {**written, "metadata": {**written["metadata"], "resourceVersion": "9000"}}
            )
            assert not told.present

    run(test)
