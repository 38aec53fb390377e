"""Drift, through the judge: it alarms where the distributions differ by enough and for certain, and says why if not."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from judge.streams import START, analysis, at, heard, judged, only, pair
from judge.test_drift import TEN, drawn
from serin.api.status import AnalysisStatus, Verdict
from serin.judge import Bins, Pair, Tick, explain, freeze
from serin.judge.bench import Judge
from serin.judge.drifting import MOST_BINS
from serin.judge.evidence import Floats
from serin.judge.rule import Finding
from serin.judge.step import Step

DRIFT: dict[str, Any] = {"name": "prediction-drift", "action": "Rollback"}
CLASSES = {**DRIFT, "of": "Classes"}
REQUESTS = pair((0, 100), (0, 400))
ALL = pair((0, 500), (0, 0))
SHIFTED = np.array([0.2, 0.2, 0.15, 0.1, 0.1, 0.1, 0.05, 0.04, 0.03, 0.03])


def bins(source: np.random.Generator, shares: Floats, total: int) -> Bins:
    """So many predictions over ten bins."""
    counts = source.multinomial(total, shares).tolist()
    return Bins({f"{(number + 1) / 10:g}": float(count) for number, count in enumerate(counts)})


def log_of(pairs: Sequence[Pair], *, first: int = 1, requests: Pair = REQUESTS) -> list[Tick]:
    """Ticks of the drift alone."""
    return [Tick(at(number), {"prediction-drift": measured}, requests) for number, measured in enumerate(pairs, first)]


def drifting(shares: Floats, count: int, *, seed: int = 1, candidate: int = 150, stable: int = 2850) -> list[Pair]:
    """Ticks in which the candidate's predictions have these shares."""
    source = np.random.default_rng(seed)
    return [Pair(bins(source, shares, candidate), bins(source, TEN, stable)) for _ in range(count)]


def test_a_real_shift_alarms_after_confirm_ticks() -> None:
    log = log_of(drifting(SHIFTED, 10))
    reasons = [only(judged(analysis(DRIFT), log[:count])).reason for count in range(1, 11)]
    assert "OverLimit" not in reasons[:2]
    assert reasons.index("OverLimit") <= 4
    assert set(reasons[5:]) == {"OverLimit"}
    status = judged(analysis(DRIFT), log)
    assert status.verdict is Verdict.FAIL
    metric = only(status)
    assert metric.estimate is not None
    assert metric.estimate > metric.limit == 0.2
    assert metric.harm == "1.00"
    assert "against 28,500 events in 10 bins (KL " in metric.message


def test_fewer_ticks_than_confirm_never_pass() -> None:
    log = log_of(drifting(TEN, 5))
    found = [heard(analysis(DRIFT, confirm=4), log[:count]).measures[0].finding for count in range(1, 6)]
    assert found == [Finding.UNDECIDED] * 3 + [Finding.PASSED] * 2


@pytest.mark.parametrize("limit", [{"maxKL": "0.1"}, {"maxJS": "0.03"}, {"maxKS": "0.2"}, {"maxPSI": "0.3"}])
def test_each_divergence_can_be_the_limit(limit: dict[str, str]) -> None:
    policy = analysis({**DRIFT, **limit})
    assert judged(policy, log_of(drifting(SHIFTED, 8))).verdict is Verdict.FAIL
    assert judged(policy, log_of(drifting(TEN, 8))).verdict is Verdict.PASS


def test_the_same_predictions_never_alarm_however_often_one_looks() -> None:
    # A single look at the raw PSI of these would exceed 0.1 one time in ten.
    policy = analysis({**DRIFT, "maxPSI": "0.02"})
    for seed in range(60):
        judge = Judge()
        trial = judge.open(policy, budget=freeze(policy, steps=3), candidate="8f21c0a97e", began=START)
        trial.enter(Step(START, 20))
        for tick in log_of(drifting(TEN, 25, seed=seed)):
            judge.hear([(trial, tick)])
            assert trial.measures[0].finding.verdict is not Verdict.FAIL
        assert trial.measures[0].finding.verdict is Verdict.PASS


def test_why_it_does_not_alarm_is_said() -> None:
    source, policy = np.random.default_rng(2), analysis({**DRIFT, "maxPSI": "0.1"}, confirm=1)
    while True:
        candidate, stable = drawn(source, 150), drawn(source, 2850)
        status = only(judged(policy, log_of([Pair(candidate, stable)])))
        if "chance" in status.message.split("(")[0]:
            break
    assert status.reason == "WithinLimit"
    assert status.message.startswith("PSI is 0.1")
    assert "over the limit of 0.1, but chance alone makes about 0.063 of it with 150 against 2,850" in status.message


def test_a_small_difference_that_is_certain_passes() -> None:
    mild = TEN * np.array([1.15] * 5 + [0.89] * 5)
    status = only(judged(analysis(DRIFT), log_of(drifting(mild / mild.sum(), 60, candidate=2000, stable=8000))))
    assert (status.verdict, status.harm) == (Verdict.PASS, "1.00")


