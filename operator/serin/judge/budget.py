"""How much evidence convicts, and how much acquits: the error budget of a rollout, shared out.

A healthy rollout is rolled back with a probability of at most 1 - confidence. That chance is divided among the metrics
that may roll back, by their weights; of a metric's share, three quarters are for the evidence since the start and a
quarter for all steps together (Ville's inequality: evidence of 1/a comes to a healthy one with a chance of at most a).
"""

from math import log

from serin.api.spec import Analysis, AnalysisMetric, MetricAction
from serin.api.status import BudgetStatus

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


def freeze(analysis: Analysis, *, steps: int) -> BudgetStatus:
    """What is fixed when an analysis begins: an edit of the steps or metrics must not open a new account.

    steps: how many weight steps there are, a ramp counted as its blocks, the watch as one.
    """
    return BudgetStatus(confidence=analysis.confidence, weights=_weights(analysis), steps=max(1, steps))


def alpha_of(metric: AnalysisMetric, analysis: Analysis, budget: BudgetStatus) -> float:
    """A metric's share of the frozen budget. Where more metrics were added since, all shares are smaller.

    A metric that only warns has as much as if it could roll back; it takes nothing from the others.
    """
    return metric_alpha(budget.confidence, metric.weight, max(budget.weights, _weights(analysis), metric.weight))


def _weights(analysis: Analysis) -> float:
    return float(sum(metric.weight for metric in analysis.metrics if metric.action is MetricAction.ROLLBACK))
