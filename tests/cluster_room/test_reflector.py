"""The reflector: whatever happens to its watch, what it tells ends up equal to what there is."""

import asyncio
import logging
from dataclasses import replace

import pytest

from cluster_room.support import QUICK, config_map, reflecting, run
from fakes.apiserver import Delay, Drop, FakeApiServer, Refuse, Silence, on
from fakes.waiting import until
from serin.cluster.client import KubeClient
from serin.cluster.reflector import Reflector
from serin.cluster.resources import CONFIG_MAP, HTTP_ROUTE

WATCHES = on("GET", "configmaps", watch=True)
LISTS = on("GET", "configmaps", watch=False)


async def remove(server: FakeApiServer, name: str) -> None:
    server.store.delete(server.store.kind("configmaps"), ("ml", name))


def test_it_tells_what_is_there_then_what_changes_then_what_goes() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        await client.apply(config_map("a", x="1"))
        async with reflecting(client) as (reflector, seen):
            await reflector.synced.wait()
            assert seen.changes == [("a", "{'x': '1'}")]
            await until(server.watches.count)
            await client.apply(config_map("a", x="2"))
            await client.apply(config_map("b"))
            await remove(server, "a")
            await until(lambda: len(seen.changes) == 4)
            assert seen.changes[1:] == [("a", "{'x': '2'}"), ("b", "{}"), ("a", "gone")]
            assert len(server.log.matching(LISTS)) == 1

    run(test)


def test_it_is_synced_when_there_is_nothing() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        async with reflecting(client) as (reflector, seen):
            await reflector.synced.wait()
            assert seen.changes == []

    run(test)


@pytest.mark.parametrize("as_event", [True, False], ids=["as an event", "as the answer"])
def test_after_a_410_what_was_deleted_in_the_gap_is_told_as_gone(as_event: bool) -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.gone_as_event = as_event
        await client.apply(config_map("stays"))
        await client.apply(config_map("goes"))
        await client.apply(config_map("changes", x="1"))
        async with reflecting(client) as (_, seen):
            await until(server.watches.count)
            refusals = server.faults.add(Refuse(503), WATCHES, times=None)
            server.watches.cut()
            await until(lambda: any(call.status == 503 for call in server.log))
            await remove(server, "goes")
            await client.apply(config_map("changes", x="2"))
            await client.apply(config_map("comes"))
            server.compact()
            assert refusals
            server.faults.clear()
            await until(lambda: len(seen.changes) == 6)
            assert seen.changes[3] == ("goes", "gone")
            assert set(seen.changes[4:]) == {("changes", "{'x': '2'}"), ("comes", "{}")}
            assert set(seen.present) == {"stays", "changes", "comes"}

    run(test)


def test_a_broken_watch_goes_on_where_it_was_without_a_new_list() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        await client.apply(config_map("a"))
        async with reflecting(client) as (_, seen):
            for number in range(3):
                await until(server.watches.count)
                server.watches.cut()
                await client.apply(config_map(f"b{number}"))
            await until(lambda: set(seen.present) == {"a", "b0", "b1", "b2"})
            assert len(seen.changes) == 4, "each change is told once"
            assert len(server.log.matching(LISTS)) == 1

    run(test)


def test_a_silent_watch_is_begun_anew() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.faults.add(Silence(), WATCHES)
        async with reflecting(client) as (_reflector, seen):
            await until(server.watches.count)
            await client.apply(config_map("a"))
            await until(lambda: "a" in seen.present)
            assert len(server.log.matching(WATCHES)) == 2

    run(test)


def test_a_watch_that_never_begins_is_given_up() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.faults.add(Delay(30), WATCHES)
        async with reflecting(client) as (_, seen):
            await until(lambda: len(server.log.matching(WATCHES)) == 2)
            await client.apply(config_map("a"))
            await until(lambda: "a" in seen.present)

    run(test)


def test_bookmarks_keep_a_quiet_watch_alive_and_its_version_young() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.bookmark_seconds = 0.05
        patience = replace(QUICK, silence=1.0)
        async with reflecting(client, selector="app=a", patience=patience) as (_, seen):
            await until(server.watches.count)
            await client.apply(config_map("other"))
            await asyncio.sleep(1.5 * patience.silence)
            assert len(server.log.matching(WATCHES)) == 1
            # The version of the last bookmark is young enough to go on after a compaction.
            server.compact()
            await until(lambda: len(server.log.matching(WATCHES)) == 2 and server.watches.count())
            await client.apply(config_map("a"))
            await until(lambda: "a" in seen.present)
            assert len(server.log.matching(LISTS)) == 1

    run(test)


