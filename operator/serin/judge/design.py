"""How many requests an A/B test takes, before it starts: if its size is fixed, and if one looks at it all the time."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

from serin.api.ab_test_status import ABTestDecision
from serin.judge.comparison import MULTIPLES, ABTestTerms
from serin.judge.growth import log_mean_exp

_BY_TIME = 0.75
"""The part of the chance of missing the smallest effect that the time may take, by a formula that knows of no earlier
look. Half of that chance is what evidence against an improvement may take. Together they take less than all of it, in
all designs that were simulated with 50 ticks or more (`benchmarks/ab_test.py`)."""
_DOUBLINGS = 60
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Requests:
    """Events of each version."""

    candidate: int
    stable: int

    @property
    def total(self) -> int:
        """Of both."""
        return self.candidate + self.stable


@dataclass(frozen=True, slots=True)
class Design:
    """What a test takes.

    rate, sought: stable's share, and that of a candidate that is better by the smallest effect.
    needed: by these the smallest effect is found with the power that was asked for.
    fixed: what a test of fixed size takes, at which nobody looks before its end.
    typical_win, typical_end: about when half of the tests are over if the candidate is better by the smallest effect,
        or if it is no better at all.
    """

    rate: float
    sought: float
    needed: Requests
    fixed: Requests
    typical_win: Requests
    typical_end: Requests


def design(terms: ABTestTerms, *, rate: float, share: float) -> Design | None:
    """What a test takes at stable's share of counted events, if the candidate gets `share` of the requests.

    None if there is no room for such an effect: a share cannot be below 0 or above 1.
    """
    effect = terms.effect(rate)
    sought = rate + effect if terms.higher_is_better else rate - effect
    if not 0.0 < rate < 1.0 or not 0.0 <= sought <= 1.0:
        return None
    spread = _spread(rate, sought, share)
    miss = _BY_TIME * (1.0 - terms.power)

    def requests(decision: ABTestDecision, miss: float) -> Requests:
        signal = _signal(terms.threshold(decision), miss)
        return _split(signal * spread / effect**2 / (share * (1.0 - share)), share)

    return Design(
        rate=rate,
        sought=sought,
        needed=requests(ABTestDecision.WON, miss),
        fixed=_fixed(terms, rate, sought, share),
        typical_win=requests(ABTestDecision.WON, 0.5),
        typical_end=requests(ABTestDecision.NO_IMPROVEMENT, 0.5),
    )


def _spread(rate: float, sought: float, share: float) -> float:
    """The variance of one event, such that the difference has this over w, w = n_c n_b / (n_c + n_b)."""
    return sought * (1.0 - sought) * (1.0 - share) + rate * (1.0 - rate) * share


def _fixed(terms: ABTestTerms, rate: float, sought: float, share: float) -> Requests:
    """Two-sided z-test of two proportions: Fleiss, Levin & Paik 2003, "Statistical Methods for Rates and Proportions",
    chapter 4, for unequal sizes, without the correction for continuity."""
    normal, ratio = NormalDist(), (1.0 - share) / share
    pooled = (sought + ratio * rate) / (1.0 + ratio)
    under_null = sqrt((1.0 + 1.0 / ratio) * pooled * (1.0 - pooled))
    under_effect = sqrt(sought * (1.0 - sought) + rate * (1.0 - rate) / ratio)
    z_alpha, z_beta = normal.inv_cdf(1.0 - terms.significance / 2.0), normal.inv_cdf(terms.power)
    candidate = (z_alpha * under_null + z_beta * under_effect) ** 2 / (sought - rate) ** 2
    return _split(candidate / share, share)


def _split(total: float, share: float) -> Requests:
    return Requests(ceil(total * share), ceil(total * (1.0 - share)))


def _signal(threshold: float, miss: float) -> float:
    """The squared effect over its variance, by which all but a part of the tests have this log evidence.

    A bet of m effects has the log evidence m z - m^2 u / 2 then, z the effect times its estimate over the variance:
    normal, with mean u and variance u. As if nobody had looked before: looking ends some tests sooner, and none later.
    """
    unlucky = NormalDist().inv_cdf(1.0 - miss)

    def evidence(signal: float) -> float:
        seen = signal - unlucky * sqrt(signal)
        return log_mean_exp([multiple * seen - multiple**2 * signal / 2.0 for multiple in MULTIPLES])

    return _first(evidence, threshold)


def _first(evidence: Callable[[float], float], threshold: float) -> float:
    high = 1.0
    for _ in range(_DOUBLINGS):
        if evidence(high) >= threshold:
            break
        high *= 2.0
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if evidence(middle) >= threshold else (middle, high)
    return high
