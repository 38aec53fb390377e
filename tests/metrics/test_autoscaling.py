"""What replicas follow in Prometheus: few queries for many versions, and never a zero for what is not known."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import promql_parser
import pytest
from prometheus_client import CollectorRegistry

from serin.api.autoscaling_metrics import Signal
from serin.metrics import AutoscalingMetrics, Meters
from serin.metrics.containers import Workload
from serin.metrics.loads import Kind, Load, milli, series_of
from serin.metrics.own_values import OwnValue
from serin.metrics.preset import load_preset, preset_names
from serin.metrics.provider import (
    MetricsError,
    PartialAnswerError,
    RangeQuery,
    Series,
    TooLargeError,
    UnreachableError,
)
from serin.scaling.pods import Container, Pod
from serin.scaling.samples import ExternalValues, PodSample, PodUsage, PodValues, ResourceUsage, Unavailable

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MILLISECONDS = round(AT.timestamp() * 1000)
QUEUE = Kind("default", Signal.QUEUE_LENGTH, "vllm")
RUNNING = Kind("default", Signal.RUNNING_REQUESTS, "contract")
Answers = Callable[[RangeQuery], tuple[Series, ...]]


@dataclass
class Provider:
    """A Prometheus that a test answers for."""

    answers: Answers = lambda _: ()
    queries: list[RangeQuery] = field(default_factory=list)

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """What the test says."""
        self.queries.append(query)
        assert promql_parser.parse(query.expression)
        assert query.start == query.end == AT
        return self.answers(query)


def metrics_of(provider: Provider) -> AutoscalingMetrics:
    """The real thing, over a provider."""
    return AutoscalingMetrics(provider, Meters(CollectorRegistry()))


def series(value: float, **labels: str) -> Series:
    """One series with one value."""
    return Series(labels, {MILLISECONDS: value})


def load(kind: Kind = QUEUE, model: str = "fraud", revision: str = "5c9d7f4b6d") -> Load:
    """A signal of a revision."""
    return Load(kind, "ml", model, revision)


def of_pod(value: float, pod: str, model: str = "fraud", revision: str = "5c9d7f4b6d") -> Series:
    """A signal of a pod, as Prometheus answers it."""
    return series(value, namespace="ml", serin_model=model, serin_revision=revision, pod=pod)


def raising(error: MetricsError) -> Answers:
    """A server that fails."""

    def answers(query: RangeQuery) -> tuple[Series, ...]:
        raise error

    return answers


def loads(provider: Provider, *wanted: Load) -> Mapping[Load, PodValues | Unavailable]:
    """What is answered of some signals."""
    return asyncio.run(metrics_of(provider).loads(wanted, AT))


def test_a_signal_is_told_pod_by_pod_and_version_by_version() -> None:
    provider = Provider(lambda _: (of_pod(2.5, "a"), of_pod(0, "b"), of_pod(9, "c", revision="8f21c0a97e")))
    found = loads(provider, load(), load(revision="8f21c0a97e"))
    minute = timedelta(minutes=1)
    assert found[load()] == PodValues({"a": PodSample(2500, AT, minute), "b": PodSample(0, AT, minute)})
    assert found[load(revision="8f21c0a97e")] == PodValues({"c": PodSample(9000, AT, minute)})
    (query,) = provider.queries
    assert query.expression == (
        "sum by (namespace, serin_model, serin_revision, pod) (avg_over_time(vllm:num_requests_waiting"
        '{namespace=~"ml",serin_model=~"fraud",serin_revision=~"5c9d7f4b6d|8f21c0a97e"}[60s]))'
    )


def test_requests_under_way_are_known_by_the_time_that_they_took() -> None:
    provider = Provider(lambda _: (of_pod(3, "a"),))
    assert loads(provider, load(RUNNING))[load(RUNNING)] == PodValues({"a": PodSample(3000, AT, timedelta(minutes=2))})
    assert "rate(model_request_duration_seconds_sum{" in provider.queries[0].expression
    assert provider.queries[0].expression.endswith("[120s])) * 1")


@pytest.mark.parametrize("number", [1, 500])
def test_the_number_of_queries_does_not_grow_with_that_of_the_models(number: int) -> None:
    provider = Provider()
    names = [f"model-{index}" for index in range(number)]
    workloads = [Workload(f"team-{index % 7}", f"{name}-5c9d7f4b6d", ()) for index, name in enumerate(names)]

    async def one_pass() -> None:
        metrics = metrics_of(provider)
        wanted = [load(kind, name) for name in names for kind in (QUEUE, RUNNING)]
        await asyncio.gather(metrics.loads(wanted, AT), metrics.usage({"cpu": workloads, "memory": workloads}, AT))

    asyncio.run(one_pass())
    assert len(provider.queries) == 4
    assert all(len(query.expression) < 2000 for query in provider.queries)


def test_each_server_and_preset_is_asked_its_own_way() -> None:
    provider = Provider()
    wanted = [
        load(),
        load(Kind("mimir", Signal.QUEUE_LENGTH, "vllm")),
        load(Kind("default", Signal.QUEUE_LENGTH, "triton")),
    ]
    loads(provider, *wanted, *wanted)
    assert sorted(query.server for query in provider.queries) == ["default", "default", "mimir"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((), "Prometheus has no vllm:num_requests_waiting of this version"),
        ((of_pod(1, "a", model="other"),), "Prometheus has no vllm:num_requests_waiting of this version"),
        ((of_pod(1, ""),), "has no label pod"),
        ((of_pod(float("nan"), "a"),), "is no number"),
        ((of_pod(float("inf"), "a"),), "is no number"),
        ((Series(of_pod(1, "a").labels, {MILLISECONDS - 15_000: 1.0}),), "Prometheus has no"),
    ],
)
def test_what_is_missing_is_said_and_no_zero(answer: tuple[Series, ...], words: str) -> None:
    sample = loads(Provider(lambda _: answer), load())[load()]
    assert isinstance(sample, Unavailable)
    assert words in sample.message


def test_a_pod_whose_value_is_no_number_is_a_pod_without_a_value() -> None:
    sample = loads(Provider(lambda _: (of_pod(float("nan"), "a"), of_pod(4, "b"))), load())[load()]
    assert sample == PodValues({"b": PodSample(4000, AT, timedelta(minutes=1))})


@pytest.mark.parametrize(
    "error", [UnreachableError("Prometheus did not answer within 10s"), PartialAnswerError("Prometheus warned")]
)
def test_a_server_that_fails_is_told_of_in_its_words(error: MetricsError) -> None:
    provider = Provider(raising(error))
    assert loads(provider, load())[load()] == Unavailable(str(error))
    usage = asyncio.run(metrics_of(provider).usage({"cpu": [Workload("ml", "fraud-x", ())]}, AT))
    assert usage == {("cpu", "ml", "fraud-x"): Unavailable(str(error))}


def test_what_is_too_large_is_asked_in_halves_and_not_so_large_again() -> None:
    def answers(query: RangeQuery) -> tuple[Series, ...]:
        if query.expression.count("model-") > 2:
            raise TooLargeError("too many samples")
        return ()

    provider = Provider(answers)
    wanted = [load(model=f"model-{index}") for index in range(4)]

    async def two_passes() -> int:
        metrics = metrics_of(provider)
        assert set(await metrics.loads(wanted, AT)) == set(wanted)
        first = len(provider.queries)
        await metrics.loads(wanted, AT)
        return first

    assert asyncio.run(two_passes()) == 3
    assert len(provider.queries) == 5


def test_one_that_is_too_large_by_itself_is_unavailable() -> None:
    sample = loads(Provider(raising(TooLargeError("too many samples"))), load())[load()]
    assert sample == Unavailable("too many samples")


@pytest.mark.parametrize(
    ("preset", "signal", "words"),
    [
        ("kserve", Signal.QUEUE_LENGTH, "KServe's Python model server exposes no queue-length: in place of metric"),
        ("contour", Signal.RUNNING_REQUESTS, "does not know pods, so it tells no running-requests"),
        ("triten", Signal.QUEUE_LENGTH, "no preset is called 'triten'"),
    ],
)
def test_what_no_preset_tells_says_what_to_write(preset: str, signal: Signal, words: str) -> None:
    provider = Provider()
    wanted = load(Kind("default", signal, preset))
    sample = loads(provider, wanted)[wanted]
    assert isinstance(sample, Unavailable)
    assert words in sample.message
    assert not provider.queries


@pytest.mark.parametrize("preset", preset_names())
def test_the_query_of_every_preset_can_be_asked_and_is_read_back(preset: str) -> None:
    for signal in Signal:
        kind = Kind("default", signal, preset)
        if series_of(kind) is None:
            continue
        wanted = load(kind)
        labels = dict(zip(load_preset(preset).label_names, wanted.identity(load_preset(preset)), strict=True))
        sample = loads(Provider(lambda _, labels=labels: (series(1, **labels, pod="a"),)), wanted)[wanted]  # type: ignore[misc]
        assert isinstance(sample, PodValues)
        assert sample.values["a"].value == 1000


def pod(name: str, *containers: str) -> Pod:
    """A pod with these containers."""
    return Pod(name, containers=tuple(map(Container, containers)))


def used(value: float, pod: str, container: str, namespace: str = "ml") -> Series:
    """A series of cAdvisor, as it is asked for."""
    return series(value, namespace=namespace, pod=pod, container=container)


def test_containers_are_told_by_cadvisor_in_milli_units_with_the_window() -> None:
    workload = Workload("ml", "fraud-5c9d7f4b6d", (pod("fraud-5c9d7f4b6d-a", "model", "proxy"),))
    name = workload.pods[0].name

    def answers(query: RangeQuery) -> tuple[Series, ...]:
        if "cpu" in query.expression:
            return used(0.25, name, "model"), used(0.0501, name, "proxy"), used(9, name, "model", "other")
        return used(2**30, name, "model"), used(1024, name, "proxy")

    provider = Provider(answers)
    found = asyncio.run(metrics_of(provider).usage({"cpu": [workload], "memory": [workload]}, AT))
    window = timedelta(minutes=2)
    assert found["cpu", "ml", workload.name] == ResourceUsage(
        (PodUsage(name, AT, window, {"model": {"cpu": 250}, "proxy": {"cpu": 50}}),)
    )
    assert found["memory", "ml", workload.name] == ResourceUsage(
        (PodUsage(name, AT, window, {"model": {"memory": 2**30 * 1000}, "proxy": {"memory": 1024 * 1000}}),)
    )
    assert [query.expression for query in provider.queries] == [
        f"max by (namespace, pod, container) ({function}({metric}"
        '{namespace=~"ml",pod=~"(fraud-5c9d7f4b6d)-.*",container!~"|POD"}[120s]))'
        for function, metric in (
            ("rate", "container_cpu_usage_seconds_total"),
            ("last_over_time", "container_memory_working_set_bytes"),
        )
    ]


@pytest.mark.parametrize(
    "answer",
    [
        (),
        (used(1, "fraud-a", "model"),),
        (used(1, "fraud-a", "model"), used(float("nan"), "fraud-a", "proxy")),
        (used(1, "fraud-b", "model"), used(1, "fraud-b", "proxy")),
    ],
)
def test_a_pod_of_which_a_container_is_missing_is_not_taken_for_less(answer: tuple[Series, ...]) -> None:
    workload = Workload("ml", "fraud", (pod("fraud-a", "model", "proxy"),))
    found = asyncio.run(metrics_of(Provider(lambda _: answer)).usage({"cpu": [workload]}, AT))
    sample = found["cpu", "ml", "fraud"]
    assert isinstance(sample, Unavailable)
    assert "metrics.k8s.io is not served" in sample.message


OWN = OwnValue("default", 'sum(rate(x_total{revision="$revision"}[$window]))', "ml", "fraud", "5c9d7f4b6d")


def value(provider: Provider, wanted: OwnValue = OWN) -> ExternalValues | Unavailable:
    """What a query of a user's own gives."""
    return asyncio.run(metrics_of(provider).values([wanted], AT))[wanted]


