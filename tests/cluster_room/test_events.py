"""Events: counted up when they repeat, held back when they flood, never in the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from cluster_room.support import Object, model_deployment, run
from fakes.apiserver import FakeApiServer, Refuse, on
from fakes.waiting import until
from serin.cluster import events
from serin.cluster.client import KubeClient
from serin.cluster.events import EventRecorder


class Recording:
    """A recorder that runs, its counter, and a monotonic time that the test moves."""

    def __init__(self, client: KubeClient) -> None:
        self.registry = CollectorRegistry()
        self.seconds = 0.0
        self.recorder = EventRecorder(client, self.registry, monotonic=lambda: self.seconds)

    def counted(self, result: str) -> float:
        return self.registry.get_sample_value("serin_kubernetes_events_total", {"result": result}) or 0.0


@asynccontextmanager
async def recording(client: KubeClient) -> AsyncIterator[Recording]:
    whole = Recording(client)
    task = asyncio.create_task(whole.recorder.run())
    try:
        yield whole
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def written(server: FakeApiServer) -> list[Object]:
    return server.store.all(server.store.kind("events"))


def test_news_become_an_event_that_kubectl_describe_shows() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        item = await client.apply(model_deployment())
        async with recording(client) as whole:
            whole.recorder.record(item, "Promoted", "2.0.0 carries all traffic")
            await whole.recorder.flush(seconds=5)
            (event,) = written(server)
            assert event["involvedObject"] == {
                "apiVersion": "serin.dev/v1alpha1",
                "kind": "ModelDeployment",
                "namespace": "ml",
                "name": "fraud",
                "uid": item["metadata"]["uid"],
            }
            assert event["metadata"]["namespace"] == "ml"
            assert (event["reason"], event["type"], event["count"]) == ("Promoted", "Normal", 1)
            assert event["source"] == {"component": "serin"}

    run(test)


def test_the_same_news_again_are_counted_up() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        item = await client.apply(model_deployment())
        async with recording(client) as whole:
            for _ in range(3):
                whole.recorder.record(item, "Holding", "no traffic", type="Warning")
            whole.recorder.record(item, "Holding", "Prometheus is away", type="Warning")
            await whole.recorder.flush(seconds=5)
            assert sorted(event["count"] for event in written(server)) == [1, 3]
            assert (whole.counted("created"), whole.counted("counted up")) == (2, 2)
            whole.seconds = events.SAME_SECONDS
            whole.recorder.record(item, "Holding", "no traffic", type="Warning")
            await whole.recorder.flush(seconds=5)
            assert len(written(server)) == 3

    run(test)


def test_an_event_that_the_server_has_forgotten_is_made_anew() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        item = await client.apply(model_deployment())
        async with recording(client) as whole:
            whole.recorder.record(item, "Holding", "no traffic")
            await whole.recorder.flush(seconds=5)
            server.store.delete(server.store.kind("events"), ("ml", written(server)[0]["metadata"]["name"]))
            whole.recorder.record(item, "Holding", "no traffic")
            await whole.recorder.flush(seconds=5)
            assert [event["count"] for event in written(server)] == [1]

    run(test)


def test_an_object_that_floods_is_held_back_and_another_is_not() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        loud = await client.apply(model_deployment("loud"))
        quiet = await client.apply(model_deployment("quiet"))
        async with recording(client) as whole:
            for number in range(events.BURST + 5):
                whole.recorder.record(loud, "Noise", f"number {number}")
            whole.recorder.record(quiet, "News", "once")
            await whole.recorder.flush(seconds=5)
            assert len(written(server)) == events.BURST + 1
            assert whole.counted("held back") == 5
            whole.seconds = events.REFILL_SECONDS
            whole.recorder.record(loud, "Noise", "later")
            await whole.recorder.flush(seconds=5)
            assert len(written(server)) == events.BURST + 2

    run(test)


def test_an_event_that_cannot_be_written_is_counted_and_stops_nothing() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        item = await client.apply(model_deployment())
        server.faults.add(Refuse(403, "Forbidden"), on("POST", "events"))
        async with recording(client) as whole:
            whole.recorder.record(item, "First", "is refused")
            whole.recorder.record(item, "Second", "is written")
            await until(lambda: [event["reason"] for event in written(server)] == ["Second"])
            assert whole.counted("failed") == 1

    run(test)
