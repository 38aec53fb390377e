"""The verified split: did the candidate get the share of requests that its weight promises?

A weight is only a wish until the proxy follows it. Were the counts not split as asked, nothing could be said of the
versions that they are counted for, so this is looked at before any metric is believed (a catastrophe excepted, see
`serin.judge.frame`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from serin.api.status import SplitStatus
from serin.judge.counts import Counts, Pair, Tick
from serin.judge.intervals import wilson
from serin.judge.series import NO_DATA, pool
from serin.judge.words import number, percent

_SIGNIFICANT = 3.0
"""Standard errors between the share and the tolerated band. The band itself absorbs most of what chance does, so
that looking at every tick does not cry wolf."""
_MISSING = 5.0
"""Standard errors below the weight from which on a tick's traffic counts as missing (judging.md)."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why the split is not believed."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Split:
    """What was seen of the split, and why it is doubted, if it is.

    verified: nothing is in doubt, and enough ticks of the step were seen to say so.
    """

    status: SplitStatus
    doubt: Doubt | None
    verified: bool


def tolerance(weight: int) -> float:
    """How far the share may be from the weight: 2 points or a fifth of the weight, whichever is larger."""
    return max(0.02, weight / 500)


def verify_split(step: Sequence[Tick], newest: Tick | None, *, weight: int, confirm: int) -> Split:
    """Judge the split over the newest `confirm` ticks of the step that counted any request.

    The newest ticks, not the whole step: what a proxy took to follow a new weight is soon forgotten.
    """
    pairs = [tick.requests for tick in step if tick.requests is not None and _total(tick.requests) > 0]
    recent = pairs[-confirm:]
    pooled = pool(recent)
    total = pooled.candidate.total + pooled.stable.total
    status = SplitStatus(
        expected=weight / 100, observed=pooled.candidate.total / total if total else None, requests=total
    )
    enough = len(recent) >= confirm
    doubt = _unknown(newest, weight) or (_deviation(recent, weight) if enough else None)
    return Split(status, doubt, verified=enough and doubt is None)


def _total(pair: Pair) -> float:
    return sum(side.total for side in (pair.candidate, pair.stable) if side is not None)


def _unknown(newest: Tick | None, weight: int) -> Doubt | None:
    if newest is None:
        return None
    if newest.problem is not None and newest.requests is None:
        return Doubt("PrometheusUnavailable", f"The requests cannot be counted: {newest.problem}")
    pair = newest.requests or NO_DATA
    if _total(pair) == 0:
        if pair.candidate is None and pair.stable is None:
            return Doubt("NoData", "No series counts the requests of either version" + _note(pair))
        return Doubt("NoTraffic", "No requests reached either version in the newest tick")
    if pair.stable is None and weight < 100:
        return Doubt("NoData", "No series counts the requests of the stable version" + _note(pair))
    return None


def _note(pair: Pair) -> str:
    return f": {pair.note}" if pair.note else ""


def _deviation(recent: Sequence[Pair], weight: int) -> Doubt | None:
    pooled = pool(recent)
    total = pooled.candidate.total + pooled.stable.total
    share, band = pooled.candidate.total / total, tolerance(weight)
    expected = weight / 100
    seen = (
        f"the candidate got {percent(share)} of {number(total)} requests in the newest {len(recent)} ticks, "
        f"its weight is {weight}%"
    )
    if share < expected - band and all(_is_missing(pair, expected) for pair in recent):
        return Doubt("TrafficMissing", f"Its traffic does not reach it: {seen}")
    low, high = wilson(Counts(pooled.candidate.total, total), _SIGNIFICANT)
    if high < expected - band or low > expected + band:
        return Doubt("TrafficUnverified", f"The split is not the one asked for: {seen}")
    return None


def _is_missing(pair: Pair, expected: float) -> bool:
    total = _total(pair)
    candidate = pair.candidate.total if pair.candidate is not None else 0.0
    return candidate < expected * total - _MISSING * sqrt(expected * (1 - expected) * total)