def test_drift_warns_and_moves_nothing_unless_it_is_told_to() -> None:
    status = judged(analysis({"name": "prediction-drift"}), log_of(drifting(SHIFTED, 10)))
    assert (only(status).verdict, only(status).action) == (Verdict.FAIL, "Warn")
    assert status.verdict is Verdict.PASS


def test_a_class_that_only_the_candidate_predicts_alarms_as_soon_as_it_is_certain() -> None:
    both = Pair(Bins({"cat": 50, "dog": 50, "owl": 0}), Bins({"cat": 200, "dog": 200, "owl": 0}))
    late = Pair(Bins({"cat": 20, "dog": 20, "owl": 60}), Bins({"cat": 200, "dog": 200, "owl": 0}))
    assert judged(analysis(CLASSES), log_of([both] * 20)).verdict is Verdict.PASS
    assert judged(analysis(CLASSES), log_of([both] * 5 + [late] * 6)).verdict is Verdict.FAIL
    gone = Pair(Bins({"cat": 100, "dog": 0, "owl": 0}), Bins({"cat": 200, "dog": 200, "owl": 0}))
    assert judged(analysis(CLASSES), log_of([gone] * 6)).verdict is Verdict.FAIL


def test_predictions_that_come_in_drops_add_up() -> None:
    drops = [Pair(Bins({"cat": 3}), None), Pair(None, Bins({"cat": 40})), Pair(Bins({}), Bins({"cat": 1}))]
    status = only(
        judged(analysis(CLASSES, minSamples=10), log_of([*drops * 2, Pair(Bins({"cat": 1}), Bins({"cat": 1}))]))
    )
    assert "with 7 against " in status.message
    assert (status.reason, status.needs) == ("TooFewSamples", "about 3 more of the candidate's events")


def test_too_many_bins_are_not_compared_and_their_rows_are_given_back() -> None:
    many = Bins({str(number): 5.0 for number in range(MOST_BINS + 1)})
    trial = heard(analysis(CLASSES), log_of([Pair(many, many)] * 4))
    status = only(explain(trial))
    assert status.reason == "NoData"
    assert status.message == (
        "prediction-drift cannot be compared: "
        "It has more than 64 bins, too many to compare: use fewer buckets or classes"
    )
    fewer = Bins({str(number): 5.0 for number in range(MOST_BINS)})
    assert only(judged(analysis(CLASSES), log_of([Pair(fewer, fewer)] * 4))).verdict is Verdict.PASS


def test_histograms_that_differ_hold_by_the_collectors_note() -> None:
    note = "the versions' bins differ, so they cannot be compared: 0.5 in the candidate alone"
    status = only(judged(analysis(DRIFT), log_of([Pair(None, None, note)])))
    assert (status.verdict, status.message) == (Verdict.HOLD, f"No series gives prediction-drift: {note}")


def alone_after(before: list[Pair]) -> AnalysisStatus:
    """At the full weight, after some ticks beside stable; a request or two of stable are still under way."""
    since = len(before)
    last = [None, Bins({"0.1": 1.0}), None, Bins({"0.1": 1.0}), None]
    after = [Pair(measured.candidate, late) for measured, late in zip(drifting(SHIFTED, 5), last, strict=True)]
    log = log_of(before) + log_of(after, first=since + 1, requests=ALL)
    return judged(analysis(DRIFT), log, weight=100, step_since=at(since))


def test_at_the_full_weight_what_was_found_beside_stable_stands() -> None:
    passed = alone_after(drifting(TEN, 10))
    assert passed.verdict is Verdict.PASS
    assert ", while stable had traffic" in passed.message
    assert alone_after(drifting(SHIFTED, 10)).verdict is Verdict.FAIL
    assert only(alone_after([])).reason == "NoBaseline"


def test_what_jumped_before_the_analysis_tempers_the_evidence() -> None:
    source = np.random.default_rng(3)
    wild = [Pair(None, bins(source, np.roll(TEN, number % 3), 500)) for number in range(30)]
    history = [Tick(at(number - 30), {"prediction-drift": measured}) for number, measured in enumerate(wild)]
    log = log_of(drifting(SHIFTED, 2))
    calm, tempered = (heard(analysis(DRIFT), log, history=past) for past in ([], history))
    assert float(only(explain(tempered)).harm or 0) < float(only(explain(calm)).harm or 0)


def test_the_rows_of_a_rollout_that_is_over_are_used_again() -> None:
    judge, policy = Judge(), analysis(DRIFT)
    for _ in range(20):
        trial = judge.open(policy, budget=freeze(policy, steps=3), candidate="8f21c0a97e", began=START)
        trial.enter(Step(START, 20))
        for tick in log_of(drifting(TEN, 2)):
            judge.hear([(trial, tick)])
        trial.close()
    assert len(judge._processes._state) == 64
