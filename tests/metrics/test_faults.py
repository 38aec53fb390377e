"""Whatever Prometheus does, a tick comes back, and never a wrong number."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from fakes.prometheus import FakePrometheus, Fault
from judge.streams import heard
from metrics.subjects import ERROR_RATE, NOW, analysis, contract_labels, shifted, subject
from serin.api.status import Verdict
from serin.judge import Counts, Pair, Tick, explain
from serin.metrics import Meters, MetricsCollector, PrometheusProvider, Subject

CANDIDATE, STABLE = "8f21c0a97e", "5c9d7f4b6d"
POLICY = analysis(interval="2s")


@pytest.fixture
def fake() -> Iterator[FakePrometheus]:
    """A server that knows all three signals of both versions."""
    with FakePrometheus() as server:
        server.series = {
            "model_request_total": [
                (contract_labels(CANDIDATE, outcome="success"), 18.0),
                (contract_labels(CANDIDATE, outcome="error"), 2.0),
                (contract_labels(STABLE, outcome="success"), 80.0),
                ({"namespace": "ml", "serin_model": "other", "serin_revision": CANDIDATE, "outcome": "error"}, 99.0),
            ],
            "model_request_duration_seconds_bucket": [
                (contract_labels(revision, le=edge), value)
                for revision, edge, value in (
                    (CANDIDATE, "0.25", 15.0),
                    (CANDIDATE, "+Inf", 20.0),
                    (STABLE, "0.25", 79.0),
                    (STABLE, "+Inf", 80.0),
                )
            ],
            "model_outcome_total": [
                (contract_labels(CANDIDATE, predicted="3", actual="3"), 9.0),
                (contract_labels(CANDIDATE, predicted="3", actual="8"), 1.0),
                (contract_labels(STABLE, predicted="3", actual="3"), 40.0),
            ],
        }
        yield server


def collect(
    fake: FakePrometheus,
    *subjects: Subject,
    registry: CollectorRegistry | None = None,
    longest: timedelta = timedelta(seconds=10),
) -> dict[tuple[str, str], tuple[Tick, ...]]:
    provider = PrometheusProvider(fake.url, longest)
    try:
        collector = MetricsCollector(provider, Meters(registry or CollectorRegistry()))
        return asyncio.run(collector.collect(subjects))
    finally:
        provider.close()


def one_tick(fake: FakePrometheus) -> Tick:
    ((tick,),) = collect(fake, subject(policy=POLICY)).values()
    return tick


def test_everything_that_was_counted_is_read(fake: FakePrometheus) -> None:
    assert one_tick(fake) == Tick(
        NOW,
        {
            "error-rate": Pair(Counts(2, 20), Counts(0, 80)),
            "latency": Pair(Counts(5, 20), Counts(1, 80)),
            "accuracy": Pair(Counts(1, 10), Counts(0, 40)),
        },
        Pair(Counts(0, 20), Counts(0, 80)),
    )


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault.SLOW, "Prometheus did not answer within 1.6s"),
        (Fault.ERROR, "Prometheus refused the query (HTTP 500): the disk is full"),
        (Fault.BUSY, "Prometheus refused the query (HTTP 503): too many queries"),
        (Fault.PARTIAL, "Prometheus warned that its answer may be incomplete: the store gateway of last week"),
        (Fault.HTML, "The answer is not Prometheus' JSON"),
        (Fault.NOT_JSON, "The answer is not Prometheus' JSON"),
        (Fault.WRONG_SHAPE, "The answer is not Prometheus' JSON"),
        (Fault.WRONG_TIME, "The answer is for 1767268800.600 (Unix time), which was not asked for"),
        (Fault.PAST, "The answer is for 1767268798.000 (Unix time), which was not asked for"),
        (Fault.FUTURE, "The answer is for 1767268802.000 (Unix time), which was not asked for"),
    ],
)
def test_no_answer_is_a_problem_that_says_which(fake: FakePrometheus, fault: Fault, problem: str) -> None:
    fake.fault = fault
    tick = one_tick(fake)
    assert tick.problem is not None
    assert problem in tick.problem
    assert (tick.metrics, tick.requests) == ({}, None)


def test_no_query_takes_longer_than_the_operator_is_set_to_wait(fake: FakePrometheus) -> None:
    fake.fault = Fault.SLOW
    ((tick,),) = collect(fake, subject(policy=POLICY), longest=timedelta(seconds=0.2)).values()
    assert tick.problem is not None
    assert "Prometheus did not answer within 0.2s" in tick.problem


@pytest.mark.parametrize(("fault", "why"), [(Fault.EMPTY, "has no sample"), (Fault.NAN, "is NaN")])
def test_an_answer_without_a_number_is_missing_data_and_says_why(fake: FakePrometheus, fault: Fault, why: str) -> None:
    fake.fault = fault
    tick = one_tick(fake)
    assert tick.problem is None
    assert tick.requests is not None
    for pair in (tick.requests, *tick.metrics.values()):
        assert (pair.candidate, pair.stable) == (None, None)
        assert pair.note is not None
        assert pair.note.endswith(f"(by namespace, serin_model, serin_revision) {why} in the window")


@pytest.mark.parametrize(
    ("value", "why"), [(-3.0, "is negative or infinite"), (float("inf"), "is negative or infinite")]
)
def test_what_cannot_be_a_count_says_so(fake: FakePrometheus, value: float, why: str) -> None:
    fake.series["model_request_total"] = [
        (contract_labels(CANDIDATE, outcome="success"), value),
        (contract_labels(STABLE, outcome="success"), 80.0),
    ]
    pair = one_tick(fake).metrics["error-rate"]
    assert (pair.candidate, pair.stable) == (None, Counts(0, 80))
    assert pair.note == f"model_request_total (by namespace, serin_model, serin_revision) {why} in the window"


def test_a_histogram_that_lost_its_last_bucket_is_not_complete(fake: FakePrometheus) -> None:
    buckets = fake.series["model_request_duration_seconds_bucket"]
    fake.series["model_request_duration_seconds_bucket"] = [
        (labels, value) for labels, value in buckets if (labels["serin_revision"], labels["le"]) != (CANDIDATE, "+Inf")
    ]
    pair = one_tick(fake).metrics["latency"]
    assert (pair.candidate, pair.stable) == (None, Counts(1, 80))
    assert pair.note is not None
    assert "is not complete in the window" in pair.note


@pytest.mark.parametrize("name", ["envoi", "vllm"])
def test_a_proxy_that_no_preset_is_for_is_a_problem_of_its_own_rollout(fake: FakePrometheus, name: str) -> None:
    ((tick,),) = collect(fake, replace(subject(policy=POLICY), gateway=name)).values()
    assert tick.problem is not None
    assert tick.problem.startswith(f"no proxy's preset is called '{name}': write one of contour, istio")


@pytest.mark.parametrize("fault", list(Fault))
def test_whatever_goes_wrong_is_a_hold_with_a_reason_and_no_verdict(fake: FakePrometheus, fault: Fault) -> None:
    fake.fault = fault
    policy = analysis(ERROR_RATE, interval="2s")
    ((tick,),) = collect(fake, subject(policy=policy), longest=timedelta(seconds=0.5)).values()
    began = NOW - timedelta(seconds=2)
    word = explain(heard(policy, (tick,), step_since=began, began=began))
    assert (word.verdict, word.reason in {"NoData", "PrometheusUnavailable"}) == (Verdict.HOLD, True), word
    assert word.message


@pytest.mark.parametrize("vanished", [CANDIDATE, STABLE])
def test_series_that_vanish_in_the_middle_leave_what_was_counted_before(fake: FakePrometheus, vanished: str) -> None:
    gone_at = NOW.timestamp() - 2

    def vanishing(revision: str, value: float) -> Callable[[float], float | None]:
        return lambda at: None if revision == vanished and at >= gone_at else value

    fake.series["model_request_total"] = [
        (contract_labels(CANDIDATE, outcome="success"), vanishing(CANDIDATE, 20)),
        (contract_labels(STABLE, outcome="success"), vanishing(STABLE, 80)),
    ]
    policy = analysis(ERROR_RATE, interval="2s")
    (ticks,) = collect(fake, subject(policy=policy, due=4)).values()
    pairs = [tick.metrics["error-rate"] for tick in ticks]
    counted = [(pair.candidate if vanished == CANDIDATE else pair.stable) is not None for pair in pairs]
    assert counted == [True, True, False, False]
    began = NOW - timedelta(seconds=8)
    word = explain(heard(policy, ticks, step_since=began, began=began))
    assert word.verdict is Verdict.HOLD
    assert "NoData" in {word.reason, word.metrics[0].reason}


def test_what_is_missing_is_named(fake: FakePrometheus) -> None:
    del fake.series["model_outcome_total"]
    assert one_tick(fake).metrics["accuracy"].note == (
        "model_outcome_total (by namespace, serin_model, serin_revision) has no sample in the window"
    )


def test_down_is_a_problem_and_over_when_it_is_over(fake: FakePrometheus) -> None:
    fake.stop()
    tick = one_tick(fake)
    assert tick.problem is not None
    assert tick.problem == "Prometheus cannot be reached: [Errno 111] Connection refused"
    fake.start()
    assert one_tick(fake).problem is None


def test_a_vanished_version_is_missing_and_the_other_is_not(fake: FakePrometheus) -> None:
    fake.series["model_request_total"] = [
        (labels, value) for labels, value in fake.series["model_request_total"] if labels["serin_revision"] != STABLE
    ]
    tick = one_tick(fake)
    assert tick.metrics["error-rate"].candidate == Counts(2, 20)
    assert tick.metrics["error-rate"].stable is None
    assert tick.metrics["latency"].stable == Counts(1, 80)


def test_one_query_that_fails_leaves_the_rest_of_the_tick(fake: FakePrometheus) -> None:
    fake.fault, fake.faulty = Fault.ERROR, {"model_request_duration_seconds_bucket"}
    tick = one_tick(fake)
    assert tick.problem is not None
    assert set(tick.metrics) == {"error-rate", "accuracy"}
    assert tick.requests == Pair(Counts(0, 20), Counts(0, 80))


def test_missed_ticks_are_filled_in_by_the_same_query(fake: FakePrometheus) -> None:
    down_at = NOW.timestamp() - 2
    fake.series["model_request_total"] = [
        (contract_labels(CANDIDATE, outcome="success"), lambda at: None if at == down_at else at % 100),
        (contract_labels(STABLE, outcome="success"), 80.0),
    ]
    (ticks,) = collect(fake, subject(policy=analysis(ERROR_RATE, interval="2s"), due=4)).values()
    assert [tick.metrics["error-rate"].candidate for tick in ticks] == [
        Counts(0, (NOW.timestamp() - 6) % 100),
        Counts(0, (NOW.timestamp() - 4) % 100),
        None,
        Counts(0, NOW.timestamp() % 100),
    ]
    assert len(fake.queries) == 1


@pytest.mark.parametrize("count", [1, 50, 500])
def test_queries_do_not_grow_with_the_number_of_rollouts(fake: FakePrometheus, count: int) -> None:
    subjects = [subject(f"model-{number}", namespace=f"team-{number % 5}") for number in range(count)]
    ticks = collect(fake, *subjects)
    assert len(ticks) == count
    assert len(fake.queries) == 3


def test_all_queries_of_a_tick_bear_its_time(fake: FakePrometheus) -> None:
    collect(fake, subject())
    assert {(query.start, query.end, query.step) for query in fake.queries} == {
        (NOW.timestamp(), NOW.timestamp(), 30.0)
    }


def test_times_between_seconds_are_kept(fake: FakePrometheus) -> None:
    ((tick,),) = collect(
        fake, shifted(subject(policy=analysis(ERROR_RATE, interval="5s")), timedelta(seconds=1.25))
    ).values()
    assert fake.queries[0].start == NOW.timestamp() + 1.25
    assert tick.metrics["error-rate"].candidate == Counts(2, 20)


def test_nothing_due_asks_nothing(fake: FakePrometheus) -> None:
    assert collect(fake) == {}
    assert fake.queries == []


def test_what_was_asked_and_what_failed_is_counted(fake: FakePrometheus) -> None:
    registry = CollectorRegistry()
    collect(fake, subject(policy=POLICY), registry=registry)
    fake.fault = Fault.ERROR
    collect(fake, subject(policy=POLICY), registry=(other := CollectorRegistry()))
    assert registry.get_sample_value("serin_prometheus_queries_total", {"server": "default", "signal": "requests"}) == 1
    assert registry.get_sample_value("serin_prometheus_query_seconds_count") == 3
    labels = {"server": "default", "reason": "UnavailableError"}
    assert other.get_sample_value("serin_prometheus_query_failures_total", labels) == 3


def test_no_query_takes_longer_than_the_setting_allows(fake: FakePrometheus) -> None:
    fake.fault = Fault.SLOW
    provider = PrometheusProvider(fake.url, timedelta(seconds=0.2))
    try:
        collector = MetricsCollector(provider, Meters(CollectorRegistry()))
        ((tick,),) = asyncio.run(collector.collect([subject(policy=analysis(ERROR_RATE, interval="10m"))])).values()
    finally:
        provider.close()
    assert tick.problem == "Prometheus did not answer within 0.2s"
