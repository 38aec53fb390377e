"""Metrics of a user's own, from the answer of Prometheus to the verdict."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from judge.streams import analysis, at, judged, only
from metrics.subjects import contract_labels
from serin.api.status import MetricStatus
from serin.metrics import Meters, MetricsCollector, Subject
from serin.metrics.provider import RangeQuery, Series

CANDIDATE, STABLE = "8f21c0a97e", "5c9d7f4b6d"
TICKS = tuple(at(number) for number in range(1, 31))
OF_A_VERSION = '{r="$revision"}[$window]'
Answer = list[tuple[dict[str, str], float]]


class Provider:
    """A fifth of the requests goes to the candidate; own queries are answered by the metric that they name."""

    def __init__(self, candidate: Mapping[str, Answer], stable: Mapping[str, Answer]) -> None:
        self._answers = {CANDIDATE: candidate, STABLE: stable}

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        """The same at every tick."""
        found: Answer
        if query.own:
            revision = CANDIDATE if CANDIDATE in query.expression else STABLE
            found = next((answer for text, answer in self._answers[revision].items() if text in query.expression), [])
        else:
            found = [
                (contract_labels(revision, outcome="success"), requests)
                for revision, requests in ((CANDIDATE, 200), (STABLE, 800))
            ]
        times = [round(tick.timestamp() * 1000) for tick in TICKS]
        # A little more and less from tick to tick, for both alike: what never moves at all is not measured by chance.
        return tuple(
            Series(labels, {when: value * (1 + 0.01 * (number % 3)) for number, when in enumerate(times)})
            for labels, value in found
        )


def verdict(metric: Mapping[str, Any], candidate: Mapping[str, Answer], stable: Mapping[str, Answer]) -> MetricStatus:
    policy = analysis(metric)
    collector = MetricsCollector(Provider(candidate, stable), Meters(CollectorRegistry()))
    subject = Subject("ml", "fraud", CANDIDATE, STABLE, policy, TICKS)
    (ticks,) = asyncio.run(collector.collect([subject])).values()
    return only(judged(policy, ticks))


def counted(name: str, by: str = "") -> str:
    return f"sum{by} (increase({name}{OF_A_VERSION}))"


RATIO = {
    "name": "refusals",
    "ratio": {"bad": counted("refused_total"), "total": counted("asked_total")},
    "maxIncrease": {"absolute": "1%"},
}
MEAN = {
    "name": "length",
    "mean": {"sum": counted("l_sum"), "count": counted("l_count"), "squares": counted("l_squares")},
    "maxIncrease": {"absolute": "5"},
}
GAUGE = {"name": "memory", "gauge": 'max(memory{r="$revision"})', "maxIncrease": {"absolute": "2"}}
CLASSES = {
    "name": "mix",
    "distribution": {"counts": counted("classes", " by (class)"), "bin": "class"},
    "action": "Rollback",
}


def classes(*counts: float) -> Answer:
    return [({"class": name}, count) for name, count in zip("abc", counts, strict=True)]


@pytest.mark.parametrize(
    ("metric", "good", "bad"),
    [
        (
            RATIO,
            {"refused": [({}, 2.0)], "asked": [({}, 200.0)]},
            {"refused": [({}, 20.0)], "asked": [({}, 200.0)]},
        ),
        (
            MEAN,
            {"l_sum": [({}, 2000.0)], "l_count": [({}, 100.0)], "l_squares": [({}, 42000.0)]},
            {"l_sum": [({}, 4000.0)], "l_count": [({}, 100.0)], "l_squares": [({}, 162000.0)]},
        ),
        (GAUGE, {"memory": [({}, 10.0)]}, {"memory": [({}, 20.0)]}),
        (CLASSES, {"classes": classes(100, 50, 50)}, {"classes": classes(50, 50, 100)}),
    ],
    ids=["ratio", "mean", "gauge", "distribution"],
)
def test_a_bad_candidate_fails_and_a_good_one_does_not(
    metric: Mapping[str, Any], good: Mapping[str, Answer], bad: Mapping[str, Answer]
) -> None:
    failed, passed = verdict(metric, bad, good), verdict(metric, good, good)
    assert (failed.verdict, failed.reason) == ("Fail", "OverLimit"), failed.message
    assert passed.verdict in {"Pass", "Continue"}, passed.message


def test_an_answer_that_is_no_measurement_holds_and_says_what_is_expected() -> None:
    good: Mapping[str, Answer] = {"refused": [({}, 2.0)], "asked": [({}, 200.0)]}
    found = verdict(RATIO, {**good, "refused": [({"pod": "a"}, 1.0), ({"pod": "b"}, 1.0)]}, good)
    assert (found.verdict, found.reason) == ("Hold", "NoData")
    assert "ratio.bad gives 2 series, and one is expected: put sum(...) around it (of the candidate)" in found.message
