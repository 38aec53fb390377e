"""The same promises on a real API server: what the fake one cannot prove."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from cluster_room.support import QUICK, Object, config_map, reflecting
from fakes.waiting import until
from serin.cluster import errors
from serin.cluster.client import KubeClient
from serin.cluster.connect import load_configuration
from serin.cluster.events import EventRecorder
from serin.cluster.metrics import ClientMetrics
from serin.cluster.primary import PrimaryReflector
from serin.cluster.resources import CONFIG_MAP, CONTROLLER_REVISION, EVENT, MODEL_DEPLOYMENT, ObjectKey, Resource
from serin.cluster.status_writer import StatusWriter

if TYPE_CHECKING:
    from localcluster import LocalCluster

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]


@pytest.fixture
def with_crds(cluster: LocalCluster) -> LocalCluster:
    """The cluster, with Serin's kinds."""
    files = [f"--filename={ROOT / 'crds' / name}.yaml" for name in ("modeldeployments", "rolloutactions")]
    cluster.kubectl("apply", *files)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", *files)
    return cluster


def run(cluster: LocalCluster, test: Callable[[KubeClient], Awaitable[None]]) -> None:
    async def whole() -> None:
        configuration = await load_configuration(str(cluster.kubeconfig))
        async with KubeClient(configuration, ClientMetrics(CollectorRegistry())) as client:
            await test(client)

    asyncio.run(whole())


def model_deployment(namespace: str) -> Object:
    container = {"name": "model", "image": "example.com/model:1"}
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "fraud", "namespace": namespace},
        "spec": {"model": {"version": "1.0.0"}, "template": {"spec": {"containers": [container]}}},
    }


def in_namespace(namespace: str, item: Object) -> Object:
    return {**item, "metadata": {**item["metadata"], "namespace": namespace}}


def test_a_status_is_written_whole_and_only_onto_the_version_that_was_read(
    with_crds: LocalCluster, namespace: str
) -> None:
    async def test(client: KubeClient) -> None:
        read = await client.apply(model_deployment(namespace))
        writer = StatusWriter(client)
        first = await writer.write(read, {"observedGeneration": 1, "phase": "Pending", "candidate": "abc"})
        assert first is not None
        assert first["spec"] == read["spec"]
        with pytest.raises(errors.Conflict, match=r"PUT modeldeployments/status .*: 409 Conflict: .*modified"):
            await writer.write(read, {"observedGeneration": 1, "phase": "Healthy"})
        wanted = {"observedGeneration": 1, "phase": "Healthy"}
        second = await writer.write(first, wanted)
        assert second is not None
        assert second["status"]["phase"] == "Healthy"
        assert "candidate" not in second["status"], "what is left out is removed"
        assert second["metadata"]["generation"] == 1
        # The API server has put defaults into the status: to write the same again would change nothing.
        assert second["status"] != wanted
        assert await writer.write(second, wanted) is None

    run(with_crds, test)


def test_what_is_invalid_is_refused_with_the_field(with_crds: LocalCluster, namespace: str) -> None:
    async def test(client: KubeClient) -> None:
        for field, value in (("replicaz", 3), ("replicas", "three"), ("replicas", -1)):
            wrong = model_deployment(namespace)
            wrong["spec"][field] = value
            with pytest.raises(errors.Invalid, match=rf"spec\.{field}"):
                await client.create(wrong)
        await client.create(model_deployment(namespace))
        with pytest.raises(errors.AlreadyExists):
            await client.create(model_deployment(namespace))

    run(with_crds, test)


