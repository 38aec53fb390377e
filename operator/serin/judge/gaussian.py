"""Evidence from differences that vary like a normal one: what means and gauges share.

A bet of size lambda on the difference D with the information w (its variance is s squared / w) adds
lambda w D/s - lambda^2 w/2 to its log evidence. Were s known and D normal, a D that is 0 on average would gain nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, inf, log, sqrt


@dataclass(frozen=True, slots=True)
class GaussianTerms:
    """What a mean or a gauge is held to.

    tolerance: how much worse the candidate may be, in the metric's own unit.
    cap_harm, cap_safe: the most that one tick adds to the log evidence of a bet, see `serin.judge.budget.cap`.
    """

    tolerance: float
    cap_harm: float
    cap_safe: float
    higher_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Spread:
    """How much a difference varies by chance: its standard deviation at information 1, and its dispersion (1: no more
    than that from tick to tick)."""

    deviation: float
    dispersion: float = 1.0


def raise_evidence(
    logs: Sequence[float],
    sizes: Sequence[float],
    difference: float,
    *,
    information: float,
    spreads: Sequence[Spread],
    cap: float,
) -> tuple[float, ...]:
    """The log evidence of each size of bet after one more tick.

    spreads: as known before the tick, and after it; whichever says less counts, so that a first wild tick convicts no
        one. Where nothing ever varied, a difference is certain: it counts for the whole cap, either way.
    """
    grown = []
    for now, size in zip(logs, sizes, strict=True):
        gains = [_gain(size, difference, information, spread, cap) for spread in spreads]
        grown.append(now + min(*gains, cap))
    return tuple(grown)


def _gain(size: float, difference: float, information: float, spread: Spread, cap: float) -> float:
    if spread.deviation > 0:
        gain = size * information * difference / spread.deviation - size * size * information / 2.0
        return gain / spread.dispersion
    return copysign(cap, difference) if difference else -size * size * information / 2.0


def half_width(deviation: float, *, dispersion: float, information: float, tuned: float, alpha: float) -> float:
    """Of an asymptotic interval of the difference that holds at every look with a chance of 1 - alpha.

    The normal mixture (Howard, Ramdas, McAuliffe & Sekhon 2021), narrowest at about eight times `tuned`.
    """
    if information <= 0:
        return inf
    spread = dispersion * information + tuned
    return deviation * sqrt(spread * (log(spread / tuned) + 2.0 * log(2.0 / alpha))) / information
