"""Rollouts of several servers, looked at together: each asks its own, and none is hurt by another's."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from fakes.prometheus import FakePrometheus, Fault
from metrics.subjects import ERROR_RATE, analysis, contract_labels, subject
from serin.judge import Counts, Tick
from serin.metrics import Meters, MetricsCollector, Server, ServerPool, Subject

CANDIDATE, STABLE = "8f21c0a97e", "5c9d7f4b6d"
OWN = {
    "name": "refusals",
    "ratio": {"bad": 'bad{revision="$revision"}', "total": 'all{revision="$revision"}'},
    "threshold": "2%",
}


@pytest.fixture
def servers() -> Iterator[dict[str, FakePrometheus]]:
    """Two, which count the same series otherwise: 10 requests on the first, 20 on the second."""
    with FakePrometheus() as first, FakePrometheus() as second:
        for server, count in ((first, 10.0), (second, 20.0)):
            server.series = {
                "model_request_total": [
                    (contract_labels(revision, outcome="success") | {"serin_model": name}, count)
                    for revision in (CANDIDATE, STABLE)
                    for name in ("a", "b", "c")
                ],
                "bad": [({}, 1.0)],
                "all": [({}, count)],
            }
        yield {"default": first, "second": second}


def on(server: str, model: str) -> Subject:
    policy = analysis(ERROR_RATE, OWN, interval="2s").model_copy(update={"prometheus": server})
    return subject(model, policy=policy)


def collect(servers: dict[str, FakePrometheus], *subjects: Subject) -> dict[str, Tick]:
    """One tick of each, by model."""
    meters = Meters(CollectorRegistry())
    known: Sequence[Server] = [Server(name=name, url=fake.url) for name, fake in servers.items()]
    pool = ServerPool(known, timedelta(seconds=1), meters)
    try:
        ticks = asyncio.run(MetricsCollector(pool, meters).collect(subjects))
    finally:
        pool.close()
    return {model: log[0] for (_, model), log in ticks.items()}


def test_each_rollout_is_counted_by_its_own_server(servers: dict[str, FakePrometheus]) -> None:
    ticks = collect(servers, on("default", "a"), on("second", "b"))
    assert [ticks[model].metrics["error-rate"].candidate for model in "ab"] == [Counts(0, 10), Counts(0, 20)]
    assert [ticks[model].metrics["refusals"].candidate for model in "ab"] == [Counts(1, 10), Counts(1, 20)]
    for name, other in (("default", "b"), ("second", "a")):
        assert not [query for query in servers[name].queries if f'serin_model=~"{other}"' in query.expression]


def test_one_that_fails_is_a_problem_of_its_own_rollouts(servers: dict[str, FakePrometheus]) -> None:
    servers["second"].fault = Fault.ERROR
    ticks = collect(servers, on("default", "a"), on("second", "b"))
    assert ticks["a"].problem is None
    assert ticks["b"].problem == "Prometheus refused the query (HTTP 500): the disk is full"


def test_one_that_nobody_knows_is_told_with_those_that_are_known(servers: dict[str, FakePrometheus]) -> None:
    ticks = collect(servers, on("default", "a"), on("third", "c"))
    assert ticks["a"].problem is None
    assert ticks["c"].problem == (
        "no Prometheus of the operator's settings is called 'third': write one of default, second"
    )
