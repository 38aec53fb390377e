"""How much evidence convicts, and how much acquits: the error budget of a rollout, shared out.

A healthy rollout is rolled back with a probability of at most 1 - confidence. That chance is divided among the metrics
that may roll back, by their weights; of a metric's share, three quarters are for the evidence since the start and a
quarter for all steps together (Ville's inequality: evidence of 1/a comes to a healthy one with a chance of at most a).
"""

from math import log

BETA = 0.05
"""The chance that a metric that is worse than tolerated passes all the same."""
SAFE_THRESHOLD = log(2.0 / BETA)
"""Log of the evidence that acquits: since the start, or in this step, each at half of the chance."""

_SINCE_START = 0.75
_BY_STEP = 0.25
_ALMOST = 0.999


def metric_alpha(confidence: float, weight: float, weights: float) -> float:
    """A metric's share of the chance of a false rollback.

    weights: the sum of the weights of all metrics that may roll back.
    """
    return (1.0 - confidence) * weight / weights


def start_threshold(alpha: float) -> float:
    """Log of the evidence since the start that convicts."""
    return -log(_SINCE_START * alpha)


def step_threshold(alpha: float, steps: int) -> float:
    """Log of the evidence of one step that convicts, where there are so many steps."""
    return log(steps) - log(_BY_STEP * alpha)


def cap(threshold: float, bets: int, confirm: int) -> float:
    """The most that one tick may add to the log evidence of a bet.

    With it, fewer than `confirm` ticks can never convict, were all bets at the cap; and `confirm` clear ones usually
    do, because one bet alone suffices: the mean over `bets` of them takes away log(bets).
    """
    enough = (threshold + log(bets)) / confirm
    return enough if confirm == 1 else min(enough, _ALMOST * threshold / (confirm - 1))
