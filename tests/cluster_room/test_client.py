"""The client against the fake API server: what goes over the wire, and what comes back when it fails."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from cluster_room.support import Object, config_map, model_deployment, run
from fakes.apiserver import Delay, Drop, FakeApiServer, Refuse, on
from fakes.waiting import until
from serin.cluster import errors
from serin.cluster.client import KubeClient
from serin.cluster.metrics import ClientMetrics
from serin.cluster.resources import CONFIG_MAP, DEPLOYMENT, MODEL_DEPLOYMENT


def test_apply_creates_then_changes_and_takes_back_what_is_left_out() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        created = await client.apply(config_map(a="1", b="2"))
        assert created["data"] == {"a": "1", "b": "2"}
        changed = await client.apply(config_map(a="3"))
        assert changed["data"] == {"a": "3"}
        assert changed["metadata"]["uid"] == created["metadata"]["uid"]
        first, second = server.log
        assert first.query == second.query == {"fieldManager": "serin", "force": "true"}
        assert first.headers["User-Agent"].startswith("serin/")
        assert first.headers["Authorization"] == "Bearer fake-token"
        assert (first.status, second.status) == (201, 200)

    run(test)


def test_what_is_created_is_looked_at_strictly() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        answer = await client.create(config_map(a="1"))
        assert answer["data"] == {"a": "1"}
        assert server.log[0].query["fieldValidation"] == "Strict"

    run(test)


def test_get_tells_a_missing_object_from_a_missing_kind_by_the_servers_words() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        with pytest.raises(errors.NotFound, match=r'GET configmaps ml/none: 404 NotFound: configmaps "none"'):
            await client.get(CONFIG_MAP, "ml", "none")
        assert await client.serves(MODEL_DEPLOYMENT)
        server.uninstall("modeldeployments")
        with pytest.raises(errors.NotFound, match="could not find the requested resource"):
            await client.get(MODEL_DEPLOYMENT, "ml", "fraud")
        assert not await client.serves(MODEL_DEPLOYMENT)

    run(test)


def test_list_follows_all_pages_and_says_what_each_item_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serin.cluster.client.LIST_CHUNK", 2)

    async def test(server: FakeApiServer, client: KubeClient) -> None:
        for number in range(5):
            await client.apply(config_map(f"c{number}"))
        listed = await client.list(CONFIG_MAP)
        assert [item["metadata"]["name"] for item in listed.items] == ["c0", "c1", "c2", "c3", "c4"]
        assert {(item["apiVersion"], item["kind"]) for item in listed.items} == {("v1", "ConfigMap")}
        assert listed.resource_version == str(server.store.version)
        assert len(server.log.matching(on("GET", "configmaps"))) == 3
        some = await client.list(CONFIG_MAP, "ml", selector="app in (c1, c3)")
        assert [item["metadata"]["name"] for item in some.items] == ["c1", "c3"]

    run(test)


def test_list_whose_next_page_is_gone_is_asked_for_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serin.cluster.client.LIST_CHUNK", 2)

    async def test(server: FakeApiServer, client: KubeClient) -> None:
        for number in range(3):
            await client.apply(config_map(f"c{number}"))
        server.faults.add(Refuse(410, "Expired"), lambda call: "continue" in call.query)
        assert len((await client.list(CONFIG_MAP)).items) == 3

    run(test)


def test_a_list_of_metadata_alone_leaves_the_rest_out() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        await client.apply(config_map(a="1"))
        (item,) = (await client.list(CONFIG_MAP, metadata_only=True)).items
        assert item["metadata"]["name"] == "settings"
        assert "data" not in item

    run(test)


def test_delete_spares_a_namesake() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        uid = (await client.apply(config_map()))["metadata"]["uid"]
        with pytest.raises(errors.Conflict):
            await client.delete(CONFIG_MAP, "ml", "settings", uid="another")
        await client.delete(CONFIG_MAP, "ml", "settings", uid=uid)
        with pytest.raises(errors.NotFound):
            await client.delete(CONFIG_MAP, "ml", "settings", uid=uid)

    run(test)


def test_create_does_not_take_over_what_is_there() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        await client.create(config_map())
        with pytest.raises(errors.AlreadyExists) as raised:
            await client.create(config_map())
        assert isinstance(raised.value, errors.Conflict)

    run(test)


def test_json_patch_is_refused_when_its_test_does_not_hold() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        await client.apply(config_map(a="1"))
        replace = {"op": "replace", "path": "/data/a", "value": "2"}
        with pytest.raises(errors.Invalid, match="testing path /data/a failed"):
            await client.json_patch(
                CONFIG_MAP, "ml", "settings", [{"op": "test", "path": "/data/a", "value": "0"}, replace]
            )
        changed = await client.json_patch(CONFIG_MAP, "ml", "settings", [replace])
        assert changed["data"] == {"a": "2"}

    run(test)


def test_merge_patch_removes_by_null_and_is_held_to_the_version_that_was_read() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        read = await client.apply(config_map(a="1", b="2"))
        patch: Object = {"metadata": {"resourceVersion": "1"}, "data": {"a": None}}
        with pytest.raises(errors.Conflict, match="the object has been modified"):
            await client.merge_patch(CONFIG_MAP, "ml", "settings", patch)
        patch["metadata"]["resourceVersion"] = read["metadata"]["resourceVersion"]
        assert (await client.merge_patch(CONFIG_MAP, "ml", "settings", patch))["data"] == {"b": "2"}

    run(test)


def test_replacing_a_status_replaces_nothing_else_and_only_once_per_version() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        read = await client.apply(model_deployment())
        version = read["metadata"]["resourceVersion"]
        written = await client.replace_status(MODEL_DEPLOYMENT, "ml", "fraud", {"phase": "Healthy"}, version)
        assert written["status"] == {"phase": "Healthy"}
        assert written["spec"] == {"replicas": 1}
        assert written["metadata"]["generation"] == 1
        with pytest.raises(errors.Conflict):
            await client.replace_status(MODEL_DEPLOYMENT, "ml", "fraud", {"phase": "Degraded"}, version)

    run(test)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, errors.Invalid),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (410, errors.Gone),
        (422, errors.Invalid),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (418, errors.ServerError),
    ],
)
def test_each_refusal_is_an_error_of_its_own_kind(code: int, kind: type[errors.ApiError]) -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.faults.add(Refuse(code, "Because", "the server's words"), on("GET"))
        with pytest.raises(errors.ApiError) as raised:
            await client.get(CONFIG_MAP, "ml", "settings")
        assert type(raised.value) is kind
        assert str(raised.value) == f"GET configmaps ml/settings: {code} Because: the server's words"
        assert raised.value.status == code
        assert raised.value.words == "the server's words"

    run(test)


def test_a_429_is_waited_out_and_the_request_sent_again() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.faults.add(Refuse(429, "TooManyRequests", retry_after=0), on("PATCH"), times=2)
        await client.apply(config_map(a="1"))
        assert [call.status for call in server.log] == [429, 429, 201]

    run(test)


def test_a_429_that_does_not_end_is_told_in_the_end() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.faults.add(Refuse(429, "TooManyRequests", retry_after=0), on("PATCH"), times=None)
        with pytest.raises(errors.Throttled) as raised:
            await client.apply(config_map(a="1"))
        assert raised.value.retry_after == 0
        assert len(server.log) == 4

    run(test)


def test_while_the_server_asks_for_patience_nothing_else_is_sent() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.faults.add(Refuse(429, "TooManyRequests", retry_after=1), on("PATCH", name="first"))
        first = asyncio.create_task(client.apply(config_map("first")))
        await until(lambda: server.log)
        started = asyncio.get_running_loop().time()
        await asyncio.gather(first, *(client.apply(config_map(f"c{number}")) for number in range(3)))
        assert asyncio.get_running_loop().time() - started >= 0.9

    run(test)


def test_a_request_without_an_answer_ends_in_time() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.faults.add(Delay(30), on("GET"))
        with pytest.raises(errors.Unreachable, match=r"no answer from http://127\.0\.0\.1:[0-9]+ in time"):
            await client.get(CONFIG_MAP, "ml", "settings")

    run(test, timeout_seconds=0.1)


def test_a_connection_that_is_cut_after_the_effect_is_unreachable_and_not_sent_twice() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.faults.add(Drop(after_effect=True), on("PATCH"))
        with pytest.raises(errors.Unreachable, match="PATCH configmaps ml/settings: cannot reach"):
            await client.apply(config_map(a="1"))
        assert len(server.log) == 1
        assert len(server.store.all(server.store.kind("configmaps"))) == 1

    run(test)


def test_a_server_that_is_away_is_unreachable() -> None:
    async def whole() -> None:
        async with FakeApiServer() as server:
            configuration = server.configuration()
        async with KubeClient(configuration, ClientMetrics(CollectorRegistry())) as client:
            with pytest.raises(errors.Unreachable, match="Connect call failed"):
                await client.get(CONFIG_MAP, "ml", "settings")

    asyncio.run(whole())


def test_an_answer_in_a_proxys_own_words_is_told() -> None:
    error = errors.from_answer("GET pods ml/a", 502, b"<html>\n  Bad Gateway</html>")
    assert str(error) == "GET pods ml/a: 502: <html> Bad Gateway</html>"


def test_a_field_that_apply_does_not_know_is_invalid_though_the_server_says_500() -> None:
    words = "failed to create typed patch object (ml/a; apps/v1, Kind=Deployment): .spec.imagee: field not declared"
    error = errors.from_answer("PATCH deployments ml/a", 500, {"message": words})
    assert type(error) is errors.Invalid
    assert error.status == 500


def test_requests_are_counted_by_verb_kind_and_answer() -> None:
    async def whole() -> None:
        registry = CollectorRegistry()
        async with (
            FakeApiServer() as server,
            KubeClient(server.configuration(), ClientMetrics(registry)) as client,
        ):
            await client.apply(config_map())
            server.faults.add(Drop(), on("PATCH"))
            with pytest.raises(errors.Unreachable):
                await client.apply(config_map())
        for code in ("201", "0"):
            labels = {"verb": "PATCH", "resource": "configmaps", "code": code}
            assert registry.get_sample_value("serin_kubernetes_requests_total", labels) == 1

    asyncio.run(whole())


def test_names_cannot_lead_to_another_path() -> None:
    assert DEPLOYMENT.path("ml", "a/b") == "/apis/apps/v1/namespaces/ml/deployments/a%2Fb"
    with pytest.raises(ValueError, match="cannot name"):
        DEPLOYMENT.path("ml", "..")
    with pytest.raises(ValueError, match="needs a namespace"):
        DEPLOYMENT.path("", "a")
