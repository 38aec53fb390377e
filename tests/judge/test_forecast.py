"""What is told before a rollout is what its judge then does."""

import random
from statistics import median
from typing import Any

import pytest

from judge.streams import ACCURACY, ERROR_RATE, analysis, binomial, heard, tick
from serin.api.status import Verdict
from serin.judge import Tick, freeze
from serin.judge.forecast import Plan, smallest_regression, ticks_to_fail, ticks_to_pass

STEPS = 3


def plan(metric: dict[str, Any], *, candidate: float = 50, stable: float = 950, **fields: Any) -> Plan:
    """A plan for one metric at so many events a tick."""
    policy = analysis(metric, **fields)
    return Plan(policy.metrics[0], policy, freeze(policy, steps=STEPS), candidate, stable)


def ticks_until(verdict: Verdict, of: Plan, *, rates: tuple[float, float], source: random.Random) -> int:
    """In one rollout with these shares of bad events, by the judge itself."""
    log: list[Tick] = []
    while True:
        counts = [
            (float(binomial(source, int(total), rate)), total)
            for total, rate in zip((of.candidate_per_tick, of.stable_per_tick), rates, strict=True)
        ]
        log.append(tick(len(log) + 1, *counts, metric=of.metric.name))
        trial = heard(of.analysis, log, weight=5, steps=STEPS)
        if trial.measures[0].finding.verdict is verdict or len(log) == 200:
            return len(log)


@pytest.mark.parametrize(
    ("metric", "stable", "candidate"), [(ERROR_RATE, 0.005, 0.06), ({**ACCURACY, "delta": "2%"}, 0.1, 0.25)]
)
def test_half_of_the_rollouts_fail_within_the_ticks_that_are_told(
    metric: dict[str, Any], stable: float, candidate: float
) -> None:
    told = ticks_to_fail(plan(metric), baseline_rate=stable, candidate_rate=candidate, most_ticks=100)
    assert told is not None
    source = random.Random(5)
    needed = [ticks_until(Verdict.FAIL, plan(metric), rates=(candidate, stable), source=source) for _ in range(15)]
    assert abs(median(needed) - told) <= max(2, told / 2)


def test_half_of_the_healthy_rollouts_pass_within_the_ticks_that_are_told() -> None:
    told = ticks_to_pass(plan(ERROR_RATE), baseline_rate=0.005, most_ticks=100)
    assert told is not None
    source = random.Random(6)
    needed = [ticks_until(Verdict.PASS, plan(ERROR_RATE), rates=(0.005, 0.005), source=source) for _ in range(15)]
    assert abs(median(needed) - told) <= told / 2


def test_near_an_error_rate_of_zero_it_takes_about_six_over_delta_clean_requests() -> None:
    of = plan({"name": "error-rate", "maxIncrease": {"absolute": "1%"}}, candidate=20, stable=380)
    told = ticks_to_pass(of, baseline_rate=0.0, most_ticks=100)
    assert told is not None
    assert 400 <= told * 20 <= 800


def test_fewer_ticks_than_confirm_find_nothing_but_a_catastrophe_of_a_critical_metric() -> None:
    for of, ticks in (
        (plan(ERROR_RATE), 3),
        (plan(ERROR_RATE, confirm=5), 5),
        (plan({**ERROR_RATE, "critical": True}), 1),
    ):
        assert ticks_to_fail(of, baseline_rate=0.005, candidate_rate=1.0, most_ticks=10) == ticks
    assert smallest_regression(plan(ERROR_RATE), baseline_rate=0.005, within_ticks=2) is None


def test_a_healthy_candidate_never_fails_and_a_bad_one_never_passes() -> None:
    assert ticks_to_fail(plan(ERROR_RATE), baseline_rate=0.005, candidate_rate=0.005, most_ticks=200) is None
    assert ticks_to_pass(plan(ERROR_RATE), baseline_rate=0.05, most_ticks=200) is None


def test_the_smallest_regression_is_found_in_time_and_a_much_smaller_one_is_not() -> None:
    of = plan(ERROR_RATE)
    smallest = smallest_regression(of, baseline_rate=0.005, within_ticks=20)
    assert smallest is not None
    larger, smaller = 0.005 + (smallest - 0.005) * 1.2, 0.005 + (smallest - 0.005) / 1.2
    assert ticks_to_fail(of, baseline_rate=0.005, candidate_rate=larger, most_ticks=20) is not None
    assert ticks_to_fail(of, baseline_rate=0.005, candidate_rate=smaller, most_ticks=20) is None


def test_more_time_and_more_traffic_find_smaller_regressions() -> None:
    found = [
        smallest_regression(plan(ERROR_RATE, candidate=size), baseline_rate=0.005, within_ticks=ticks) or 1.0
        for size, ticks in ((5, 10), (50, 10), (50, 60))
    ]
    assert found[0] > found[1] > found[2] > 0.02


def test_the_same_question_has_the_same_answer() -> None:
    first, second = (ticks_to_pass(plan(ERROR_RATE), baseline_rate=0.005, most_ticks=100) for _ in range(2))
    assert first == second


def test_without_traffic_of_the_candidate_nothing_is_ever_found() -> None:
    of = plan(ERROR_RATE, candidate=0)
    assert ticks_to_pass(of, baseline_rate=0.005, most_ticks=50) is None
    assert smallest_regression(of, baseline_rate=0.005, within_ticks=50) is None


def test_without_stable_a_limit_stands_alone_and_a_comparison_has_nothing_to_hold_on_to() -> None:
    assert ticks_to_pass(plan(ERROR_RATE, stable=0), baseline_rate=0.005, most_ticks=50) is not None
    assert ticks_to_pass(plan(ACCURACY, stable=0), baseline_rate=0.05, most_ticks=500) is None
