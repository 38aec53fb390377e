"""What replicas follow, asked of a real Prometheus: averages, rates, and what is left of a container that restarted."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from prometheus_client import CollectorRegistry

from metrics.real_prometheus import RealPrometheus
from serin.api.autoscaling_metrics import Signal
from serin.metrics import AutoscalingMetrics, Meters, PrometheusProvider
from serin.metrics.containers import Workload
from serin.metrics.loads import Kind, Load
from serin.metrics.own_values import OwnValue
from serin.scaling.pods import Container, Pod
from serin.scaling.samples import ExternalValues, PodValues, ResourceUsage

pytestmark = pytest.mark.cluster

T = TypeVar("T")


def ask(server: RealPrometheus, question: Callable[[AutoscalingMetrics], Awaitable[T]]) -> T:
    """What the server answers."""

    async def asked() -> T:
        provider = PrometheusProvider(server.url, timedelta(seconds=20))
        try:
            return await question(AutoscalingMetrics(provider, Meters(CollectorRegistry())))
        finally:
            provider.close()

    return asyncio.run(asked())


def scraped(
    name: str, labels: dict[str, str], value: Callable[[float], float], *, since: float = 300, until: float = 0
) -> tuple[dict[str, str], list[tuple[float, float]]]:
    """A series with a sample every 15 seconds, by its age."""
    now = time.time() // 15 * 15
    ages = [age for age in range(int(since), int(until) - 1, -15) if age >= until]
    return {"__name__": name, **labels}, [(now - age, value(age)) for age in ages]


def at() -> datetime:
    """The last scrape."""
    return datetime.fromtimestamp(time.time() // 15 * 15, UTC)


def test_signals_are_averages_and_rates_of_each_pod(prometheus: RealPrometheus) -> None:
    def labels(pod: str, model: str = "signals") -> dict[str, str]:
        return {"namespace": "ml", "serin_model": model, "serin_revision": "5c9d7f4b6d", "pod": pod}

    prometheus.write(
        [
            scraped("vllm:num_requests_waiting", labels("a") | {"engine": "0"}, lambda _: 3),
            scraped("vllm:num_requests_waiting", labels("a") | {"engine": "1"}, lambda age: 4 if age < 30 else 2),
            scraped("vllm:num_requests_waiting", labels("b") | {"engine": "0"}, lambda _: 0),
            scraped("vllm:num_requests_waiting", labels("gone") | {"engine": "0"}, lambda _: 9, until=90),
            scraped("model_request_duration_seconds_sum", labels("a"), lambda age: (300 - age) * 1.5),
        ]
    )
    waiting, running = (
        Load(Kind("default", signal, preset), "ml", "signals", "5c9d7f4b6d")
        for signal, preset in ((Signal.QUEUE_LENGTH, "vllm"), (Signal.RUNNING_REQUESTS, "contract"))
    )
    found = ask(prometheus, lambda metrics: metrics.loads([waiting, running], at()))
    values = [
        {pod: one.value for pod, one in sample.values.items()} if isinstance(sample, PodValues) else sample
        for sample in (found[waiting], found[running])
    ]
    assert values == [{"a": 6000, "b": 0}, {"a": 1500}]


def test_cadvisor_tells_cores_and_bytes_and_a_restart_counts_once(prometheus: RealPrometheus) -> None:
    def labels(container: str, identity: str = "1") -> dict[str, str]:
        return {"namespace": "ml", "pod": "used-5c9d7f4b6d-a", "container": container, "id": f"/kubepods/{identity}"}

    cpu, memory = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"
    prometheus.write(
        [
            scraped(cpu, labels("model"), lambda age: 1000 - age * 0.25),
            scraped(cpu, labels("proxy"), lambda age: 1000 - age * 0.05),
            scraped(cpu, labels("POD"), lambda age: 1000 - age * 9),
            scraped(cpu, {"namespace": "ml", "pod": "used-5c9d7f4b6d-a", "id": "/"}, lambda age: 1000 - age * 9),
            scraped(memory, labels("model", "before"), lambda _: 2**20, until=60),
            scraped(memory, labels("model", "after"), lambda _: 2**21, since=45),
            scraped(memory, labels("proxy"), lambda _: 2**10),
        ]
    )
    workload = Workload(
        "ml", "used-5c9d7f4b6d", (Pod("used-5c9d7f4b6d-a", containers=(Container("model"), Container("proxy"))),)
    )
    found = ask(prometheus, lambda metrics: metrics.usage({"cpu": [workload], "memory": [workload]}, at()))
    cores, used = found["cpu", "ml", workload.name], found["memory", "ml", workload.name]
    assert isinstance(cores, ResourceUsage)
    assert isinstance(used, ResourceUsage)
    assert cores.pods[0].containers == {"model": {"cpu": 250}, "proxy": {"cpu": 50}}
    assert used.pods[0].containers == {"model": {"memory": 2**21 * 1000}, "proxy": {"memory": 2**10 * 1000}}


def test_a_query_of_ones_own_gives_its_value(prometheus: RealPrometheus) -> None:
    prometheus.write([scraped("own_total", {"revision": "5c9d7f4b6d"}, lambda age: (300 - age) * 2.0)])
    wanted = OwnValue("default", 'sum(rate(own_total{revision="$revision"}[$window]))', "ml", "m", "5c9d7f4b6d")
    assert ask(prometheus, lambda metrics: metrics.values([wanted], at()))[wanted] == ExternalValues((2000,))
