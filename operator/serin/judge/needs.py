"""How many more events a verdict takes, if all goes on as it is: from the growth of each bet at the present rates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serin.api.spec import AnalysisMetric
from serin.api.status import Verdict
from serin.judge.budget import SAFE_THRESHOLD, cap
from serin.judge.counts import Counts
from serin.judge.growth import (
    HARM_RATIOS,
    SAFE_RATIOS,
    log_growth_against_baseline,
    log_growth_against_limit,
    log_mean_exp,
)
from serin.judge.processes import Told

_LONGEST = 1e6
"""Ticks beyond which nobody waits."""
_HALVINGS = 8
"""A person is told two digits."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a metric comes to at the present rates, and after about how many more of the candidate's events."""

    verdict: Verdict
    events: float


def outlook(metric: AnalysisMetric, start: Told, step: Told, *, confirm: int) -> Outlook | None:
    """Of a share. None if nothing is known yet, or nothing will ever be decided at these rates."""
    present = step if step.ticks else start
    if not present.ticks:
        return None
    rates = _Rates(metric, present, confirm)
    verdict, until = (Verdict.PASS, rates.until_passed) if rates.is_within else (Verdict.FAIL, rates.until_failed)
    ticks = [count for count in (until(told) for told in (start, step)) if count is not None]
    return Outlook(verdict, min(ticks) * rates.candidate.total) if ticks else None


class _Rates:
    """What both versions count in a tick at present, and how much that varies."""

    def __init__(self, metric: AnalysisMetric, present: Told, confirm: int) -> None:
        whole, ticks = present.whole, present.ticks
        self.candidate = Counts(whole.candidate.bad / ticks, whole.candidate.total / ticks)
        self.is_within = (
            whole.difference <= metric.tolerance if present.limit is None else whole.candidate.share <= present.limit
        )
        self._stable = Counts(whole.baseline.bad / ticks, whole.baseline.total / ticks)
        self._metric = metric
        self._dispersion = whole.dispersion
        self._confirm = confirm

    def until_passed(self, told: Told) -> float | None:
        """Ticks until the evidence that it is good enough suffices."""
        metric = self._metric
        if told.limit is not None:
            growth = self._over(told.limit)
        else:
            growth = self._worse(slack=metric.slack, tolerance=metric.tolerance)
        return self._until(SAFE_THRESHOLD, told.safe_bets, SAFE_RATIOS, growth)

    def until_failed(self, told: Told) -> float | None:
        """Ticks until the evidence that it is worse convicts: against a limit, that it is over that as well."""
        needed = []
        if told.limit is not None:
            needed.append(self._until(told.threshold, told.over_bets, HARM_RATIOS, self._over(told.limit)))
        if not told.alone:
            growth = self._worse(slack=self._metric.slack, tolerance=0.0)
            needed.append(self._until(told.threshold, told.harm_bets, HARM_RATIOS, growth))
        known = [ticks for ticks in needed if ticks is not None]
        return max(known) if len(known) == len(needed) else None

    def _over(self, limit: float) -> Callable[[float], float]:
        return lambda ratio: log_growth_against_limit(self.candidate, ratio=ratio, limit=limit)

    def _worse(self, *, slack: float, tolerance: float) -> Callable[[float], float]:
        if not self._stable.total:
            return lambda _: 0.0
        return lambda ratio: log_growth_against_baseline(
            self.candidate, self._stable, ratio=ratio, slack=slack, tolerance=tolerance
        )

    def _until(
        self, threshold: float, bets: Sequence[float], ratios: Sequence[float], growth: Callable[[float], float]
    ) -> float | None:
        most = cap(threshold, len(ratios), self._confirm)
        gains = [min(growth(ratio) / self._dispersion, most) for ratio in ratios]
        return ticks_until(threshold, bets, gains)


def ticks_until(threshold: float, bets: Sequence[float], gains: Sequence[float]) -> float | None:
    """When the mean of bets that grow by so much in a tick reaches a threshold; None if never."""

    def evidence(ticks: float) -> float:
        return log_mean_exp([bet + gain * ticks for bet, gain in zip(bets, gains, strict=True)])

    low, high = 0.0, 1.0
    if evidence(low) >= threshold:
        return 0.0
    # The evidence is convex in time: from below the threshold it crosses it once.
    while evidence(high) < threshold:
        low, high = high, 2.0 * high
        if high > _LONGEST:
            return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if evidence(middle) >= threshold else (middle, high)
    return high
