"""The evidence of a gauge: one value a version and tick, without counts behind it.

Approximate, and outside the promise that holds for counts. A gauge often wanders: what it is at one tick says much of
the next, and ticks are not as many as they seem. So the evidence is divided by how many ticks say what one would, as
far as can be seen. What is left of false alarms is held in `tests/judge/test_gauge.py`.
"""

from dataclasses import dataclass, replace
from math import sqrt

from serin.judge.counts import Level, Pair
from serin.judge.gaussian import GaussianTerms, Spread, half_width, raise_evidence
from serin.judge.growth import log_mean_exp

SIZES = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Bets: by how many standard deviations of one tick's difference the gauge is worse."""
BLOCK = 24
"""So many ticks of a step are judged by themselves, too: three times as many as it takes to know how a gauge varies."""
FIRST = 8
"""The tick from which on there is evidence: before, nobody knows how much the gauge varies."""

_NO_BETS = (0.0,) * len(SIZES)
_TUNED = 5.0
_MOST_LIKENESS = 0.97
_BIAS = 2.0
"""By so much, over the ticks, the likeness of successive differences is seen too small (Kendall 1954)."""


@dataclass(frozen=True, slots=True)
class GaugeState:
    """All that is kept of the ticks so far.

    harm, safe: log evidence of each bet. candidate, stable: the sums of their values. differences, squares: the sum of
    the candidate's value less stable's, positive is worse, and of their squares; jumps: of the squares of their
    successive differences.
    """

    harm: tuple[float, ...] = _NO_BETS
    safe: tuple[float, ...] = _NO_BETS
    ticks: int = 0
    candidate: float = 0.0
    stable: float = 0.0
    differences: float = 0.0
    squares: float = 0.0
    jumps: float = 0.0
    last: float = 0.0

    @property
    def spread(self) -> Spread:
        """Sigma of one tick's difference, made larger while few are known, and how many ticks say what one would.

        Were successive differences not alike, half of their squared jumps would be their variance: what it falls short
        of that is their likeness (von Neumann 1941), and (1 + likeness) / (1 - likeness) ticks say what one would.
        """
        if self.ticks < 2:
            return Spread(0.0)
        beyond = self.squares - self.differences * self.differences / self.ticks
        variance, jumpy = max(0.0, beyond) / (self.ticks - 1), self.jumps / (2.0 * (self.ticks - 1))
        if jumpy == 0:
            return Spread(0.0)
        likeness = 1.0 - jumpy / variance + _BIAS / self.ticks if variance > 0 else 0.0
        likeness = min(max(likeness, 0.0), _MOST_LIKENESS)
        deviation = sqrt(max(variance, jumpy)) * (1.0 + 2.0 / sqrt(self.ticks))
        return Spread(deviation, (1.0 + likeness) / (1.0 - likeness))

    @property
    def dispersion(self) -> float:
        """How many ticks say what one would."""
        return self.spread.dispersion

    @property
    def estimate(self) -> float | None:
        """The mean difference; positive is worse. None without ticks."""
        return self.differences / self.ticks if self.ticks else None

    @property
    def log_harm(self) -> float:
        """Log evidence that the candidate's gauge is worse."""
        return log_mean_exp(self.harm)

    @property
    def log_safe(self) -> float:
        """Log evidence that it is worse by less than the tolerance."""
        return log_mean_exp(self.safe)

    def interval(self, alpha: float) -> tuple[float, float] | None:
        """Of the difference, at every look at once with a chance of about 1 - alpha; None before the eighth tick."""
        estimate, spread = self.estimate, self.spread
        if estimate is None or self.ticks < FIRST:
            return None
        half = half_width(
            spread.deviation, dispersion=spread.dispersion, information=self.ticks, tuned=_TUNED, alpha=alpha
        )
        return estimate - half, estimate + half

    def after(self, pair: Pair, terms: GaussianTerms) -> "GaugeState":
        """The state after one more tick; the same where a version has no value."""
        if not isinstance(pair.candidate, Level) or not isinstance(pair.stable, Level):
            return self
        difference = pair.candidate.value - pair.stable.value
        worse = -difference if terms.higher_is_better else difference
        after = replace(
            self,
            ticks=self.ticks + 1,
            candidate=self.candidate + pair.candidate.value,
            stable=self.stable + pair.stable.value,
            differences=self.differences + worse,
            squares=self.squares + worse * worse,
            jumps=self.jumps + ((worse - self.last) ** 2 if self.ticks else 0.0),
            last=worse,
        )
        if after.ticks < FIRST:
            return after
        spreads, better = [self.spread, after.spread], terms.tolerance - worse
        return replace(
            after,
            harm=raise_evidence(self.harm, SIZES, worse, information=1.0, spreads=spreads, cap=terms.cap_harm),
            safe=raise_evidence(self.safe, SIZES, better, information=1.0, spreads=spreads, cap=terms.cap_safe),
        )

    @staticmethod
    def always(value: float) -> Level:
        """A version whose gauge stands at this value."""
        return Level(value)

    @property
    def samples(self) -> None:
        """A gauge counts no events."""

    @property
    def values(self) -> tuple[float, float]:
        """The candidate's and stable's, over all ticks; there must be one."""
        return self.candidate / self.ticks, self.stable / self.ticks

    @property
    def words(self) -> tuple[str, str]:
        """The values for a person."""
        candidate, stable = self.values
        return f"{candidate:.4g} on average at the candidate in {self.ticks} ticks", f"{stable:.4g} at stable"
