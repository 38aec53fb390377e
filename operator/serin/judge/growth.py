"""How much one tick adds to the log evidence of one bet: the same formula as `serin.judge.evidence`, for one number.

For plans and forecasts, which ask a few hundred times, not for looks at thousands of rollouts.
"""

from collections.abc import Sequence
from math import exp, inf, log, log1p, sqrt

from serin.judge.counts import Counts
from serin.judge.evidence import HARM

HARM_RATIOS = tuple(float(ratio) for ratio in HARM)
SAFE_RATIOS = tuple(1.0 / ratio for ratio in HARM_RATIOS)

_SIGMAS = 3.0


def log_growth_against_baseline(
    candidate: Counts, stable: Counts, *, ratio: float, slack: float = 0.0, tolerance: float = 0.0
) -> float:
    """Of "the candidate's rate is beyond (1 + slack) times stable's plus tolerance" (ratio above 1), or within it.

    Both must have events.
    """
    scale = 1.0 + slack
    mass = scale * candidate.total + stable.total
    stake = scale * candidate.total / mass * (ratio - 1.0)
    gain_stable = 1.0 / (1.0 + stake)
    gain_candidate = ratio * gain_stable
    rate = (candidate.bad + stable.bad - candidate.total * tolerance) / mass
    rate = min(max(rate, 0.0), 1.0)
    rate_stable = max(0.0, rate - _SIGMAS * sqrt((rate + 1.0 / mass) / mass))
    rate_candidate = min(1.0, scale * rate_stable + tolerance)
    return (
        candidate.bad * log(gain_candidate)
        + stable.bad * log(gain_stable)
        - candidate.total * log1p(rate_candidate * (gain_candidate - 1.0))
        - stable.total * log1p(rate_stable * (gain_stable - 1.0))
    )


def log_growth_against_limit(candidate: Counts, *, ratio: float, limit: float) -> float:
    """Of "the rate is above the limit" (ratio above 1), or of "it is below" (ratio below 1)."""
    return candidate.bad * log(ratio) - candidate.total * log1p(limit * (ratio - 1.0))


def log_mean_exp(logs: Sequence[float]) -> float:
    """The log of the mean evidence, from the logs of each; they may be minus infinity."""
    largest = max(logs)
    if largest == -inf:
        return -inf
    return largest + log(sum(exp(value - largest) for value in logs) / len(logs))
