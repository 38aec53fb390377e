"""How much one tick adds to the log of the evidence, for many processes at once.

Evidence is a bet that the candidate is worse (or good enough) at fair odds: where it is not, the bet gains nothing on
average, however often one looks (a supermartingale; Ville 1939). Sources: Waudby-Smith & Ramdas, "Estimating means of
bounded random variables by betting"; Turner & Grünwald, "Safe two-sample tests of proportions".

Shapes: n is the number of processes, b that of bets. Counts have shape (n,), results (n, b).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HARM = np.array([1.05, 1.1, 1.25, 1.75, 3.0, 8.0])
"""Bet ratios that accuse: by how much more often a candidate's event is bad than a baseline's."""
SAFE = 1.0 / HARM
"""Bet ratios that acquit."""
BETS = len(HARM)

_SIGMAS = 3.0
"""How far below its estimate the baseline's rate is taken, so that the candidate is never accused of its own luck."""


def against_baseline(counts: Floats, slack: Floats, tolerance: Floats, ratios: Floats) -> Floats:
    """Log growth of "the candidate's rate is beyond (1 + slack) times the baseline's plus tolerance", or within it.

    The bet is on which side a bad event is found: the rate that both share cancels, so it may change from tick to tick.
    Given the tick, its expectation is at most one, but for a hair (1e-4, see tests/judge/test_exact.py) that comes from
    estimating the baseline's rate in the same tick.

    counts: columns candidate total, candidate bad, baseline total, baseline bad; both totals above 0.
    ratios: above 1 to accuse, below 1 to acquit.
    """
    total_c, bad_c, total_b, bad_b = np.ascontiguousarray(counts.T)
    bets = ratios[:, None]  # one row a bet: numpy is fastest along the long side
    scale = 1.0 + slack
    mass = scale * total_c + total_b
    share = scale * total_c / mass
    stake = share * (bets - 1.0)
    gain_b = 1.0 / (1.0 + stake)
    gain_c = bets * gain_b
    rate = np.clip((bad_c + bad_b - total_c * tolerance) / mass, 0.0, 1.0)
    rate_b = np.maximum(0.0, rate - _SIGMAS * np.sqrt((rate + 1.0 / mass) / mass))
    rate_c = np.minimum(1.0, scale * rate_b + tolerance)
    growth: Floats = (
        bad_c * np.log(bets)
        - (bad_c + bad_b) * np.log1p(stake)
        - total_c * np.log1p(rate_c * (gain_c - 1.0))
        - total_b * np.log1p(rate_b * (gain_b - 1.0))
    )
    return growth.T


def against_limit(total: Floats, bad: Floats, limit: Floats, ratios: Floats) -> Floats:
    """Log growth of "the rate is above the limit" (ratios above 1), or of "it is below" (ratios below 1)."""
    bets = ratios[:, None]
    growth: Floats = bad * np.log(bets) - total * np.log1p(limit * (bets - 1.0))
    return growth.T


def log_mean_exp(logs: Floats) -> Floats:
    """The log of the mean evidence over the bets of each process: shape (n, b) to (n,), from -700 to 700.

    Beyond, a float cannot hold the evidence itself, and nobody needs to know how far.
    """
    mean: Floats = np.log(np.exp(np.clip(logs, -_LARGEST, _LARGEST)) @ _EQUAL)
    return mean


_LARGEST = 700.0
_EQUAL = np.full(BETS, 1.0 / BETS)
