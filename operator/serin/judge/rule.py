"""The rule by which one metric is judged: limits, confirmed over several looks, blamed on the candidate alone.

This module is the only one that knows the rule. Its neighbors hand it a `Question` that the data can answer and
take the `MetricStatus` that comes back; how evidence is weighed can change here without their noticing.

Looks are ticks, or several ticks where events are few: a look has at least min_samples / confirm events of the
candidate. A metric fails when all of this holds:

- each of the newest `confirm` looks of the step is beyond the limit, so one burst never suffices;
- over those looks, or over the step as a whole, the estimate is beyond the limit, and its lower confidence bound is
  beyond it too (threshold) or beyond 0 (delta);
- in the same window the candidate is worse than stable: the lower bound of the difference is above 0. A breach that
  stable shares is not the candidate's.

At weight 100 stable gets no requests and cannot be compared with in the same window. A threshold is then a limit by
itself, and a delta is held against what stable did earlier in this analysis. Below that weight a breach without
stable's counts holds.

Windows never reach over a change of weight (Simpson's paradox).
"""

from dataclasses import dataclass

from serin.api.spec import AnalysisMetric, MetricName
from serin.api.status import CountsStatus, MetricStatus, Verdict
from serin.judge.counts import Counts, Pair
from serin.judge.intervals import DISPLAY, newcombe, wilson
from serin.judge.series import Look, looks, pool
from serin.judge.words import about, events, number, of_candidate, percent, points

QUANTILE = 4.0
"""Standard errors of every bound that accuses. One look at 95 % would be 1.64, but the analysis looks at every tick,
and where few events are bad the intervals' tails are thinner than chance's. Of 60 simulated rollouts with three
healthy metrics and 60 looks each, none was rolled back with 4, and 3 with 3."""

_ROUNDING = 1e-9
"""A share that equals the limit is within it, whatever floating point makes of the division."""

CATASTROPHE = 0.5
"""Share of bad events from which on a threshold metric's failure is a catastrophe, if it is proven to be above."""


@dataclass(frozen=True, slots=True)
class Question:
    """One metric, with everything that the rule may look at.

    analysis: pairs of every tick since the analysis began; step: those of the present step. Oldest first.
    """

    metric: AnalysisMetric
    confirm: int
    min_samples: int
    weight: int
    analysis: tuple[Pair, ...]
    step: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rule says; `catastrophe` marks a failure that needs no verified split to be believed."""

    status: MetricStatus
    catastrophe: bool = False


def decide(question: Question) -> Answer:
    """Judge one metric whose newest data are there."""
    window = _accusing_window(question)
    if window is not None:
        return _accused(question, window)
    pooled = _with_baseline(question, pool(question.step))
    return Answer(_undecided(question, pooled))


def explain(question: Question, *, verdict: Verdict, reason: str, message: str) -> MetricStatus:
    """A status with the numbers of the step, for a verdict that is not the rule's own."""
    pooled = _with_baseline(question, pool(question.step))
    return _status(question, pooled, verdict, reason, message)


def _is_delta(question: Question) -> bool:
    return question.metric.name is MetricName.ACCURACY


def _estimate(question: Question, look: Look) -> float:
    if _is_delta(question):
        return look.candidate.share - look.stable.share
    return look.candidate.share


def _is_over(question: Question, look: Look) -> bool:
    return _estimate(question, look) > question.metric.limit + _ROUNDING


def _interval(question: Question, look: Look, quantile: float) -> tuple[float, float]:
    if _is_delta(question):
        return newcombe(look.candidate, look.stable, quantile)
    return wilson(look.candidate, quantile)


def _with_baseline(question: Question, look: Look) -> Look:
    """The look itself; at weight 100, where stable has nothing in this window, with what it did before."""
    if _is_delta(question) and question.weight == 100:
        return Look(look.candidate, pool(question.analysis).stable)
    return look


def _accusing_window(question: Question) -> Look | None:
    """The window whose numbers are beyond the limit and bounded away from it; None if there is none."""
    needs_stable = _is_delta(question) and question.weight < 100
    gathered = looks(
        question.step,
        candidate=question.min_samples / question.confirm,
        stable=1.0 if needs_stable else 0.0,
    )
    newest = tuple(_with_baseline(question, look) for look in gathered[-question.confirm :])
    limit = question.metric.limit
    if len(newest) < question.confirm or not all(_is_over(question, look) for look in newest):
        return None
    recent = _with_baseline(question, sum(gathered[-question.confirm :], Look()))
    whole = _with_baseline(question, pool(question.step))
    bound = 0.0 if _is_delta(question) else limit
    for window in (recent, whole):
        if _is_delta(question) and window.stable.total == 0:
            continue
        if _is_over(question, window) and _interval(question, window, QUANTILE)[0] > bound:
            return window
    return None


