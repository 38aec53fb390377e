"""Many A/B tests at once, each a row of numpy: the same steps as `serin.judge.comparison`, which goes one by one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serin.api.ab_test_status import ABTestDecision
from serin.judge.budget import cap
from serin.judge.comparison import MULTIPLES, ABTestTerms
from serin.judge.winning import Claim

Floats = NDArray[np.float64]
DECISIONS = tuple(ABTestDecision)


@dataclass(frozen=True)
class World:
    """stable, candidate: shares of counted events. A tick has Poisson many events, `share` of them the candidate's."""

    stable: float
    candidate: float
    share: float
    events: float


class Many:
    """The state of each test. Counts have shape (tests,), evidence (tests, bets)."""

    def __init__(self, terms: ABTestTerms, tests: int) -> None:
        self.terms = terms
        self.evidence = {decision: np.zeros((tests, len(MULTIPLES))) for decision in DECISIONS}
        self.totals = np.zeros((4, tests))
        self.ticks = np.zeros(tests)
        self.surprise = np.zeros(tests)
        self.differences = np.zeros(tests)
        self.last_difference = np.zeros(tests)
        self.last_variance = np.zeros(tests)
        self.decision = np.full(tests, -1)
        self.decided_at = np.zeros(tests)

    def take(self, counts: Floats) -> None:
        """One tick of every test: candidate counted and all, stable counted and all, shape (4, tests); none is 0."""
        terms = self.terms
        rate = (self.totals[0] + self.totals[2] + 0.5) / (self.totals[1] + self.totals[3] + 1.0)
        stable = (self.totals[2] + 0.5) / (self.totals[3] + 1.0)
        effect = terms.absolute + terms.relative * stable
        before = self._dispersion()
        self._measure(counts)
        after = self._dispersion()
        known = self.ticks > 1
        for number, decision in enumerate(DECISIONS):
            claim = terms.claims[decision]
            threshold = terms.threshold(decision)
            most = cap(threshold, len(MULTIPLES), terms.confirm)
            for bet, multiple in enumerate(MULTIPLES):
                growth = log_growth(claim, counts, multiple * effect, rate)
                tempered = np.minimum(np.minimum(growth / before, growth / after), most)
                self.evidence[decision][:, bet] += np.where(known, tempered, 0.0)
            mean = np.logaddexp.reduce(self.evidence[decision], axis=1) - np.log(len(MULTIPLES))
            new = (self.decision < 0) & (mean >= threshold)
            self.decision[new] = number
            self.decided_at[new] = self.ticks[new]

    def _measure(self, counts: Floats) -> None:
        counted_c, total_c, counted_b, total_b = counts
        information = total_c * total_b / (total_c + total_b)
        pooled = (counted_c + counted_b) / (total_c + total_b)
        difference = counted_c / total_c - counted_b / total_b
        variance = pooled * (1.0 - pooled) / information
        both = variance + self.last_variance
        jumped = (self.ticks > 0) & (both > 0)
        surprise = (difference - self.last_difference) ** 2 / np.where(jumped, both, 1.0)
        self.surprise += np.where(jumped, np.minimum(surprise, 100.0), 0.0)
        self.differences += jumped
        self.totals += counts
        self.ticks += 1
        self.last_difference, self.last_variance = difference, variance

    def _dispersion(self) -> Floats:
        weighed: Floats = (8.0 * self.terms.dispersion + self.surprise) / (8.0 + self.differences)
        return np.maximum(1.0, weighed)


def log_growth(claim: Claim, counts: Floats, excess: Floats, rate: Floats) -> Floats:
    """`serin.judge.winning.log_growth` of many."""
    counted_c, total_c, counted_b, total_b = counts
    null_b = (rate * (total_c + total_b) - total_c * claim.shift) / (claim.slope * total_c + total_b)
    null_b = np.clip(null_b, 0.0, 1.0)
    null_c = claim.slope * null_b + claim.shift
    spread_c, spread_b = (np.maximum(null * (1.0 - null), 1e-9) for null in (null_c, null_b))
    variance = spread_c / total_c + claim.slope**2 * spread_b / total_b
    size = (excess if claim.above else -excess) / variance
    worst_c = np.where(size > 0, null_c, 1.0 - null_c) / total_c
    worst_b = np.where(size < 0, null_b, 1.0 - null_b) * claim.slope / total_b
    largest = 0.5 / np.maximum(np.maximum(worst_c, worst_b), 1e-9)
    size = np.clip(size, -largest, largest)
    stake_c, stake_b = size / total_c, -claim.slope * size / total_b
    growth: Floats = (
        counted_c * np.log1p(stake_c * (1.0 - null_c))
        + (total_c - counted_c) * np.log1p(-stake_c * null_c)
        + counted_b * np.log1p(stake_b * (1.0 - null_b))
        + (total_b - counted_b) * np.log1p(-stake_b * null_b)
    )
    return growth


def play(world: World, terms: ABTestTerms, *, tests: int, ticks: int, seed: int) -> Many:
    """Run this many tests for this many ticks each; those that are decided go on, and are not decided again."""
    source = np.random.default_rng(seed)
    many = Many(terms, tests)
    for _ in range(ticks):
        totals = source.poisson([[world.events * world.share], [world.events * (1.0 - world.share)]], (2, tests))
        totals = np.maximum(totals, 1)
        counted = source.binomial(totals, [[world.candidate], [world.stable]])
        many.take(np.array([counted[0], totals[0], counted[1], totals[1]], dtype=np.float64))
    return many
