"""A status is stored, and sent to everyone who watches: what four metrics say takes less than 4 KB, at its longest."""

import json
import random

import pytest

from judge.streams import analysis, at, heard
from serin.api.status import AnalysisStatus, Verdict
from serin.judge import Bins, Counts, Moments, Pair, Tick, explain

MOST_BYTES = 4096
TICKS = 30
MANY = 1_234_567
"""Requests of the candidate in a tick: a hundred thousand a second."""
NOTE = "250ms is not a bucket edge, counted at the next one, 0.333333333333 s, of model_request_duration_seconds_bucket"
PROBLEM = f"Prometheus at prometheus-operated.monitoring.svc refused the query: {'many words of its own, ' * 9}"


def named(kind: str) -> str:
    """As long as a name may be."""
    return f"{kind}-of-the-recommendations-that-are-shown-to-the-customers-of-the-shop"[:63]


QUERY = 'sum(delta({}{{pod=~"$workload-.*"}}[$window]))'
RATIO = {
    "name": named("unusable"),
    "ratio": {"bad": QUERY.format("bad"), "total": QUERY.format("total")},
    "maxIncrease": {"absolute": "0.5%", "relative": "10%"},
}
MEAN = {
    "name": named("tokens"),
    "mean": {name: QUERY.format(name) for name in ("sum", "count", "squares")},
    "maxIncrease": {"absolute": "0.00123"},
}
POLICY = analysis(
    {"name": "latency", "threshold": "250ms", "quantile": "0.999"},
    RATIO,
    MEAN,
    {"name": "prediction-drift", "maxPSI": "0.2", "action": "Rollback"},
    minSamples=1_000_000,
)
AS_ASKED = Pair(Counts(0, MANY), Counts(0, 4 * MANY))
TWICE_AS_MANY = Pair(Counts(0, 2 * MANY), Counts(0, 3 * MANY))


def moments(mean: float, count: float) -> Moments:
    """Events around a mean, with a standard deviation of a tenth."""
    return Moments(count, mean * count, (mean * mean + 0.01) * count)


def tick(number: int, *, worse: float, requests: Pair = AS_ASKED, scale: float = 1.0) -> Tick:
    """What both versions counted, with as many digits as there can be; the candidate is so many times as bad."""
    source, many = random.Random(number), MANY * scale
    drift = {f"{edge / 10:g}": 12345.0 * (edge if worse > 1 else 1) for edge in range(1, 11)}
    metrics = {
        "latency": Pair(Counts(many * 0.00025 * worse, many), Counts(many * 0.001, 4 * many), NOTE),
        RATIO["name"]: Pair(Counts(many * 0.037 * worse, many), Counts(many * 0.146, 4 * many), NOTE),
        MEAN["name"]: Pair(moments(0.123456789 * worse, many), moments(source.gauss(0.12345, 1e-4), 4 * many), NOTE),
        "prediction-drift": Pair(Bins(drift), Bins(dict.fromkeys(drift, 112_345.0)), NOTE),
    }
    return Tick(at(number), {str(name): pair for name, pair in metrics.items()}, requests)


def told(*log: Tick) -> AnalysisStatus:
    """The verdict on these ticks."""
    return explain(heard(POLICY, log))


LOOKS = range(1, TICKS + 1)
LONGEST = {
    "Pass": told(*(tick(number, worse=1.0) for number in LOOKS)),
    "Fail": told(*(tick(number, worse=8.0) for number in LOOKS)),
    "Continue": told(*(tick(number, worse=1.0, scale=1e-4) for number in LOOKS[:2])),
    "TrafficUnverified": told(*(tick(number, worse=8.0, requests=TWICE_AS_MANY) for number in LOOKS)),
    "PrometheusUnavailable": told(*(tick(number, worse=8.0) for number in LOOKS), Tick(at(31), problem=PROBLEM)),
}


@pytest.mark.parametrize("case", LONGEST)
def test_what_four_metrics_say_takes_less_than_four_kilobytes(case: str) -> None:
    status = LONGEST[case]
    assert case in {status.verdict, status.reason}
    stored = json.dumps(status.to_dict(), ensure_ascii=False, separators=(",", ":")).encode()
    assert len(stored) < MOST_BYTES


def test_the_cases_are_the_longest_that_each_verdict_can_say() -> None:
    for case, verdict in (("Pass", Verdict.PASS), ("Fail", Verdict.FAIL), ("TrafficUnverified", Verdict.HOLD)):
        for metric in LONGEST[case].metrics:
            assert metric.verdict is verdict
            assert NOTE in metric.message
            assert metric.estimate is not None
    assert all(metric.needs for metric in LONGEST["Continue"].metrics[:2])
    assert all(PROBLEM in metric.message for metric in LONGEST["PrometheusUnavailable"].metrics)