def _accused(question: Question, window: Look) -> Answer:
    """The candidate is beyond the limit for certain: is it the candidate's own fault?"""
    metric = question.metric
    alone = question.weight == 100 and not _is_delta(question)
    if not alone:
        if window.stable.total == 0:
            message = (
                f"{of_candidate(metric, window.candidate)}, limit {percent(metric.limit)}, "
                f"but stable has no {events(metric)} in the same window to compare with"
            )
            return Answer(_status(question, window, Verdict.HOLD, "NoBaseline", message))
        if newcombe(window.candidate, window.stable, QUANTILE)[0] <= 0:
            return Answer(_not_its_own(question, window))
    message = _sentence(question, window)
    catastrophe = not _is_delta(question) and wilson(window.candidate, QUANTILE)[0] > CATASTROPHE
    return Answer(_status(question, window, Verdict.FAIL, "OverLimit", message), catastrophe=catastrophe)


def _not_its_own(question: Question, window: Look) -> MetricStatus:
    sentence = _sentence(question, window)
    if window.stable.share > question.metric.limit:
        message = f"{sentence}: stable shares the breach, so it is not the candidate's"
        return _status(question, window, Verdict.HOLD, "SharedBreach", message)
    message = f"{sentence}: not yet certainly worse than stable"
    return _status(question, window, Verdict.HOLD, "Undecided", message)


def _undecided(question: Question, pooled: Look) -> MetricStatus:
    """Neither failed nor accused: passed, over the limit without proof, or too few events."""
    samples = pooled.candidate.total
    if samples < question.min_samples:
        missing = question.min_samples - samples
        message = f"{_sentence(question, pooled)}: too few for a verdict"
        status = _status(question, pooled, Verdict.CONTINUE, "TooFewSamples", message)
        return status.model_copy(
            update={"needs": f"{about(missing)} more of the candidate's {events(question.metric)}"}
        )
    if _is_delta(question) and pooled.stable.total == 0:
        message = f"Stable has no {events(question.metric)} to compare the candidate's {number(samples)} with"
        return _status(question, pooled, Verdict.HOLD, "NoBaseline", message)
    ticks = sum(1 for pair in question.step if pair.candidate is not None and pair.candidate.total > 0)
    if _is_over(question, pooled):
        message = f"{_sentence(question, pooled)}: over the limit, but not yet for certain"
        return _status(question, pooled, Verdict.HOLD, "Undecided", message)
    if ticks < question.confirm and not _is_delta(question):
        message = f"{_sentence(question, pooled)}: {ticks} of {question.confirm} ticks"
        return _status(question, pooled, Verdict.CONTINUE, "TooFewTicks", message)
    return _status(question, pooled, Verdict.PASS, "WithinLimit", _sentence(question, pooled))


def _sentence(question: Question, look: Look) -> str:
    metric = question.metric
    if look.candidate.total == 0:
        return f"The candidate has no {events(metric)} in this step yet"
    low, high = _interval(question, look, DISPLAY)
    candidate = of_candidate(metric, look.candidate)
    stable = (
        f"{percent(look.stable.share)} of stable's {number(look.stable.total)}"
        if look.stable.total
        else "none of stable's"
    )
    if _is_delta(question):
        rise = points(_estimate(question, look))
        return (
            f"{candidate}, {stable} ({rise}, 95% interval {points(low)} to {points(high)}, "
            f"limit {points(metric.limit)})"
        )
    return f"{candidate}, {stable} (95% interval {percent(low)} to {percent(high)}, limit {percent(metric.limit)})"


def _status(question: Question, look: Look, verdict: Verdict, reason: str, message: str) -> MetricStatus:
    known = look.candidate.total > 0 and (look.stable.total > 0 or not _is_delta(question))
    return MetricStatus(
        name=question.metric.name,
        verdict=verdict,
        reason=reason,
        message=message,
        action=question.metric.action,
        candidate=_counts(look.candidate),
        stable=_counts(look.stable),
        limit=question.metric.limit,
        estimate=_estimate(question, look) if known else None,
        interval=_interval(question, look, DISPLAY) if known else None,
    )


def _counts(counts: Counts) -> CountsStatus | None:
    return CountsStatus(bad=counts.bad, total=counts.total) if counts.total > 0 else None
