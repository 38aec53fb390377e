"""The evidence of a mean: events with a count, a sum and a sum of squares in each tick.

Approximate, and outside the promise that holds for counts: a mean of 30 or more events is close to normal, not normal.
Simulated at the null with 30 of the candidate's and 300 of stable's events a tick, 100 ticks, thresholds for 1 %: see
`tests/judge/test_means.py` for the figures, which are held there.
"""

from dataclasses import dataclass, replace
from math import sqrt

from serin.judge.counts import Moments, Pair, Side
from serin.judge.gaussian import GaussianTerms, Spread, half_width, raise_evidence
from serin.judge.growth import log_mean_exp
from serin.judge.words import number

SIZES = (0.01, 0.03, 0.1, 0.3)
"""Bets: by how many standard deviations of one event the mean is worse."""
LEAST = 30.0
"""Events of each version without which a tick is carried over to the next one."""

_NONE = Moments(0.0, 0.0, 0.0)
_NO_BETS = (0.0,) * len(SIZES)
_PRIOR = 8.0
_WORST_SURPRISE = 100.0
_TUNED = 50.0
_CERTAIN = 1e9


@dataclass(frozen=True, slots=True)
class _Within:
    """How much the events of one version vary within ticks: the sum of squares, and its degrees of freedom."""

    squares: float = 0.0
    freedom: float = 0.0

    def __add__(self, other: Moments) -> "_Within":
        squares = max(0.0, other.squares - other.total * other.total / other.count)
        return _Within(self.squares + squares, self.freedom + other.count - 1.0)

    @property
    def variance(self) -> float:
        return self.squares / self.freedom if self.freedom else 0.0


@dataclass(frozen=True, slots=True)
class MeanState:
    """All that is kept of the ticks so far.

    harm, safe: log evidence of each bet. candidate, stable: the sums of all ticks that counted; waiting: of those that
    wait for more events. information: the sum of w, w = n_c n_b / (n_c + n_b); effect: of w times the difference.
    surprise: sum of squared standardized successive differences.
    """

    harm: tuple[float, ...] = _NO_BETS
    safe: tuple[float, ...] = _NO_BETS
    candidate: Moments = _NONE
    stable: Moments = _NONE
    waiting_candidate: Moments = _NONE
    waiting_stable: Moments = _NONE
    within_candidate: _Within = _Within()
    within_stable: _Within = _Within()
    ticks: int = 0
    information: float = 0.0
    effect: float = 0.0
    surprise: float = 0.0
    last_difference: float = 0.0
    last_information: float = 0.0

    @property
    def dispersion(self) -> float:
        """How much more than chance the difference jumps from tick to tick, at least 1."""
        return max(1.0, (_PRIOR + self.surprise) / (_PRIOR + max(self.ticks - 1, 0)))

    @property
    def estimate(self) -> float | None:
        """The difference of the means, weighed within ticks; positive is worse. None without ticks."""
        return self.effect / self.information if self.information else None

    @property
    def log_harm(self) -> float:
        """Log evidence that the candidate's mean is worse."""
        return log_mean_exp(self.harm)

    @property
    def log_safe(self) -> float:
        """Log evidence that it is worse by less than the tolerance."""
        return log_mean_exp(self.safe)

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """Of the difference, at every look at once with a chance of about 1 - alpha; None without ticks."""
        estimate = self.estimate
        if estimate is None:
            return None
        half = half_width(
            _deviation(self, self.candidate.count, self.stable.count),
            dispersion=self.dispersion,
            information=self.information,
            tuned=_TUNED,
            alpha=alpha,
        )
        return estimate - half, estimate + half

    def after(self, pair: Pair, terms: GaussianTerms) -> "MeanState":
        """The state after one more tick. The first one teaches only how much the events vary: it is no evidence."""
        candidate = _sum(self.waiting_candidate, pair.candidate)
        stable = _sum(self.waiting_stable, pair.stable)
        if min(candidate.count, stable.count) < LEAST:
            return replace(self, waiting_candidate=candidate, waiting_stable=stable)
        difference = candidate.total / candidate.count - stable.total / stable.count
        worse = -difference if terms.higher_is_better else difference
        after = _measure(self, candidate, stable, worse)
        if not self.ticks:
            return after
        weight, better = after.last_information, terms.tolerance - worse
        spreads = [
            Spread(_deviation(known, candidate.count, stable.count), known.dispersion) for known in (self, after)
        ]
        return replace(
            after,
            harm=raise_evidence(self.harm, SIZES, worse, information=weight, spreads=spreads, cap=terms.cap_harm),
            safe=raise_evidence(self.safe, SIZES, better, information=weight, spreads=spreads, cap=terms.cap_safe),
        )

    @staticmethod
    def always(value: float) -> Moments:
        """A version of which so many events are known that its mean is this value for certain."""
        return Moments(_CERTAIN, value * _CERTAIN, value * value * _CERTAIN)

    @property
    def samples(self) -> float:
        """The candidate's events, those included that wait for more."""
        return self.candidate.count + self.waiting_candidate.count

    @property
    def values(self) -> tuple[float, float]:
        """The candidate's and stable's means; there must have been a tick."""
        return self.candidate.total / self.candidate.count, self.stable.total / self.stable.count

    @property
    def words(self) -> tuple[str, str]:
        """The means for a person."""
        candidate, stable = self.values
        return (
            f"{candidate:.4g} on average in {number(self.candidate.count)} of the candidate's events",
            f"{stable:.4g} in {number(self.stable.count)} of stable's",
        )


def _measure(state: MeanState, candidate: Moments, stable: Moments, worse: float) -> MeanState:
    information = candidate.count * stable.count / (candidate.count + stable.count)
    after = replace(
        state,
        candidate=_sum(state.candidate, candidate),
        stable=_sum(state.stable, stable),
        waiting_candidate=_NONE,
        waiting_stable=_NONE,
        within_candidate=state.within_candidate + candidate,
        within_stable=state.within_stable + stable,
        ticks=state.ticks + 1,
        information=state.information + information,
        effect=state.effect + information * worse,
        last_difference=worse,
        last_information=information,
    )
    deviation = _deviation(after, candidate.count, stable.count)
    if not state.ticks or deviation == 0:
        return after
    variance = deviation**2 * (1.0 / information + 1.0 / state.last_information)
    surprise = min((worse - state.last_difference) ** 2 / variance, _WORST_SURPRISE)
    return replace(after, surprise=state.surprise + surprise)


def _deviation(state: MeanState, candidate: float, stable: float) -> float:
    """s, such that s^2/w is the variance of the difference at these counts, were each version to vary by its own."""
    crossed = state.within_candidate.variance * stable + state.within_stable.variance * candidate
    return sqrt(crossed / (candidate + stable))


def _sum(first: Moments, second: Side | None) -> Moments:
    if not isinstance(second, Moments):
        return first
    return Moments(first.count + second.count, first.total + second.total, first.squares + second.squares)