@pytest.mark.usefixtures("no_namespace_goes")
def test_the_reflector_survives_a_restart_of_the_api_server(cluster: LocalCluster, namespace: str) -> None:
    async def test(client: KubeClient) -> None:
        first = await client.apply(in_namespace(namespace, config_map("a", x="1")))
        async with reflecting(client, namespace=namespace, patience=replace(QUICK, silence=5.0)) as (_, seen):
            await until(lambda: "a" in seen.present, seconds=20)
            await asyncio.to_thread(cluster.apiserver.restart)
            await _when_it_answers(lambda: client.apply(in_namespace(namespace, config_map("b"))))
            await _when_it_answers(lambda: client.delete(CONFIG_MAP, namespace, "a", uid=first["metadata"]["uid"]))
            await until(lambda: "b" in seen.present and "a" not in seen.present, seconds=30)
            changes = [change for change in seen.changes if change[0] != "kube-root-ca.crt"]
            assert changes == [("a", "{'x': '1'}"), ("b", "None"), ("a", "gone")]

    run(cluster, test)


async def _when_it_answers(ask: Callable[[], Awaitable[object]]) -> None:
    """A server that starts refuses connections first, and then whatever it does not know yet."""
    async with asyncio.timeout(60):
        while True:
            try:
                await ask()
            except (errors.Unreachable, errors.ServerError, errors.Unauthorized, errors.Forbidden):
                await asyncio.sleep(0.2)
            else:
                return


def test_a_version_that_is_too_old_is_told_as_gone(cluster: LocalCluster, namespace: str) -> None:
    async def test(client: KubeClient) -> None:
        await client.list(CONFIG_MAP, namespace)
        with pytest.raises(errors.Gone):
            async for _ in client.watch(
                CONFIG_MAP, namespace, resource_version="1", period_seconds=5, silence_seconds=10
            ):
                pass

    run(cluster, test)


def test_kopf_tells_what_there_is_and_writes_nothing(with_crds: LocalCluster, namespace: str) -> None:
    async def test(client: KubeClient) -> None:
        read = await client.apply(model_deployment(namespace))
        present: dict[str, Object] = {}

        def on_change(_: Resource, key: ObjectKey, item: Object | None) -> None:
            if item is None:
                present.pop(key.name, None)
            else:
                present[key.name] = item

        stop = asyncio.Event()
        primary = PrimaryReflector(client, on_change=on_change, namespace=namespace)
        task = asyncio.create_task(primary.run(stop))
        try:
            await asyncio.wait_for(primary.synced.wait(), 20)
            version = read["metadata"]["resourceVersion"]
            assert present["fraud"]["metadata"]["resourceVersion"] == version
            await client.delete(MODEL_DEPLOYMENT, namespace, "fraud", uid=read["metadata"]["uid"])
            await until(lambda: not present, seconds=20)
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)

    run(with_crds, test)


def test_an_event_is_accepted_and_counted_up(cluster: LocalCluster, namespace: str) -> None:
    async def test(client: KubeClient) -> None:
        item = await client.apply(in_namespace(namespace, config_map("a")))
        recorder = EventRecorder(client, CollectorRegistry())
        task = asyncio.create_task(recorder.run())
        recorder.record(item, "Seen", "it is there")
        recorder.record(item, "Seen", "it is there")
        await recorder.flush(seconds=20)
        task.cancel()
        listed = await client.list(EVENT, namespace)
        assert [event["count"] for event in listed.items if event["reason"] == "Seen"] == [2]

    run(cluster, test)


def test_a_controller_revision_can_be_annotated_whatever_its_data_hold(cluster: LocalCluster, namespace: str) -> None:
    data = {
        "z": [1, 2.0, 1.5, 1e-9, 1e22, True, None],
        "args": ["a < b && c > d", 'say "hi", \\ and / too', "über 你好 😀 \u2028 \x7f\x85", "tab\tand\nline"],
        "a": {"empty": {}, "list": []},
    }

    async def test(client: KubeClient) -> None:
        await client.create(
            {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {"namespace": namespace, "name": "fraud-abc"},
                "data": data,
                "revision": 1,
            }
        )
        patch = {"metadata": {"annotations": {"role": "stable"}}}
        patched = await client.merge_patch(CONTROLLER_REVISION, namespace, "fraud-abc", patch)
        assert patched["metadata"]["annotations"] == {"role": "stable"}
        assert patched["data"] == data

    run(cluster, test)