def test_a_watch_that_the_server_ends_in_time_goes_on() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        patience = replace(QUICK, period=1.0, silence=5.0)
        async with reflecting(client, patience=patience) as (_, seen):
            await until(lambda: len(server.log.matching(WATCHES)) == 2)
            await client.apply(config_map("a"))
            await until(lambda: "a" in seen.present)
            assert len(server.log.matching(LISTS)) == 1

    run(test)


def test_what_is_told_already_is_not_told_again_by_a_new_list() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        await client.apply(config_map("a"))
        async with reflecting(client) as (_, seen):
            await until(server.watches.count)
            server.faults.add(Refuse(410, "Expired"), WATCHES)
            server.watches.cut()
            await until(lambda: len(server.log.matching(LISTS)) == 2)
            await until(server.watches.count)
            assert seen.changes == [("a", "{}")]

    run(test)


def test_it_waits_for_a_server_that_fails_and_that_is_only_starting() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.faults.add(Refuse(500), LISTS, times=2)
        server.faults.add(Drop(), LISTS, times=2)
        starting = Refuse(429, "TooManyRequests", "storage is (re)initializing", retry_after=0)
        server.faults.add(starting, LISTS, times=6)
        async with reflecting(client) as (reflector, _):
            await reflector.synced.wait()

    run(test)


def test_it_tells_each_time_that_the_server_could_not_be_asked() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        blind: list[None] = []
        reflector = Reflector(
            client, CONFIG_MAP, on_change=lambda *_: None, on_blind=lambda: blind.append(None), patience=QUICK
        )
        running = asyncio.create_task(reflector.run())
        await until(server.watches.count)
        assert not blind
        server.faults.add(Refuse(503), WATCHES, times=3)
        server.watches.cut()
        await until(lambda: len(blind) >= 3)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(test)


def test_an_object_that_leaves_the_selector_is_gone() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        await client.apply(config_map("a"))
        await client.apply(config_map("b"))
        async with reflecting(client, selector="app=a") as (reflector, seen):
            await reflector.synced.wait()
            await until(server.watches.count)
            relabelled = config_map("a")
            relabelled["metadata"]["labels"] = {"app": "other"}
            await client.apply(relabelled)
            await until(lambda: seen.changes == [("a", "{}"), ("a", "gone")])

    run(test)


def test_an_optional_kind_that_is_missing_is_said_once_and_found_later(caplog: pytest.LogCaptureFixture) -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        kind = server.uninstall("httproutes")
        async with reflecting(client, HTTP_ROUTE, optional=True) as (reflector, seen):
            await reflector.synced.wait()
            assert reflector.missing
            await until(lambda: len(server.log.matching(lambda call: call.status == 404)) > 3)
            assert sum("has no httproutes.gateway.networking.k8s.io" in text for text in caplog.messages) == 1
            server.install(kind)
            route = {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": "r", "namespace": "ml"},
                "spec": {},
            }
            await client.apply(route)
            await until(lambda: "r" in seen.present)
            assert not reflector.missing
            server.uninstall("httproutes")
            await until(lambda: reflector.missing)
            assert seen.present == {}

    with caplog.at_level(logging.INFO):
        run(test)


def test_a_missing_kind_that_nobody_wants_is_not_looked_for_until_somebody_does() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        kind, wanted, looks = server.uninstall("httproutes"), False, 0

        def is_wanted() -> bool:
            nonlocal looks
            looks += 1
            return wanted

        async with reflecting(client, HTTP_ROUTE, optional=True, is_wanted=is_wanted) as (reflector, _):
            await reflector.synced.wait()
            server.install(kind)
            await until(lambda: looks > 3)
            assert reflector.missing
            assert len(server.log.matching(lambda call: call.path.endswith("/httproutes"))) == 1
            wanted = True
            await until(lambda: not reflector.missing)

    run(test)


def test_a_kind_that_must_be_there_is_not_synced_while_it_is_missing() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        kind = server.uninstall("configmaps")
        async with reflecting(client, CONFIG_MAP) as (reflector, _):
            await until(lambda: reflector.missing)
            assert not reflector.synced.is_set()
            server.install(kind)
            await reflector.synced.wait()

    run(test)


def test_managed_fields_are_not_kept() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        assert "managedFields" in (await client.apply(config_map("a", x="1")))["metadata"]
        async with reflecting(client) as (reflector, seen):
            await reflector.synced.wait()
            assert "managedFields" not in seen.present["a"]["metadata"]

    run(test)
