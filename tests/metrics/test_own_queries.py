"""Metrics of a user's own: what is asked, and what of the answers is no measurement."""

import asyncio
import dataclasses
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from metrics.subjects import ERROR_RATE, NOW, analysis
from serin.judge import Pair, Tick
from serin.judge.counts import Bins, Counts, Level, Moments, Side
from serin.metrics import Meters, MetricsCollector, Subject
from serin.metrics.own_queries import MOST_TICKS, own_queries
from serin.metrics.provider import MetricsError, RangeQuery, RefusedError, Series, TooLargeError, UnreachableError

CANDIDATE, STABLE = "8f21c0a97e", "5c9d7f4b6d"
BAD = 'sum(increase(refused_total{revision="$revision"}[$window]))'
TOTAL = 'sum(increase(asked_total{revision="$revision"}[$window]))'
RATIO = {"name": "refusals", "ratio": {"bad": BAD, "total": TOTAL}, "threshold": "5%"}
GOOD_RATIO = {"name": "sales", "ratio": {"good": BAD.replace("refused", "bought"), "total": TOTAL}, "delta": "1%"}
FIELDS = ("sum", "count", "squares")
MEAN = {"name": "cost", "mean": {field: f'increase({field}{{r="$revision"}}[$window])' for field in FIELDS}}
GAUGE = {"name": "memory", "gauge": 'avg(memory_bytes{version="$version"})'}
HISTOGRAM = {
    "name": "length",
    "distribution": {"counts": 'sum by (le) (increase(length_bucket{r="$revision"}[$window]))', "bin": "le"},
}
CLASSES = {
    "name": "mix",
    "distribution": {"counts": 'sum by (class) (increase(classes{r="$revision"}[$window]))', "bin": "class"},
}
Answers = Mapping[str, list[tuple[dict[str, str], float]] | MetricsError]


