"""What a server will not answer at once is asked for in parts, and in parts from the beginning the next time."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from fakes.prometheus import FakePrometheus, RecordedQuery
from metrics.real_prometheus import RealPrometheus, real_prometheus
from metrics.subjects import ERROR_RATE, NOW, analysis, subject
from serin.judge import Counts, Pair, Tick
from serin.metrics import Meters, MetricsCollector, PrometheusProvider, Subject

POLICY = analysis(ERROR_RATE)
CANDIDATE, STABLE = "8f21c0a97e", "5c9d7f4b6d"


class Asking:
    """A collector that remembers, and the server that it asks."""

    def __init__(self, url: str) -> None:
        self.provider = PrometheusProvider(url, timedelta(seconds=10))
        self.collector = MetricsCollector(self.provider, Meters(CollectorRegistry()))

    def collect(self, *subjects: Subject) -> dict[tuple[str, str], tuple[Tick, ...]]:
        return asyncio.run(self.collector.collect(subjects))


@pytest.fixture
def fake() -> Iterator[FakePrometheus]:
    with FakePrometheus() as server:
        server.series = {
            "model_request_total": [
                (labels(name, revision), float(number))
                for number, name in enumerate(NAMES)
                for revision in (CANDIDATE, STABLE)
            ]
        }
        yield server


NAMES = [f"model-{number:02}" for number in range(40)]


def labels(name: str, revision: str) -> dict[str, str]:
    return {"namespace": "ml", "serin_model": name, "serin_revision": revision, "outcome": "success"}


@pytest.fixture
def asking(fake: FakePrometheus) -> Iterator[Asking]:
    asking = Asking(fake.url)
    yield asking
    asking.provider.close()


def steps(query: RecordedQuery) -> int:
    return round((query.end - query.start) / query.step) + 1


def test_a_range_that_is_too_long_is_asked_for_in_parts(fake: FakePrometheus, asking: Asking) -> None:
    fake.too_large = lambda query: steps(query) > 3
    one = subject("model-07", due=10, policy=POLICY)
    (ticks,) = asking.collect(one).values()
    assert [(tick.at, tick.problem) for tick in ticks] == [(at, None) for at in one.due]
    assert [tick.metrics["error-rate"] for tick in ticks] == [Pair(Counts(0, 7), Counts(0, 7))] * 10
    assert sorted(steps(query) for query in fake.queries if not fake.too_large(query)) == [2, 2, 3, 3]


def test_rollouts_that_are_too_many_are_asked_for_in_parts(fake: FakePrometheus, asking: Asking) -> None:
    fake.too_large = lambda query: sum(name in query.expression for name in NAMES) != 1
    ticks = asking.collect(*(subject(name, policy=POLICY) for name in NAMES[:8]))
    assert [tick.metrics["error-rate"] for (tick,) in ticks.values()] == [
        Pair(Counts(0, number), Counts(0, number)) for number in range(8)
    ]


def test_what_was_too_large_is_not_asked_for_again(fake: FakePrometheus, asking: Asking) -> None:
    fake.too_large = lambda query: steps(query) > 3
    one = subject(due=10, policy=POLICY)
    asking.collect(one)
    fake.queries.clear()
    asking.collect(one)
    assert [steps(query) for query in fake.queries] == [2, 2, 2, 2, 2]


def test_what_is_too_large_in_the_smallest_part_is_a_problem_of_that_part(fake: FakePrometheus, asking: Asking) -> None:
    fake.too_large = lambda query: query.end >= NOW.timestamp()
    (ticks,) = asking.collect(subject("model-07", due=4, policy=POLICY)).values()
    assert [tick.problem is None for tick in ticks] == [True, True, True, False]
    assert ticks[-1].problem is not None
    assert "would load too many samples" in ticks[-1].problem


@pytest.mark.cluster
def test_a_real_server_is_asked_for_no_more_samples_than_it_will_load(prometheus_program: Path) -> None:
    with real_prometheus(prometheus_program, flags=["--query.max-samples=1500"]) as server:
        write(server)
        asking = Asking(server.url)
        try:
            ticks = asking.collect(*(subject(name, due=4, policy=POLICY) for name in NAMES))
        finally:
            asking.provider.close()
    assert asking.collector._most
    assert {tick.problem for log in ticks.values() for tick in log} == {None}
    assert [log[-1].metrics["error-rate"] for log in ticks.values()] == [
        Pair(Counts(0, 3 * number), Counts(0, 3 * number)) for number in range(40)
    ]


def write(server: RealPrometheus) -> None:
    """Twenty minutes of scrapes every ten seconds, in which each model serves as many requests as its number."""
    times = [NOW.timestamp() + second for second in range(-1200, 1, 10)]
    targets = [(f"{name}-{revision}", labels(name, revision), number) for number, name in enumerate(NAMES)
               for revision in (CANDIDATE, STABLE)]  # fmt: skip
    for instance, names, number in targets:
        target = {"job": "pods", "instance": instance}
        server.write(
            [
                ({"__name__": "up", **target}, [(at, 1.0) for at in times]),
                (
                    {"__name__": "model_request_total", **target, **names},
                    [(at, float(number * index)) for index, at in enumerate(times)],
                ),
            ]
        )
