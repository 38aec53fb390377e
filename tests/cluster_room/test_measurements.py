"""The metrics APIs are asked as Kubernetes' own autoscaler asks them, and what they answer is read as it reads it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster_room.support import Object, run
from fakes.apiserver import Call, FakeApiServer, Refusal, Refuse
from fakes.manual_time import ManualTime
from serin.cluster.client import KubeClient
from serin.cluster.errors import ApiError, NotFound, ServerError
from serin.cluster.groups import MISSING_FOR, SERVED_FOR, Groups
from serin.cluster.measured import amount, usage_of
from serin.cluster.measurements import DescribedObject, Measurements
from serin.cluster.resources import ObjectKey
from serin.scaling.samples import PodSample, PodUsage

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = "2026-03-01T12:00:00Z"
BOTH = ("cpu", "memory")


def pod_metrics(name: str, namespace: str = "ml", **containers: Mapping[str, str]) -> Object:
    """A PodMetrics as metrics-server writes it."""
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"serin.dev/model": "fraud"}},
        "timestamp": STAMP,
        "window": "15.277s",
        "containers": [{"name": container, "usage": usage} for container, usage in containers.items()],
    }


def metric_value(value: str, name: str = "fraud-a", **changed: Any) -> Object:
    """A MetricValue as an adapter writes it."""
    described = {"kind": "Pod", "namespace": "ml", "name": name, "apiVersion": "/v1"}
    return {"describedObject": described, "timestamp": STAMP, "value": value, **changed}


def answering(*items: Object) -> Callable[[Call], Object]:
    """Always the same list, whose metadata are empty as those of metrics-server are."""
    return lambda _: {"kind": "List", "metadata": {}, "items": list(items)}


def asked(server: FakeApiServer) -> list[tuple[str, Mapping[str, str]]]:
    """What the APIs were asked, discovery left out."""
    return [(call.path, call.query) for call in server.log if call.path.count("/") > 3]


def measurements(client: KubeClient, time: ManualTime | None = None, namespace: str = "") -> Measurements:
    """The real thing."""
    return Measurements(client, Groups(client, (time or ManualTime()).now), namespace)


def test_the_usage_of_all_pods_is_one_request_of_containers_in_milli_units() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        first = pod_metrics("fraud-a", model={"cpu": "250000001n", "memory": "1024Ki"}, proxy={"cpu": "5m"})
        broken = {"metadata": {"name": "odd", "namespace": "ml"}, "window": "?", "timestamp": STAMP, "containers": []}
        server.aggregated.serve("metrics.k8s.io", answering(first, broken, pod_metrics("churn-a", "other")))
        found = await measurements(client).usage(BOTH)
        window = timedelta(seconds=15.277)
        containers = {"model": {"cpu": 251, "memory": 1024 * 1024 * 1000}, "proxy": {"cpu": 5}}
        assert found == {
            ObjectKey("ml", "fraud-a"): PodUsage("fraud-a", AT, window, containers),
            ObjectKey("other", "churn-a"): PodUsage("churn-a", AT, window, {}),
        }
        assert asked(server) == [("/apis/metrics.k8s.io/v1beta1/pods", {"labelSelector": "serin.dev/model"})]

    run(test)


def test_who_serves_one_namespace_asks_for_no_other() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.aggregated.serve("metrics.k8s.io", answering(), "v1")
        assert await measurements(client, namespace="ml").usage(BOTH) == {}
        assert asked(server)[0][0] == "/apis/metrics.k8s.io/v1/namespaces/ml/pods"

    run(test)


def test_resources_that_nobody_asks_for_are_not_read() -> None:
    _, usage = usage_of(pod_metrics("a", model={"cpu": "5m", "memory": "?"}), ("cpu",))
    assert usage.containers == {"model": {"cpu": 5}}


def test_an_api_that_is_missing_is_looked_for_now_and_then() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        time = ManualTime()
        metrics = measurements(client, time)
        for _ in range(3):
            assert await metrics.usage(BOTH) is None
        assert len(server.log) == 1
        server.aggregated.serve("metrics.k8s.io", answering(pod_metrics("fraud-a")))
        assert await metrics.usage(BOTH) is None
        time.advance(MISSING_FOR.total_seconds())
        assert await metrics.usage(BOTH)
        server.log.clear()
        time.advance(SERVED_FOR.total_seconds() - 1)
        assert await metrics.usage(BOTH)
        assert len(server.log) == 1
        server.aggregated.remove("metrics.k8s.io")
        assert await metrics.usage(BOTH) is None

    run(test)


def test_an_api_that_is_down_is_an_error_and_not_missing() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.aggregated.serve("metrics.k8s.io", answering())
        server.faults.add(
            Refuse(503, "ServiceUnavailable", "the server is unable to handle the request"),
            lambda call: "v1beta1" in call.path,
        )
        with pytest.raises(ServerError, match="unable to handle the request"):
            await measurements(client).usage(BOTH)

    run(test)


def test_a_metric_of_all_pods_of_a_namespace_is_one_request() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        values = (metric_value("1500m"), metric_value("7", "fraud-b", windowSeconds=30), metric_value("?", "fraud-c"))
        server.aggregated.serve("custom.metrics.k8s.io", answering(*values), "v1beta2", "v1beta1")
        found = await measurements(client).of_pods("ml", "rps", "verb=GET")
        assert found == {
            "fraud-a": PodSample(1500, AT, timedelta(minutes=1)),
            "fraud-b": PodSample(7000, AT, timedelta(seconds=30)),
        }
        assert asked(server) == [
            (
                "/apis/custom.metrics.k8s.io/v1beta2/namespaces/ml/pods/*/rps",
                {"labelSelector": "serin.dev/model", "metricLabelSelector": "verb=GET"},
            )
        ]

    run(test)


def test_the_older_version_of_the_custom_metrics_api_is_read_too() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.aggregated.serve("custom.metrics.k8s.io", answering(metric_value("2", window=45)), "v1beta1")
        found = await measurements(client).of_pods("ml", "rps", "")
        assert found["fraud-a"].window == timedelta(seconds=45)

    run(test)


@pytest.mark.parametrize(
    ("described", "path"),
    [
        (DescribedObject("Service", "front", "v1"), "services/front/rps"),
        (DescribedObject("Deployment", "front", "apps/v1"), "deployments.apps/front/rps"),
        (DescribedObject("Pod", "a b"), "pods/a%20b/rps"),
        (DescribedObject("Namespace", "other", "v1"), "metrics/rps"),
    ],
)
def test_a_metric_of_another_object_is_asked_by_its_resource(described: DescribedObject, path: str) -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.aggregated.serve("custom.metrics.k8s.io", answering(metric_value("12k")), "v1beta2")
        assert await measurements(client).of_object("ml", described, "rps", "") == 12_000_000
        (last,) = asked(server)[-1:]
        assert last == (f"/apis/custom.metrics.k8s.io/v1beta2/namespaces/ml/{path}".replace("%20", " "), {})

    run(test)


def test_a_kind_that_the_cluster_does_not_have_is_named() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.aggregated.serve("custom.metrics.k8s.io", answering(metric_value("1")), "v1beta2")
        with pytest.raises(NotFound, match="there is no kind Widget in apps/v1"):
            await measurements(client).of_object("ml", DescribedObject("Widget", "w", "apps/v1"), "rps", "")

    run(test)


def test_a_metric_of_another_object_is_one_value() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.aggregated.serve("custom.metrics.k8s.io", answering(metric_value("1"), metric_value("2")), "v1beta2")
        with pytest.raises(ApiError, match="answered with 2 results where one was asked for"):
            await measurements(client).of_object("ml", DescribedObject("Service", "front", "v1"), "rps", "")

    run(test)


def test_the_values_of_all_series_of_an_external_metric_are_read() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.aggregated.serve("external.metrics.k8s.io", answering({"value": "3"}, {"value": "500m"}))
        metrics = measurements(client)
        assert await metrics.external("ml", "queue_length", "queue=in,env notin (test)") == (3000, 500)
        assert asked(server) == [
            (
                "/apis/external.metrics.k8s.io/v1beta1/namespaces/ml/queue_length",
                {"labelSelector": "queue=in,env notin (test)"},
            )
        ]
        server.aggregated.serve("external.metrics.k8s.io", answering({"value": "3"}, {"value": "many"}))
        with pytest.raises(ApiError, match="what is no quantity"):
            await metrics.external("ml", "queue_length", "")

    run(test)


def test_a_metrics_api_that_is_not_there_says_what_to_install() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        metrics = measurements(client)
        with pytest.raises(NotFound, match=r"does not serve external\.metrics\.k8s\.io: install an adapter"):
            await metrics.external("ml", "queue", "")
        with pytest.raises(NotFound, match=r"does not serve custom\.metrics\.k8s\.io"):
            await metrics.of_pods("ml", "rps", "")

    run(test)


def test_a_metric_that_is_not_known_is_told_in_the_apis_words() -> None:
    def unknown(_: Call) -> Object:
        raise Refusal(404, "NotFound", "the server could not find the metric rps for pods")

    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.aggregated.serve("custom.metrics.k8s.io", unknown, "v1beta2")
        with pytest.raises(NotFound, match="could not find the metric rps for pods"):
            await measurements(client).of_pods("ml", "rps", "")

    run(test)


@pytest.mark.parametrize(
    ("text", "milli"),
    [
        ("0", 0),
        ("1n", 1),
        ("250000000n", 250),
        ("250000001n", 251),
        ("12u", 1),
        ("3Ki", 3072000),
        ("2Mi", 2**21 * 1000),
    ],
)
def test_quantities_of_metrics_server_are_read_as_all_others(text: str, milli: int) -> None:
    assert amount(text) == milli


@pytest.mark.parametrize("text", ["", "n", "Ki", "x", "²n", "1.5.5"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        amount(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15.277s", 15.277), ("1m0.5s", 60.5), ("0s", 0.0), ("10.123456789s", 10.123457), ("2h", 7200)],
)
def test_windows_are_durations_as_go_writes_them(text: str, seconds: float) -> None:
    _, usage = usage_of({**pod_metrics("a"), "window": text}, BOTH)
    assert usage.window == timedelta(seconds=seconds)


def test_many_who_ask_at_once_are_all_answered() -> None:
    async def test(server: FakeApiServer, client: KubeClient) -> None:
        server.aggregated.serve("external.metrics.k8s.io", answering({"value": "3"}))
        metrics = measurements(client)
        answers = await asyncio.gather(*(metrics.external("ml", f"queue-{index}", "") for index in range(30)))
        assert set(answers) == {(3000,)}
        assert len(server.log) == 31

    run(test)
