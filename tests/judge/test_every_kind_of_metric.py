"""What holds of every metric, whatever it measures: the same promises for shares, means, gauges and distributions."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from judge.streams import ERROR_RATE, LATENCY, analysis, at, binomial, judged, only, pair
from judge.test_drift import TEN
from judge.test_drifting import DRIFT, SHIFTED, bins
from judge.test_value import GAUGE, MEAN, moments
from serin.api.status import AnalysisStatus, MetricStatus, Verdict
from serin.judge import Counts, Level, Pair, Tick

REQUESTS = pair((0, 100), (0, 400))
QUERY = 'sum(increase({}{{pod=~"$workload-.*"}}[$window]))'
RATIO = {
    "name": "unusable",
    "ratio": {"bad": QUERY.format("bad"), "total": QUERY.format("total")},
    "maxIncrease": {"absolute": "3%", "relative": "10%"},
}
Made = Callable[[random.Random, float, float], Pair]


def shares(source: random.Random, candidate: float, stable: float) -> Pair:
    """Bad events by chance; the values are percents."""
    return Pair(Counts(binomial(source, 100, candidate / 100), 100), Counts(binomial(source, 400, stable / 100), 400))


def means(source: random.Random, candidate: float, stable: float) -> Pair:
    """Values by chance."""
    return Pair(moments(source, candidate, events=60), moments(source, stable, events=240))


def levels(source: random.Random, candidate: float, stable: float) -> Pair:
    """Levels by chance."""
    return Pair(Level(source.gauss(candidate, 1)), Level(source.gauss(stable, 1)))


def predictions(source: random.Random, candidate: float, stable: float) -> Pair:
    """Predictions by chance; the values are how much they are shifted, from 0 to 1."""
    drawn = np.random.default_rng(source.randint(0, 2**31))
    mixed = (value * SHIFTED + (1 - value) * TEN for value in (candidate, stable))
    of_candidate, of_stable = (bins(drawn, mix, total) for mix, total in zip(mixed, (300, 1200), strict=True))
    return Pair(of_candidate, of_stable)


@dataclass(frozen=True)
class Kind:
    """A metric, how its ticks are made, and the values of a version as it should be and of one that is bad."""

    metric: dict[str, Any]
    made: Made
    good: float
    bad: float
    unit: str

    @property
    def name(self) -> str:
        """The metric's name."""
        return str(self.metric["name"])

    def tick(self, number: int, candidate: float, stable: float) -> Tick:
        """What both versions measured."""
        return Tick(at(number), {self.name: self.made(random.Random(number), candidate, stable)}, REQUESTS)

    def log(self, candidate: float, count: int, *, stable: float | None = None, first: int = 1) -> list[Tick]:
        """So many ticks."""
        beside = self.good if stable is None else stable
        return [self.tick(number, candidate, beside) for number in range(first, first + count)]

    def judged(self, *logs: list[Tick], **fields: Any) -> AnalysisStatus:
        """The verdict on these ticks."""
        return judged(analysis(self.metric, **fields), [tick for log in logs for tick in log])


KINDS = {
    "error-rate": Kind(ERROR_RATE, shares, 0.5, 40, "requests"),
    "latency": Kind(LATENCY, shares, 1, 50, "requests"),
    "accuracy": Kind({"name": "accuracy", "delta": "3%"}, shares, 2, 45, "labeled predictions"),
    "ratio": Kind(RATIO, shares, 2, 45, "events"),
    "mean": Kind(MEAN, means, 50, 75, "events"),
    "gauge": Kind(GAUGE, levels, 50, 75, "ticks"),
    "drift": Kind(DRIFT, predictions, 0, 1, "events"),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
ENOUGH = 30


@every_kind
def test_a_bad_candidate_fails_and_a_good_one_passes(kind: Kind) -> None:
    assert kind.judged(kind.log(kind.bad, ENOUGH)).verdict is Verdict.FAIL
    assert kind.judged(kind.log(kind.good, 3 * ENOUGH)).verdict is Verdict.PASS


@every_kind
def test_what_stable_shares_is_not_the_candidates(kind: Kind) -> None:
    status = kind.judged(kind.log(kind.bad, ENOUGH, stable=kind.bad))
    assert only(status).verdict is not Verdict.FAIL
    if "threshold" in kind.metric:
        assert (status.verdict, status.reason) == (Verdict.HOLD, "SharedBreach")


@every_kind
def test_one_burst_rolls_nothing_back_and_the_same_for_confirm_ticks_does(kind: Kind) -> None:
    before = kind.log(kind.good, ENOUGH)
    burst = kind.log(kind.bad, 1, first=ENOUGH + 1)
    after = kind.log(kind.good, ENOUGH, first=ENOUGH + 2)
    assert kind.judged(before, burst).verdict is not Verdict.FAIL
    assert kind.judged(before, burst, after).verdict is not Verdict.FAIL
    if kind.made is shares:
        assert kind.judged(kind.log(kind.bad, 3)).verdict is Verdict.FAIL
        assert kind.judged(before, kind.log(kind.bad, 6, first=ENOUGH + 1)).verdict is Verdict.FAIL


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.metric != DRIFT], ids=lambda kind: kind.name)
@pytest.mark.parametrize("good", [5, 30, 60])
def test_a_fault_that_comes_late_is_found_as_well_however_bad_it_is(kind: Kind, good: int) -> None:
    for bad in (kind.bad, kind.good + (kind.bad - kind.good) / 2):
        late = kind.log(bad, 40, first=good + 1)
        assert kind.judged(kind.log(kind.good, good), late).verdict is Verdict.FAIL


