"""The numbers and the sentences that a person gets of an A/B test."""

from serin.api.ab_test_status import ABTestCounts, ABTestDecision, ABTestLeader, ABTestStatus
from serin.judge.bounds import interval
from serin.judge.budget import cap
from serin.judge.comparison import MULTIPLES, ABTestTerms, Comparison
from serin.judge.counts import Counts
from serin.judge.design import design
from serin.judge.needs import ticks_until
from serin.judge.share_status import part, rounded, rounded_count
from serin.judge.winning import log_growth
from serin.judge.words import about, number, percent, points

_ENDS = {
    ABTestDecision.WON: "it has won",
    ABTestDecision.LOST: "it has lost",
    ABTestDecision.NO_IMPROVEMENT: "it is known not to be better by {sought}",
}


def comparison_status(metric: str, state: Comparison, terms: ABTestTerms, *, share: float) -> ABTestStatus:
    """What an A/B test says.

    share: the candidate's share of the requests, as far as the strategy knows it.
    """
    known = state.ticks > 0
    planned = _planned(state, terms, share)
    low, high = _interval(state, terms)
    return ABTestStatus(
        metric=metric,
        decision=state.decision,
        message=_sentence(state, terms),
        leader=_leader(state, terms),
        candidate=_counts(state.candidate) if known else None,
        stable=_counts(state.stable) if known else None,
        estimate=rounded(state.difference) if known else None,
        interval=(rounded(low), rounded(high)) if known else None,
        won=part(state.evidence(ABTestDecision.WON, terms)),
        lost=part(state.evidence(ABTestDecision.LOST, terms)),
        no_improvement=part(state.evidence(ABTestDecision.NO_IMPROVEMENT, terms)),
        planned=planned,
        needs=_needs(state, terms, planned),
    )


def _counts(counts: Counts) -> ABTestCounts:
    return ABTestCounts(counted=rounded_count(counts.bad), total=rounded_count(counts.total))


def _interval(state: Comparison, terms: ABTestTerms) -> tuple[float, float]:
    return interval(
        state.difference,
        dispersion=state.dispersion(terms),
        variance=state.variance,
        information=state.information,
        alpha=terms.significance,
    )


def _leader(state: Comparison, terms: ABTestTerms) -> ABTestLeader | None:
    if state.difference == 0.0:
        return None
    return ABTestLeader.CANDIDATE if (state.difference > 0) == terms.higher_is_better else ABTestLeader.STABLE


def _sentence(state: Comparison, terms: ABTestTerms) -> str:
    if not state.ticks:
        return "Nothing is known yet: no tick has had events of both versions"
    leader = _leader(state, terms)
    leads = {ABTestLeader.CANDIDATE: "The candidate leads", ABTestLeader.STABLE: "Stable leads", None: "Nobody leads"}[
        leader
    ]
    low, high = _interval(state, terms)
    wanted = "more" if terms.higher_is_better else "fewer"
    return (
        f"{leads}: {percent(state.candidate.share)} of the candidate's {number(state.candidate.total)} events, "
        f"{percent(state.stable.share)} of stable's {number(state.stable.total)} ({points(state.difference)}, "
        f"{percent(1.0 - terms.significance)} interval {points(low)} to {points(high)}; {wanted} are better, "
        f"{_sought(state, terms)} are sought)"
    )


def _sought(state: Comparison, terms: ABTestTerms) -> str:
    """The smallest effect that is worth finding, at stable's share as it is known."""
    effect = terms.effect(state.stable.share)
    return points(effect if terms.higher_is_better else -effect)


def _planned(state: Comparison, terms: ABTestTerms, share: float) -> float | None:
    """The candidate's events that find the smallest effect, at stable's share as it is known by now."""
    found = design(terms, rate=state.stable.share, share=share) if state.ticks else None
    return None if found is None else float(found.needed.candidate)


def _needs(state: Comparison, terms: ABTestTerms, planned: float | None) -> str | None:
    if state.decision is not None or not state.ticks:
        return None
    ends = {decision: found for decision in ABTestDecision if (found := _events_until(decision, state, terms))}
    if ends:
        decision = min(ends, key=lambda one: ends[one])
        end = _ENDS[decision].format(sought=_sought(state, terms))
        return f"{about(ends[decision])} more of the candidate's events until {end}, if it goes on like this"
    left = 0.0 if planned is None else planned - state.candidate.total
    return f"{about(left)} more of the candidate's events by the plan" if left > 0 else None


def _events_until(decision: ABTestDecision, state: Comparison, terms: ABTestTerms) -> float | None:
    """More of the candidate's events, at the present rates; None if such evidence does not grow."""
    claim, threshold = terms.claims[decision], terms.threshold(decision)
    candidate, stable = (
        Counts(counts.bad / state.ticks, counts.total / state.ticks) for counts in (state.candidate, state.stable)
    )
    most = cap(threshold, len(MULTIPLES), terms.confirm)
    effect, temper = terms.effect(stable.share), state.dispersion(terms)
    gains = [
        min(log_growth(claim, candidate, stable, excess=multiple * effect, rate=state.rate) / temper, most)
        for multiple in MULTIPLES
    ]
    ticks = ticks_until(threshold, state.bets(decision), gains)
    return None if ticks is None else ticks * candidate.total
