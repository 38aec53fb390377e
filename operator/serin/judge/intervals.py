"""Confidence intervals of a share and of the difference of two shares.

Sources: Wilson 1927; Newcombe 1998, "Interval estimation for the difference between independent proportions",
method 10. Both stay honest where there are few events or none bad, where the textbook interval has no width.
"""

from math import sqrt

from serin.judge.counts import Counts

DISPLAY = 1.959964
"""The normal quantile of the two-sided 95 % intervals that people are shown."""


def wilson(counts: Counts, quantile: float) -> tuple[float, float]:
    """The Wilson interval of the bad share, `quantile` standard errors to each side; (0, 1) without events."""
    if counts.total <= 0:
        return 0.0, 1.0
    total, share = counts.total, counts.share
    square = quantile * quantile
    center = (share + square / (2 * total)) / (1 + square / total)
    half = quantile / (1 + square / total) * sqrt(share * (1 - share) / total + square / (4 * total * total))
    return max(0.0, center - half), min(1.0, center + half)


def newcombe(candidate: Counts, stable: Counts, quantile: float) -> tuple[float, float]:
    """Newcombe's interval of the candidate's bad share minus stable's."""
    difference = candidate.share - stable.share
    candidate_low, candidate_high = wilson(candidate, quantile)
    stable_low, stable_high = wilson(stable, quantile)
    low = sqrt((candidate.share - candidate_low) ** 2 + (stable_high - stable.share) ** 2)
    high = sqrt((candidate_high - candidate.share) ** 2 + (stable.share - stable_low) ** 2)
    return difference - low, difference + high