@every_kind
def test_fewer_bad_ticks_than_confirm_never_fail_and_many_do(kind: Kind) -> None:
    for confirm in (3, 5):
        assert kind.judged(kind.log(kind.bad, confirm - 1), confirm=confirm).verdict is not Verdict.FAIL
        assert kind.judged(kind.log(kind.bad, ENOUGH), confirm=confirm).verdict is Verdict.FAIL


@every_kind
@pytest.mark.parametrize("candidate", ["good", "bad"])
def test_a_metric_that_warns_never_rolls_back_and_never_holds(kind: Kind, candidate: str) -> None:
    warning = replace(kind, metric={**kind.metric, "action": "Warn"})
    value = kind.bad if candidate == "bad" else kind.good
    policy = analysis(warning.metric, ERROR_RATE if kind.name != "error-rate" else LATENCY)
    other = policy.metrics[1].name
    log = [
        replace(tick, metrics={**tick.metrics, other: pair((0, 100), (0, 400))})
        for tick in warning.log(value, 3 * ENOUGH)
    ]
    status = judged(policy, log)
    assert status.verdict is Verdict.PASS
    assert status.metrics[0].verdict is (Verdict.FAIL if candidate == "bad" else Verdict.PASS)
    assert status.metrics[0].action == "Warn"


@every_kind
def test_nothing_is_believed_before_the_split_is_and_that_is_said(kind: Kind) -> None:
    bent = [replace(tick, requests=pair((0, 250), (0, 250))) for tick in kind.log(kind.good, 3 * ENOUGH)]
    status = kind.judged(bent)
    assert (status.verdict, status.reason) == (Verdict.HOLD, "TrafficUnverified")
    assert only(status).verdict is Verdict.HOLD
    assert "the candidate got 50% of 45,000 requests in this step, its weight is 20%" in only(status).message
    unknown = [replace(tick, requests=None) for tick in kind.log(kind.bad, ENOUGH)]
    assert kind.judged(unknown).verdict is Verdict.HOLD


@every_kind
def test_no_traffic_and_no_data_hold_and_are_said(kind: Kind) -> None:
    measured = kind.log(kind.bad, ENOUGH)
    silent = [replace(tick, metrics={}, requests=pair((0, 0), (0, 0))) for tick in kind.log(0, 3, first=ENOUGH + 1)]
    quiet = kind.judged(measured, silent)
    assert (quiet.verdict, quiet.reason) == (Verdict.HOLD, "NoTraffic")
    assert quiet.message == "No requests reached either version in the newest tick"
    down = [Tick(tick.at, problem="Prometheus did not answer within 8s") for tick in silent]
    unanswered = kind.judged(measured, down)
    assert (unanswered.verdict, unanswered.reason) == (Verdict.HOLD, "PrometheusUnavailable")
    assert "Prometheus did not answer within 8s" in unanswered.message
    # And it goes on afterwards.
    assert kind.judged(measured, down, kind.log(kind.bad, ENOUGH, first=ENOUGH + 4)).verdict is Verdict.FAIL


@every_kind
@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.PASS, Verdict.CONTINUE])
def test_every_verdict_is_told_with_metric_values_counts_limit_estimate_and_interval(
    kind: Kind, verdict: Verdict
) -> None:
    logs = {Verdict.FAIL: (kind.bad, ENOUGH), Verdict.PASS: (kind.good, 3 * ENOUGH), Verdict.CONTINUE: (kind.good, 2)}
    status = kind.judged(kind.log(*logs[verdict]))
    metric = only(status)
    assert (status.verdict, metric.verdict) == (verdict, verdict)
    assert status.message == f"{kind.name}: {metric.message}"
    assert metric.reason
    assert kind.unit in metric.message
    assert metric.estimate is not None
    assert metric.harm is not None
    if verdict is not Verdict.CONTINUE:
        assert (metric.estimate > metric.limit) is (verdict is Verdict.FAIL)
    assert "limit" in metric.message
    if kind.name == "prediction-drift":
        _told_of_drift(metric)
    elif kind.name != "queue" or verdict is not Verdict.CONTINUE:
        assert "95% interval" in metric.message
        assert metric.interval is not None
        low, high = metric.interval
        assert low <= metric.estimate <= high


def _told_of_drift(metric: MetricStatus) -> None:
    """A divergence has no interval; what chance makes of it is said in its place."""
    assert "KS by chance up to" in metric.message or "chance alone makes" in metric.message
    assert "against" in metric.message
