"""An A/B test under way: what is known of whether the candidate is better than stable, by how much, and what follows.

Three claims are on trial at once, each with evidence of its own (`serin.judge.winning`): the candidate is better; it
is worse; it is not better by the smallest effect that is worth finding. The first whose evidence suffices decides.

- Where both versions are the same, one of the first two is ever believed with a chance of at most `significance`: half
  of it each.
- Where the candidate is better by the smallest effect or more, the third is ever believed with a chance of at most half
  of 1 - power. That the time is over too soon is another chance, see `serin.judge.design`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

from serin.api.ab_test_status import ABTestDecision
from serin.judge.budget import cap
from serin.judge.counts import NOTHING, Counts
from serin.judge.growth import log_mean_exp
from serin.judge.processes import WORST_SURPRISE
from serin.judge.winning import Claim, log_growth

MULTIPLES = (0.7, 1.4)
"""Bets: so many times the smallest effect lies between the truth and the line. One that is larger by far is found soon
by these as well, and one more bet would cost the smallest effect time (by simulation, `benchmarks/ab_test.py`)."""
_NO_BETS = (0.0,) * len(MULTIPLES)
_PRIOR = 8.0
"""So many ticks' worth of weight has the dispersion that was known before the first one."""


@dataclass(frozen=True, slots=True)
class ABTestTerms:
    """What is tested.

    higher_is_better: whether the counted events are the good ones.
    absolute, relative: the smallest effect worth finding, in points as a share, or as a part of stable's own share;
        one of them is 0.
    significance: the chance that a difference is found where there is none, either way.
    power: the chance that the smallest effect is found, given the time that the design asks for.
    confirm: fewer ticks than these never decide.
    dispersion: how much more than chance stable's share varied before, at least 1.
    """

    higher_is_better: bool
    absolute: float
    relative: float
    significance: float
    power: float
    confirm: int = 3
    dispersion: float = 1.0

    def effect(self, stable: float) -> float:
        """The smallest effect worth finding where stable has this share."""
        return self.absolute + self.relative * stable

    @property
    def claims(self) -> dict[ABTestDecision, Claim]:
        """What each decision claims."""
        sign = 1.0 if self.higher_is_better else -1.0
        small = Claim(not self.higher_is_better, 1.0 + sign * self.relative, sign * self.absolute)
        return {
            ABTestDecision.WON: Claim(self.higher_is_better),
            ABTestDecision.LOST: Claim(not self.higher_is_better),
            ABTestDecision.NO_IMPROVEMENT: small,
        }

    def threshold(self, decision: ABTestDecision) -> float:
        """Log of the evidence that decides so."""
        error = 1.0 - self.power if decision is ABTestDecision.NO_IMPROVEMENT else self.significance
        return log(2.0 / error)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that is kept of the ticks so far.

    evidence: of each claim, the log of each bet. candidate, stable: the counts of all ticks that had events of both;
    waiting_*: of those that wait for the other version's first event. information: the sum of w, w = n_c n_b /
    (n_c + n_b); effect: of w times the difference; variance: of w times the variance of one event.
    decision: the first claim whose evidence sufficed.
    """

    won: tuple[float, ...] = _NO_BETS
    lost: tuple[float, ...] = _NO_BETS
    no_improvement: tuple[float, ...] = _NO_BETS
    candidate: Counts = NOTHING
    stable: Counts = NOTHING
    waiting_candidate: Counts = NOTHING
    waiting_stable: Counts = NOTHING
    ticks: int = 0
    information: float = 0.0
    effect: float = 0.0
    variance: float = 0.0
    surprise: float = 0.0
    differences: int = 0
    last_difference: float = 0.0
    last_variance: float = 0.0
    decision: ABTestDecision | None = None

    def bets(self, decision: ABTestDecision) -> tuple[float, ...]:
        """The log evidence of each bet on a claim."""
        return {
            ABTestDecision.WON: self.won,
            ABTestDecision.LOST: self.lost,
            ABTestDecision.NO_IMPROVEMENT: self.no_improvement,
        }[decision]

    @property
    def difference(self) -> float:
        """The candidate's share less stable's, weighed within ticks; 0 without ticks."""
        return self.effect / self.information if self.information else 0.0

    @property
    def rate(self) -> float:
        """The share of both versions together, never quite 0 or 1."""
        both = self.candidate + self.stable
        return (both.bad + 0.5) / (both.total + 1.0)

    def dispersion(self, terms: ABTestTerms) -> float:
        """How much more than chance the difference jumps from tick to tick, at least 1."""
        return max(1.0, (_PRIOR * terms.dispersion + self.surprise) / (_PRIOR + self.differences))

    def evidence(self, decision: ABTestDecision, terms: ABTestTerms) -> float:
        """How much of the (logarithm of the) evidence for a decision is there, from 0 to 1."""
        return min(max(log_mean_exp(self.bets(decision)) / terms.threshold(decision), 0.0), 1.0)

    def after(self, candidate: Counts, stable: Counts, terms: ABTestTerms) -> "Comparison":
        """The state after one more tick. The first one teaches only what share to expect: it is no evidence.

        candidate, stable: the counted events, good or bad as the terms say, and all events.
        """
        candidate, stable = self.waiting_candidate + candidate, self.waiting_stable + stable
        if candidate.total == 0 or stable.total == 0:
            return replace(self, waiting_candidate=candidate, waiting_stable=stable)
        after = _measured(self, candidate, stable)
        if not self.ticks:
            return after
        tempers = self.dispersion(terms), after.dispersion(terms)
        effect = terms.effect((self.stable.bad + 0.5) / (self.stable.total + 1.0))
        bets = {
            decision: tuple(
                bet
                + _tempered(
                    log_growth(claim, candidate, stable, excess=multiple * effect, rate=self.rate),
                    tempers,
                    cap(terms.threshold(decision), len(MULTIPLES), terms.confirm),
                )
                for multiple, bet in zip(MULTIPLES, self.bets(decision), strict=True)
            )
            for decision, claim in terms.claims.items()
        }
        after = replace(
            after,
            won=bets[ABTestDecision.WON],
            lost=bets[ABTestDecision.LOST],
            no_improvement=bets[ABTestDecision.NO_IMPROVEMENT],
        )
        return after if self.decision is not None else replace(after, decision=_decided(after, terms))


def _tempered(growth: float, tempers: Sequence[float], most: float) -> float:
    """What a tick adds at most: by the dispersion before and after it, whichever says less, and never above the cap."""
    return min(*(growth / temper for temper in tempers), most)


def _decided(state: Comparison, terms: ABTestTerms) -> ABTestDecision | None:
    return next((decision for decision in ABTestDecision if state.evidence(decision, terms) >= 1.0), None)


def _measured(state: Comparison, candidate: Counts, stable: Counts) -> Comparison:
    """Count the tick, and how far it jumped."""
    information = candidate.total * stable.total / (candidate.total + stable.total)
    pooled = (candidate + stable).share
    difference, variance = candidate.share - stable.share, pooled * (1.0 - pooled) / information
    both = variance + state.last_variance
    jumped = state.ticks > 0 and both > 0
    surprise = min((difference - state.last_difference) ** 2 / both, WORST_SURPRISE) if jumped else 0.0
    return replace(
        state,
        candidate=state.candidate + candidate,
        stable=state.stable + stable,
        waiting_candidate=NOTHING,
        waiting_stable=NOTHING,
        ticks=state.ticks + 1,
        information=state.information + information,
        effect=state.effect + information * difference,
        variance=state.variance + information * pooled * (1.0 - pooled),
        surprise=state.surprise + surprise,
        differences=state.differences + jumped,
        last_difference=difference,
        last_variance=variance,
    )
