"""A tick's evidence is a fair bet: its expectation, summed over every outcome, is at most one at every null.

At most 1 + 1e-4, for the baseline's rate is estimated in the same tick; the smaller designs are the harder ones.
"""

from itertools import product
from math import comb, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serin.judge.budget import SAFE_THRESHOLD, cap
from serin.judge.evidence import BETS, HARM, SAFE, Floats, against_baseline, against_limit
from serin.judge.processes import Processes, Terms

HAIR = 1e-4
SIZES = (1, 2, 5, 12, 30, 120)
RATES = (0.0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.8)
SLACKS = (0.0, 0.1, 0.5)
TOLERANCES = (0.0, 0.005, 0.05, 0.2, 0.6)
CAPS = (cap(-log(0.75 * 0.0125), BETS, 3), cap(SAFE_THRESHOLD, BETS, 3), 0.5)
DISPERSIONS = (1.0, 1.3, 4.0)


def chances(total: int, rate: float) -> Floats:
    """Of 0, 1, … `total` bad events."""
    return np.array([comb(total, bad) * rate**bad * (1.0 - rate) ** (total - bad) for bad in range(total + 1)])


def outcomes(total_c: int, total_b: int) -> Floats:
    """Every count that both versions can have, a row each."""
    bad_c, bad_b = (grid.ravel() for grid in np.meshgrid(range(total_c + 1), range(total_b + 1), indexing="ij"))
    return np.stack([np.full(len(bad_c), total_c), bad_c, np.full(len(bad_c), total_b), bad_b], axis=1).astype(float)


def worst_expectation(growth: Floats, weights: Floats) -> float:
    """Of exp(l) and of exp(min(l / phi, cap)), over the bets and all tempers."""
    tempered = [growth, *(np.minimum(growth / phi, most) for phi, most in product(DISPERSIONS, CAPS))]
    return max(float((weights @ np.exp(logs)).max()) for logs in tempered)


def compared(total_c: int, total_b: int, *, slack: float, tolerance: float, ratios: Floats) -> Floats:
    """The growth at every outcome."""
    counts = outcomes(total_c, total_b)
    return against_baseline(counts, np.full(len(counts), slack), np.full(len(counts), tolerance), ratios)


def at_the_boundary(growth: Floats, sizes: tuple[int, int], *, slack: float, tolerance: float) -> float:
    """The worst expectation where the candidate is exactly as bad as tolerated."""
    worst = 0.0
    for rate in RATES:
        rate_c = (1.0 + slack) * rate + tolerance
        if rate_c <= 1.0:
            weights = np.outer(chances(sizes[0], rate_c), chances(sizes[1], rate)).ravel()
            worst = max(worst, worst_expectation(growth, weights))
    return worst


@pytest.mark.parametrize("slack", SLACKS)
def test_a_healthy_candidate_is_accused_by_fair_bets_only(slack: float) -> None:
    for sizes in product(SIZES, SIZES):
        growth = compared(*sizes, slack=slack, tolerance=0.0, ratios=HARM)
        assert at_the_boundary(growth, sizes, slack=slack, tolerance=0.0) <= 1.0 + HAIR, sizes


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_candidate_at_its_limit_is_acquitted_by_fair_bets_only(tolerance: float) -> None:
    for slack, *sizes in product(SLACKS, SIZES, SIZES):
        growth = compared(*sizes, slack=slack, tolerance=tolerance, ratios=SAFE)
        worst = at_the_boundary(growth, (sizes[0], sizes[1]), slack=slack, tolerance=tolerance)
        assert worst <= 1.0 + HAIR, (slack, sizes)


def test_the_worst_design_that_is_known_costs_less_than_the_hair() -> None:
    sizes, tolerance = (120, 30), 0.6
    growth = compared(*sizes, slack=0.0, tolerance=tolerance, ratios=np.array([1.0 / 1.75]))
    rates = np.linspace(0.0, 0.4, 161)
    expected = [
        float((np.outer(chances(120, min(1.0, rate + tolerance)), chances(30, rate)).ravel() @ np.exp(growth))[0])
        for rate in rates
    ]
    assert 1.0 < max(expected) < 1.0 + HAIR


@pytest.mark.parametrize("ratios", [HARM, SAFE], ids=["over", "under"])
@pytest.mark.parametrize("limit", [0.001, 0.01, 0.05, 0.3, 0.9])
def test_a_candidate_at_an_absolute_limit_meets_fair_bets_only(limit: float, ratios: Floats) -> None:
    for total in SIZES:
        bad = np.arange(total + 1.0)
        growth = against_limit(np.full(len(bad), float(total)), bad, np.full(len(bad), limit), ratios)
        weights = chances(total, limit)
        np.testing.assert_allclose(weights @ np.exp(growth), 1.0, rtol=1e-9)
        assert worst_expectation(growth, weights) <= 1.0 + 1e-9


@pytest.mark.parametrize("rate", [0.0, 0.005, 0.04])
def test_a_candidate_better_than_the_boundary_gains_the_accuser_even_less(rate: float) -> None:
    sizes = (30, 120)
    growth = compared(*sizes, slack=0.0, tolerance=0.0, ratios=HARM)
    weights = np.outer(chances(sizes[0], rate), chances(sizes[1], 0.05)).ravel()
    assert worst_expectation(growth, weights) < 1.0


wild = st.tuples(st.integers(0, 10**6), st.floats(0, 1), st.integers(0, 10**6), st.floats(0, 1))


@given(
    st.integers(2, 10).flatmap(lambda confirm: st.tuples(st.just(confirm), st.lists(wild, max_size=confirm - 1))),
    st.floats(0.0001, 0.5),
    st.none() | st.floats(0.0001, 0.9),
)
@settings(deadline=None)
def test_fewer_ticks_than_confirm_never_convict_and_never_acquit(
    ticks: tuple[int, list[tuple[int, float, int, float]]], alpha: float, limit: float | None
) -> None:
    confirm, log_of_ticks = ticks
    threshold = -log(0.75 * alpha)
    processes = Processes()
    row = np.array([processes.open(Terms(threshold, tolerance=0.01, limit=limit, confirm=confirm))])
    for total_c, share_c, total_b, share_b in log_of_ticks:
        counts = [total_c, round(total_c * share_c), total_b, round(total_b * share_b)]
        processes.fold(row, np.array([counts], dtype=float))
    reading = processes.read(row)
    assert reading.harm[0] < threshold
    assert reading.over[0] < threshold
    assert reading.safe[0] < SAFE_THRESHOLD


@pytest.mark.parametrize("confirm", [1, 2, 3, 5, 10])
def test_as_many_clear_ticks_as_confirm_convict(confirm: int) -> None:
    threshold = -log(0.75 * 0.0125)
    processes = Processes()
    row = np.array([processes.open(Terms(threshold, confirm=confirm))])
    for tick in range(confirm):
        assert processes.read(row).harm[0] < threshold, f"convicted after {tick} ticks"
        processes.fold(row, np.array([[1000.0, 1000.0, 1000.0, 0.0]]))
    assert processes.read(row).harm[0] >= threshold