class Provider:
    """Answers queries that contain a text, at every time that is asked for."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.own: list[RangeQuery] = []

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        if not query.own:
            return ()
        self.own.append(query)
        found = next((answer for text, answer in self._answers.items() if text in query.expression), [])
        if isinstance(found, MetricsError):
            raise found
        times = range(
            round(query.start.timestamp()), round(query.end.timestamp()) + 1, round(query.step.total_seconds())
        )
        return tuple(Series(labels, {at * 1000: value for at in times}) for labels, value in found)


def rollout(*metrics: Mapping[str, Any], due: int = 1) -> Subject:
    policy = analysis(
        *({"maxIncrease": {"absolute": "1"}, **metric} if is_level(metric) else metric for metric in metrics)
    )
    times = tuple(NOW - number * policy.interval for number in reversed(range(due)))
    return Subject("ml", "fraud", CANDIDATE, STABLE, policy, times, versions={CANDIDATE: "2.0.0", STABLE: "1.0.0"})


def is_level(metric: Mapping[str, Any]) -> bool:
    return "mean" in metric or "gauge" in metric


def collected(subject: Subject, provider: Provider) -> tuple[Tick, ...]:
    collector = MetricsCollector(provider, Meters(CollectorRegistry()))
    return asyncio.run(collector.collect([subject]))[subject.key]


def measured(metric: Mapping[str, Any], answers: Answers) -> Pair:
    (tick,) = collected(rollout(metric), Provider(answers))
    assert tick.problem is None
    return tick.metrics[metric["name"]]


def test_one_query_is_asked_for_each_field_and_version() -> None:
    asked = list(own_queries(rollout(ERROR_RATE, RATIO, GAUGE)))
    assert [query.expression for query in asked] == [
        f'sum(increase(refused_total{{revision="{CANDIDATE}"}}[30s]))',
        f'sum(increase(refused_total{{revision="{STABLE}"}}[30s]))',
        f'sum(increase(asked_total{{revision="{CANDIDATE}"}}[30s]))',
        f'sum(increase(asked_total{{revision="{STABLE}"}}[30s]))',
        'avg(memory_bytes{version="2.0.0"})',
        'avg(memory_bytes{version="1.0.0"})',
    ]
    assert {(query.start, query.end, query.step, query.own) for query in asked} == {
        (NOW, NOW, timedelta(seconds=30), True)
    }
    assert {(query.server, query.timeout) for query in asked} == {("default", timedelta(seconds=24))}


def test_what_was_missed_is_asked_for_in_the_same_query_up_to_a_length() -> None:
    asked = list(own_queries(rollout(GAUGE, due=2 * MOST_TICKS + 1)))
    spans = [(query.end - query.start) // query.step + 1 for query in asked]
    assert spans == [MOST_TICKS, MOST_TICKS, MOST_TICKS, MOST_TICKS, 1, 1]
    assert asked[-1].end == NOW


def test_stable_alone_is_asked_for_once() -> None:
    alone = dataclasses.replace(rollout(RATIO), candidate=STABLE)
    assert len(list(own_queries(alone))) == 2
    provider = Provider({"refused": [({}, 1)], "asked": [({}, 9)]})
    (tick,) = collected(alone, provider)
    assert tick.metrics["refusals"] == Pair(Counts(1, 9), Counts(1, 9))
    assert len(provider.own) == 2


LE = ("0.1", "1", "+Inf")


def buckets(*values: float) -> list[tuple[dict[str, str], float]]:
    return [({"le": edge}, value) for edge, value in zip(LE, values, strict=True)]


@pytest.mark.parametrize(
    ("metric", "answers", "side"),
    [
        (RATIO, {"refused": [({}, 2)], "asked": [({}, 10)]}, Counts(2, 10)),
        (RATIO, {"refused": [({}, 0)], "asked": [({}, 0)]}, Counts(0, 0)),
        (RATIO, {"refused": [({}, 3.0000000001)], "asked": [({}, 3)]}, Counts(3, 3)),
        (GOOD_RATIO, {"bought": [({}, 2)], "asked": [({}, 9)]}, Counts(7, 9)),
        (GOOD_RATIO, {"bought": [({}, 9 + 1e-12)], "asked": [({}, 9)]}, Counts(0, 9)),
        (MEAN, {"count": [({}, 3)], "sum{": [({}, 6)], "squares": [({}, 14)]}, Moments(3, 6, 14)),
        (GAUGE, {"memory": [({"pod": "a"}, -0.5)]}, Level(-0.5)),
        (HISTOGRAM, {"length": buckets(2, 2, 7)}, Bins({"0.1": 2, "1": 0, "+Inf": 5})),
        (HISTOGRAM, {"length": buckets(2, 2 - 1e-12, 7)}, Bins({"0.1": 2, "1": 0, "+Inf": 5})),
        (CLASSES, {"classes": [({"class": "a"}, 3), ({"class": "b"}, 0)]}, Bins({"a": 3, "b": 0})),
    ],
)
def test_answers_are_read_by_kind(metric: Mapping[str, Any], answers: Answers, side: Side) -> None:
    assert measured(metric, answers) == Pair(side, side)


@pytest.mark.parametrize(
    ("metric", "answers", "note"),
    [
        (RATIO, {"asked": [({}, 9)]}, "ratio.bad gives nothing: where that means none, write `or vector(0)` after it"),
        (
            RATIO,
            {"refused": [({"pod": "a"}, 1), ({"pod": "b"}, 1)], "asked": [({}, 9)]},
            "ratio.bad gives 2 series, and one is expected: put sum(...) around it",
        ),
        (
            RATIO,
            {"refused": [({}, 1)], "asked": [({}, float("nan"))]},
            "ratio.total gives NaN, and a number is expected",
        ),
        (
            RATIO,
            {"refused": [({}, 10)], "asked": [({}, 9)]},
            "ratio.bad is 10, and it must be a part of ratio.total, which is 9",
        ),
        (
            RATIO,
            {"refused": [({}, -1)], "asked": [({}, 9)]},
            "ratio.bad is -1 and ratio.total 9, and counts are never negative",
        ),
        (
            GOOD_RATIO,
            {"bought": [({}, 10)], "asked": [({}, 9)]},
            "ratio.good is 10, and it must be a part of ratio.total, which is 9",
        ),
        (
            MEAN,
            {"count": [({}, 3)], "sum{": [({}, 60)], "squares": [({}, 14)]},
            "mean.count is 3, mean.sum 60 and mean.squares 14, and no values have these three",
        ),
        (GAUGE, {"memory": [({}, float("-inf"))]}, "gauge gives -Inf, and a number is expected"),
        (
            HISTOGRAM,
            {"length": [({}, 3)]},
            "distribution.counts gives a series without the label le: write sum by (le) (...)",
        ),
        (
            HISTOGRAM,
            {"length": [*buckets(1, 2, 3), *buckets(1, 2, 3)]},
            'distribution.counts gives several series of le="0.1": write sum by (le) (...)',
        ),
        (
            HISTOGRAM,
            {"length": buckets(3, 2, 7)},
            "distribution.counts gives other numbers than expected: counts that do not fall, up to le=+Inf",
        ),
        (
            HISTOGRAM,
            {"length": buckets(3, 4, 7)[:2]},
            "distribution.counts gives other numbers than expected: counts that do not fall, up to le=+Inf",
        ),
        (
            HISTOGRAM,
            {"length": [({"le": "high"}, 3)]},
            "distribution.counts gives other numbers than expected: counts that do not fall, up to le=+Inf",
        ),
        (
            CLASSES,
            {"classes": [({"class": "a"}, float("nan"))]},
            "distribution.counts gives other numbers than expected: a count, 0 or more, in each bin",
        ),
        (RATIO, {"refused": RefusedError("no"), "asked": [({}, 9)]}, "ratio.bad was not answered: no"),
        (GAUGE, {"memory": UnreachableError("too slow")}, "gauge was not answered: too slow"),
    ],
)
def test_what_is_no_measurement_is_missing_and_a_note_tells(
    metric: Mapping[str, Any], answers: Answers, note: str
) -> None:
    assert measured(metric, answers) == Pair(None, None, note)


def test_a_note_tells_whose_answer_it_is() -> None:
    good: list[tuple[dict[str, str], float]] = [({}, 9)]
    assert measured(GAUGE, {'"2.0.0"': good}) == Pair(
        Level(9), None, "gauge gives nothing: where that means none, write `or vector(0)` after it (of stable)"
    )
    assert measured(GAUGE, {'"1.0.0"': good}) == Pair(
        None, Level(9), "gauge gives nothing: where that means none, write `or vector(0)` after it (of the candidate)"
    )


def test_histograms_with_other_bins_are_not_compared() -> None:
    answers = {CANDIDATE: buckets(1, 2, 3), STABLE: [({"le": "2"}, 1.0), ({"le": "+Inf"}, 3.0)]}
    pair = measured(HISTOGRAM, answers)
    assert (pair.candidate, pair.stable) == (None, None)
    assert pair.note is not None
    assert pair.note.startswith("the versions' bins differ")


def test_a_class_that_one_version_never_predicted_is_an_empty_bin() -> None:
    answers = {CANDIDATE: [({"class": "a"}, 3.0)], STABLE: [({"class": "b"}, 4.0)]}
    assert measured(CLASSES, answers) == Pair(Bins({"a": 3, "b": 0}), Bins({"a": 0, "b": 4}))


def test_a_query_that_is_no_promql_is_not_sent_and_is_told() -> None:
    provider = Provider({"asked": [({}, 9)]})
    ratio = {"name": "refusals", "ratio": {"bad": 'sum(x{r="$revision"}', "total": TOTAL}, "threshold": "5%"}
    (tick,) = collected(rollout(ratio), provider)
    why = "ratio.bad cannot be asked: it is no PromQL: unclosed left parenthesis"
    assert (tick.metrics["refusals"], tick.problem) == (Pair(None, None, why), None)
    assert ["asked" in query.expression for query in provider.own] == [True, True]


def test_a_version_that_is_not_known_is_told() -> None:
    (tick,) = collected(dataclasses.replace(rollout(GAUGE), versions={}), Provider({}))
    why = "gauge cannot be asked: what $version stands for is not known here"
    assert tick.metrics["memory"] == Pair(None, None, why)


def test_counts_that_are_not_of_the_window_are_told() -> None:
    answers: Answers = {"refused": [({}, 1)], "asked": [({}, 9)]}
    ratio = {"name": "refusals", "ratio": {"bad": 'refused{r="$revision"}', "total": TOTAL}, "threshold": "5%"}
    note = "without $window in ratio.bad, an event may be counted at several ticks or at none"
    assert measured(ratio, answers) == Pair(Counts(1, 9), Counts(1, 9), note)


def test_what_is_too_large_is_asked_for_in_halves() -> None:
    class Small(Provider):
        async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
            if query.own and query.start < query.end:
                raise TooLargeError("too many samples")
            return await super().query_range(query)

    ticks = collected(rollout(GAUGE, due=5), Small({"memory": [({}, 7)]}))
    assert [tick.metrics["memory"] for tick in ticks] == [Pair(Level(7), Level(7))] * 5


def test_a_server_that_does_not_answer_is_a_problem_of_the_tick() -> None:
    class Dead(Provider):
        async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
            raise UnreachableError("no answer")

    (tick,) = collected(rollout(GAUGE), Dead({}))
    assert tick.problem == "no answer"


def test_what_own_queries_cost_is_told_apart() -> None:
    registry = CollectorRegistry()
    collector = MetricsCollector(Provider({"asked": UnreachableError("too slow")}), Meters(registry))
    asyncio.run(collector.collect([rollout(RATIO)]))
    asked = registry.get_sample_value("serin_prometheus_queries_total", {"server": "default", "signal": "own"})
    failed = registry.get_sample_value(
        "serin_prometheus_query_failures_total", {"server": "default", "reason": "UnreachableError"}
    )
    assert (asked, failed) == (4, 2)
