"""Bounds that hold at every look at once, for people and for the time after stable's traffic has ended."""

from math import log, sqrt

import numpy as np

from serin.judge.evidence import SAFE, against_limit, log_mean_exp

_TUNED = 5.0
"""The variance (of weighed events) at which the interval is narrowest."""
_STEPS = 60
"""Halvings of a bisection: more than a float can tell apart."""


def interval(
    estimate: float, *, dispersion: float, variance: float, information: float, alpha: float
) -> tuple[float, float]:
    """An asymptotic interval of a difference of rates that holds at every look with a chance of 1 - alpha.

    variance: sum over ticks of w times the variance of one event; information: sum of w. Source: Howard, Ramdas,
    McAuliffe & Sekhon 2021, "Time-uniform confidence sequences", the normal mixture. Without information, (-1, 1).
    """
    if information <= 0:
        return -1.0, 1.0
    spread = dispersion * variance + _TUNED
    half = sqrt(spread * (log(spread / _TUNED) + 2.0 * log(2.0 / alpha))) / information
    return max(estimate - half, -1.0), min(estimate + half, 1.0)


def upper_bound(bad: float, total: float, *, dispersion: float, alpha: float) -> float:
    """The highest rate that these events can come from, at every look at once, with a chance of 1 - alpha.

    Every higher rate is refuted: the evidence that the true one is below it has reached 1/alpha. 1 without events.
    """
    low, high = (bad / total if total else 0.0), 1.0
    events, bad_events = np.array([total]), np.array([bad])
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        evidence = log_mean_exp(against_limit(events, bad_events, np.array([middle]), SAFE) / dispersion)[0]
        low, high = (low, middle) if evidence >= -log(alpha) else (middle, high)
    return high
