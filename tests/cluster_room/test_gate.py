"""The gate in front of writes: asked as late as can be, and never for reads."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from cluster_room.support import config_map
from fakes.apiserver import FakeApiServer, Hold, Refuse, on
from fakes.waiting import until
from serin.cluster.client import KubeClient
from serin.cluster.errors import NotLeading
from serin.cluster.events import EventRecorder
from serin.cluster.metrics import ClientMetrics
from serin.cluster.resources import CONFIG_MAP


class Gate:
    """Open until the test shuts it, or until it was asked so often."""

    def __init__(self) -> None:
        self.open, self.asked, self.opens = True, 0, 1_000

    def __call__(self) -> None:
        """Be asked."""
        self.asked += 1
        if not self.open or self.asked > self.opens:
            raise NotLeading("somebody else leads")


def run(test: Callable[[FakeApiServer, KubeClient, Gate], Awaitable[None]], *, concurrency: int = 20) -> None:
    """Run a test with a client whose writes pass a gate."""

    async def whole() -> None:
        async with FakeApiServer() as server:
            metrics = ClientMetrics(CollectorRegistry())
            async with KubeClient(server.configuration(), metrics, concurrency=concurrency) as client:
                gate = Gate()
                client.gate_writes(gate)
                await test(server, client, gate)

    asyncio.run(whole())


def test_every_write_asks_and_no_read_does() -> None:
    async def test(server: FakeApiServer, client: KubeClient, gate: Gate) -> None:
        await client.apply(config_map())
        gate.open = False
        asked = gate.asked
        assert (await client.get(CONFIG_MAP, "ml", "settings"))["data"] == {}
        await client.list(CONFIG_MAP)
        stream = client.watch(CONFIG_MAP, resource_version="0", period_seconds=5, silence_seconds=5)
        assert (await anext(stream)).type == "ADDED"
        await stream.aclose()
        assert gate.asked == asked
        before = len(server.log)
        for write in (
            client.apply(config_map()),
            client.create(config_map("other")),
            client.replace(config_map()),
            client.delete(CONFIG_MAP, "ml", "settings", uid="x"),
            client.merge_patch(CONFIG_MAP, "ml", "settings", {}),
            client.json_patch(CONFIG_MAP, "ml", "settings", []),
            client.replace_status(CONFIG_MAP, "ml", "settings", {}, "1"),
        ):
            with pytest.raises(NotLeading, match="somebody else leads"):
                await write
        assert len(server.log) == before

    run(test)


def test_who_lost_the_lead_while_waiting_for_a_slot_sends_nothing() -> None:
    async def test(server: FakeApiServer, client: KubeClient, gate: Gate) -> None:
        hold = server.faults.add(Hold(), on("GET"))
        assert isinstance(hold, Hold)
        reading = asyncio.create_task(client.list(CONFIG_MAP))
        await hold.reached.wait()
        writing = asyncio.create_task(client.apply(config_map()))
        await asyncio.sleep(0)
        gate.open = False
        hold.released.set()
        await reading
        with pytest.raises(NotLeading):
            await writing
        assert not server.log.writes()

    run(test, concurrency=1)


def test_who_lost_the_lead_while_the_api_server_asked_for_patience_sends_nothing_more() -> None:
    async def test(server: FakeApiServer, client: KubeClient, gate: Gate) -> None:
        server.faults.add(Refuse(429, "TooManyRequests", retry_after=1), on("PATCH"))
        writing = asyncio.create_task(client.apply(config_map()))
        await until(lambda: any(call.ended for call in server.log))
        gate.open = False
        with pytest.raises(NotLeading):
            await writing
        assert [call.status for call in server.log] == [429]

    run(test)


def test_who_lost_the_lead_while_a_connection_was_made_sends_nothing() -> None:
    async def test(server: FakeApiServer, client: KubeClient, gate: Gate) -> None:
        gate.opens = 1
        with pytest.raises(NotLeading):
            await client.apply(config_map())
        assert gate.asked == 2
        assert not server.log
        gate.opens = 10
        await client.list(CONFIG_MAP)
        await client.apply(config_map())
        assert gate.asked == 3, "over a connection that is there it is asked once"

    run(test)


def test_events_of_one_who_leads_no_more_are_dropped_and_the_next_are_written() -> None:
    async def test(server: FakeApiServer, client: KubeClient, gate: Gate) -> None:
        recorder = EventRecorder(client, CollectorRegistry())
        writing = asyncio.create_task(recorder.run())
        item = config_map()
        item["metadata"]["uid"] = "u"
        gate.open = False
        recorder.record(item, "Lost", "nobody hears of this")
        await recorder.flush(seconds=5)
        gate.open = True
        recorder.record(item, "Found", "everybody hears of this")
        await recorder.flush(seconds=5)
        assert [call.body["reason"] for call in server.log.writes("events")] == ["Found"]
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

    run(test)
