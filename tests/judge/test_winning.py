"""Evidence for a winner is a fair bet wherever the claim is wrong: its expectation is at most one, by every outcome."""

from itertools import product
from math import comb, exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serin.judge.counts import Counts
from serin.judge.winning import Claim, log_growth

ROUNDING = 1e-9
SIZES = (1, 2, 5, 12, 30)
RATES = (0.0, 0.01, 0.1, 0.35, 0.5, 0.8, 0.99, 1.0)
ASSUMED = (0.003, 0.1, 0.5, 0.9, 0.999)
EXCESSES = (0.001, 0.02, 0.3)
CLAIMS = (
    Claim(above=True),
    Claim(above=False),
    Claim(above=False, shift=0.1),
    Claim(above=True, shift=-0.1),
    Claim(above=False, slope=1.2),
    Claim(above=True, slope=0.8),
)


def chance(counted: int, total: int, rate: float) -> float:
    """Of so many counted events."""
    return comb(total, counted) * rate**counted * (1.0 - rate) ** (total - counted)


def expectation(
    claim: Claim, sizes: tuple[int, int], shares: tuple[float, float], *, excess: float, rate: float
) -> float:
    """Of the factor by which a tick multiplies the evidence, over all its outcomes."""
    expected = 0.0
    for counted_c, counted_b in product(range(sizes[0] + 1), range(sizes[1] + 1)):
        weight = chance(counted_c, sizes[0], shares[0]) * chance(counted_b, sizes[1], shares[1])
        if weight > 0.0:
            candidate, stable = Counts(counted_c, sizes[0]), Counts(counted_b, sizes[1])
            expected += weight * exp(log_growth(claim, candidate, stable, excess=excess, rate=rate))
    return expected


def on_the_line(claim: Claim) -> list[tuple[float, float]]:
    """Shares of the candidate and of stable where the claim is just wrong."""
    pairs = [(claim.slope * stable + claim.shift, stable) for stable in RATES]
    return [pair for pair in pairs if 0.0 <= pair[0] <= 1.0]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_a_wrong_claim_gains_nothing_on_average_at_every_design(claim: Claim) -> None:
    for sizes in [*product((1, 2, 5), SIZES), (12, 30), (30, 12)]:
        for shares, excess, rate in product(on_the_line(claim), EXCESSES, ASSUMED):
            expected = expectation(claim, (sizes[0], sizes[1]), shares, excess=excess, rate=rate)
            assert expected <= 1.0 + ROUNDING, (sizes, shares, excess, rate)


@given(
    st.sampled_from(CLAIMS),
    st.tuples(st.integers(1, 14), st.integers(1, 14)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.floats(1e-4, 0.5),
    st.floats(1e-3, 1 - 1e-3),
)
@settings(deadline=None, max_examples=300)
def test_a_claim_that_is_wrong_by_far_gains_nothing_either(
    claim: Claim, sizes: tuple[int, int], shares: tuple[float, float], excess: float, rate: float
) -> None:
    beyond = shares[0] - claim.slope * shares[1] - claim.shift
    if (beyond if claim.above else -beyond) <= 0:
        assert expectation(claim, sizes, shares, excess=excess, rate=rate) <= 1.0 + ROUNDING


def test_the_shares_of_single_events_may_differ_within_a_tick() -> None:
    """Two events of each version; the candidate's mean share is stable's, but neither version's events are alike."""
    claim, rates_c, rates_b = Claim(above=True), (0.0, 0.6), (0.1, 0.5)
    expected = 0.0
    for outcome in product((0, 1), repeat=4):
        weight = 1.0
        for counted, rate in zip(outcome, (*rates_c, *rates_b), strict=True):
            weight *= rate if counted else 1.0 - rate
        counts = Counts(sum(outcome[:2]), 2), Counts(sum(outcome[2:]), 2)
        expected += weight * exp(log_growth(claim, *counts, excess=0.2, rate=0.3))
    assert expected <= 1.0 + ROUNDING


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_a_true_claim_gains(claim: Claim) -> None:
    stable = 0.4
    beyond = 0.05 if claim.above else -0.05
    candidate = claim.slope * stable + claim.shift + beyond
    counts = Counts(candidate * 1000, 1000), Counts(stable * 3000, 3000)
    assert log_growth(claim, *counts, excess=0.05, rate=0.4) > 1.0


def test_who_counts_the_other_events_comes_to_the_same() -> None:
    """That more are good is that fewer are bad: nothing is gained or lost by the choice."""
    more = log_growth(Claim(above=True), Counts(940, 1000), Counts(2700, 3000), excess=0.03, rate=0.91)
    fewer = log_growth(Claim(above=False), Counts(60, 1000), Counts(300, 3000), excess=0.03, rate=0.09)
    assert more == pytest.approx(fewer)


def test_no_single_event_takes_more_than_half_of_what_is_there() -> None:
    for claim, counted in product((Claim(above=True), Claim(above=False)), (0, 1)):
        candidate, stable = Counts(counted, 1), Counts(1 - counted, 1)
        assert exp(log_growth(claim, candidate, stable, excess=0.9, rate=0.01)) >= 0.25