def test_a_query_of_ones_own_is_asked_for_each_version_and_read_as_one_value() -> None:
    provider = Provider(lambda _: (series(12.3456),))
    assert value(provider) == ExternalValues((12346,))
    (query,) = provider.queries
    assert query.expression == 'sum(rate(x_total{revision="5c9d7f4b6d"}[60s]))'
    assert query.own


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((), "the query gives nothing"),
        ((series(1, a="1"), series(2, a="2")), "gives 2 series, and one is expected"),
        ((series(float("nan")),), "gives nan, and a number is expected"),
        ((series(float("inf")),), "gives inf, and a number is expected"),
        ((series(1e300),), "gives 1e+300, and a number is expected"),
    ],
)
def test_what_is_not_one_number_is_no_value(answer: tuple[Series, ...], words: str) -> None:
    sample = value(Provider(lambda _: answer))
    assert isinstance(sample, Unavailable)
    assert words in sample.message


def test_a_query_that_was_not_answered_or_cannot_be_asked_is_no_value() -> None:
    sample = value(Provider(raising(UnreachableError("Prometheus did not answer within 10s"))))
    assert sample == Unavailable("the query was not answered: Prometheus did not answer within 10s")
    provider = Provider()
    wrong = value(provider, OwnValue("default", "sum(x)", "ml", "fraud", "5c9d7f4b6d"))
    assert isinstance(wrong, Unavailable)
    assert "the query cannot be asked: it has the same answer for both versions" in wrong.message
    assert not provider.queries


def test_milli_units_are_whole_and_within_what_can_be_counted() -> None:
    assert [milli(number) for number in (0.0005, 0.0015, 9.2e15, 9.3e15)] == [0, 2, 9_200_000_000_000_000_000, None]
