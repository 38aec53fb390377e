"""The evidence of a gauge: one value a version and tick, without counts behind it.

Approximate, and outside the promise that holds for counts: it takes differences of successive ticks for independent.
Where the difference of the versions wanders slowly, healthy candidates are accused more often than the threshold says;
the figures are held in `tests/judge/test_gauge.py`.
"""

from dataclasses import dataclass, replace
from math import sqrt

from serin.judge.counts import Level
from serin.judge.gaussian import GaussianTerms, Spread, half_width, raise_evidence
from serin.judge.growth import log_mean_exp

SIZES = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Bets: by how many standard deviations of one tick's difference the gauge is worse."""
FIRST = 8
"""The tick from which on there is evidence: before, nobody knows how much the gauge varies."""

_NO_BETS = (0.0,) * len(SIZES)
_TUNED = 5.0


@dataclass(frozen=True, slots=True)
class GaugeState:
    """All that is kept of the ticks so far.

    harm, safe: log evidence of each bet. differences: the sum of the candidate's value less stable's, positive is
    worse; jumps: the sum of squares of their successive differences.
    """

    harm: tuple[float, ...] = _NO_BETS
    safe: tuple[float, ...] = _NO_BETS
    ticks: int = 0
    differences: float = 0.0
    jumps: float = 0.0
    last: float = 0.0

    @property
    def deviation(self) -> float:
        """Sigma of one tick's difference from successive ones, made larger while few are known; 0 before."""
        if self.ticks < 2:
            return 0.0
        return sqrt(self.jumps / (2.0 * (self.ticks - 1))) * (1.0 + 2.0 / sqrt(self.ticks))

    @property
    def estimate(self) -> float | None:
        """The mean difference; positive is worse. None without ticks."""
        return self.differences / self.ticks if self.ticks else None

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """Of the difference, at every look at once with a chance of about 1 - alpha; None before the eighth tick."""
        estimate = self.estimate
        if estimate is None or self.ticks < FIRST:
            return None
        half = half_width(self.deviation, dispersion=1.0, information=self.ticks, tuned=_TUNED, alpha=alpha)
        return estimate - half, estimate + half


def advance(state: GaugeState, candidate: Level, stable: Level, terms: GaussianTerms) -> GaugeState:
    """The state after one more tick."""
    difference = candidate.value - stable.value
    worse = -difference if terms.higher_is_better else difference
    after = replace(
        state,
        ticks=state.ticks + 1,
        differences=state.differences + worse,
        jumps=state.jumps + ((worse - state.last) ** 2 if state.ticks else 0.0),
        last=worse,
    )
    if after.ticks < FIRST:
        return after
    spreads = [Spread(known.deviation) for known in (state, after)]
    return replace(
        after,
        harm=raise_evidence(state.harm, SIZES, worse, information=1.0, spreads=spreads, cap=terms.cap_harm),
        safe=raise_evidence(
            state.safe, SIZES, terms.tolerance - worse, information=1.0, spreads=spreads, cap=terms.cap_safe
        ),
    )


def log_harm(state: GaugeState) -> float:
    """Log evidence that the candidate's gauge is worse."""
    return log_mean_exp(state.harm)


def log_safe(state: GaugeState) -> float:
    """Log evidence that it is worse by less than the tolerance."""
    return log_mean_exp(state.safe)
