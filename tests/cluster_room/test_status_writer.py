"""The status writer: nothing that is so already, nothing onto an object that has changed."""

from typing import Any

import pytest

from cluster_room.support import model_deployment, run
from fakes.apiserver import FakeApiServer, Refuse, on
from fakes.apiserver.kinds import Kind
from serin.cluster import errors
from serin.cluster.client import KubeClient
from serin.cluster.resources import key_of
from serin.cluster.status_writer import StatusWriter

HEALTHY = {"phase": "Healthy", "conditions": [{"type": "Ready", "status": "True"}]}


def test_a_status_is_written_once() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        observed = await client.apply(model_deployment())
        writer = StatusWriter(client)
        written = await writer.write(observed, HEALTHY)
        assert written is not None
        assert written["status"] == HEALTHY
        assert await writer.write(written, HEALTHY) is None
        assert len(server.log.writes()) == 2

    run(test)


def test_a_status_that_the_last_operator_wrote_is_not_written_again() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        written = await StatusWriter(client).write(await client.apply(model_deployment()), HEALTHY)
        assert written is not None
        assert await StatusWriter(client).write(written, HEALTHY) is None

    run(test)


def test_what_is_left_out_is_removed() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        writer = StatusWriter(client)
        first = await writer.write(await client.apply(model_deployment()), {**HEALTHY, "candidate": "abc"})
        assert first is not None
        second = await writer.write(first, HEALTHY)
        assert second is not None
        assert "candidate" not in second["status"]

    run(test)


def test_a_decision_about_an_older_object_is_refused() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        observed = await client.apply(model_deployment())
        changed = model_deployment()
        changed["spec"]["replicas"] = 2
        await client.apply(changed)
        with pytest.raises(errors.Conflict):
            await StatusWriter(client).write(observed, HEALTHY)

    run(test)


def test_a_failed_write_is_tried_again() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        observed = await client.apply(model_deployment())
        writer = StatusWriter(client)
        server.faults.add(Refuse(500), on("PUT"))
        with pytest.raises(errors.ServerError):
            await writer.write(observed, HEALTHY)
        assert await writer.write(observed, HEALTHY) is not None

    run(test)


def test_a_status_that_the_server_changes_is_not_written_for_ever() -> None:
    """The API server prunes a field that its CRD does not know (an older CRD than the operator)."""

    async def test(server: FakeApiServer, client: KubeClient) -> None:
        observed = await client.apply(model_deployment())
        writer = StatusWriter(client)
        update = server.store.update

        def pruning(kind: Kind, manifest: dict[str, Any], **options: Any) -> dict[str, Any]:
            manifest["status"].pop("novelty", None)
            return update(kind, manifest, **options)

        server.store.update = pruning  # type: ignore[method-assign]
        wanted = {**HEALTHY, "novelty": 1}
        written = await writer.write(observed, wanted)
        assert written is not None
        assert "novelty" not in written["status"]
        assert await writer.write(written, wanted) is None
        # Somebody else's change is not mistaken for the server's.
        tampered = {**written, "status": {"phase": "Degraded"}}
        assert await writer.write(tampered, wanted) is not None
        # What is gone is not remembered.
        writer.forget(key_of(observed))
        assert await writer.write(written, wanted) is not None

    run(test)
