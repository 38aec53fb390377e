"""Evidence about which of two versions is better, exact at every number of events and valid however often one looks.

A claim is that the candidate's share of counted events lies on one side of a line: above or below `slope` times
stable's plus `shift`. Every event of a tick is bet on by itself: one of the candidate's multiplies the stake by
1 + a (y - c), one of stable's by 1 + b (y - d), where y is 1 for a counted event and else 0, c = slope * d + shift lies
on the line, and n_c a slope = -n_b b, with the numbers of events n_c and n_b. If the claim is wrong, the product has an
expectation of at most one, whatever the true shares are: the mean of all these factors is at most one, since all terms
but the distance from the line cancel, and their geometric mean is below it. So nothing needs to be known of the shares.
What is assumed, the rate around which c and d lie and how far the truth is from the line, costs power alone, if it is
known before the tick.

For slope 1 and shift 0 these are the two-sample E-variables of Turner, Ly & Grünwald 2024, "Generic E-variables for
exact sequential k-sample tests that allow for optional stopping". As in the evidence of harm, Ville's inequality does
the rest.
"""

from dataclasses import dataclass
from math import log1p

from serin.judge.counts import Counts

_MOST_OF_THE_STAKE = 0.5
"""No single event takes more than this part of what is there, however unlikely it is thought to be."""
_LEAST_VARIANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Claim:
    """That the candidate's share is above (or below) slope times stable's plus shift."""

    above: bool
    slope: float = 1.0
    shift: float = 0.0


def log_growth(claim: Claim, candidate: Counts, stable: Counts, *, excess: float, rate: float) -> float:
    """What a tick adds to the log of the evidence for a claim. Both versions must have events.

    excess: how far beyond the line the truth is taken to be; the evidence grows fastest if it is so far.
    rate: the share that both versions together are taken to have. Both must be known before the tick.
    """
    events = candidate.total + stable.total
    stable_null = (rate * events - candidate.total * claim.shift) / (claim.slope * candidate.total + stable.total)
    stable_null = min(max(stable_null, 0.0), 1.0)
    candidate_null = claim.slope * stable_null + claim.shift
    size = (excess if claim.above else -excess) / _variance(claim, candidate, stable, candidate_null, stable_null)
    largest = _MOST_OF_THE_STAKE / max(
        _worst(size, candidate_null) / candidate.total,
        _worst(-size, stable_null) * claim.slope / stable.total,
        _LEAST_VARIANCE,
    )
    size = min(max(size, -largest), largest)
    return _gain(size / candidate.total, candidate, candidate_null) + _gain(
        -claim.slope * size / stable.total, stable, stable_null
    )


def _variance(claim: Claim, candidate: Counts, stable: Counts, candidate_null: float, stable_null: float) -> float:
    """Of the distance from the line, measured in a tick of these numbers of events."""
    spread_c = max(candidate_null * (1.0 - candidate_null), _LEAST_VARIANCE)
    spread_b = max(stable_null * (1.0 - stable_null), _LEAST_VARIANCE)
    return spread_c / candidate.total + claim.slope**2 * spread_b / stable.total


def _worst(direction: float, null: float) -> float:
    """The part of a stake of 1 that the outcome which the bet is against takes."""
    return null if direction > 0 else 1.0 - null


def _gain(stake: float, counts: Counts, null: float) -> float:
    return counts.bad * log1p(stake * (1.0 - null)) + (counts.total - counts.bad) * log1p(-stake * null)
