"""The numbers and the sentence that a person gets of a share of bad events."""

from serin.api.spec import AnalysisMetric
from serin.api.status import CountsStatus, MetricStatus, Verdict
from serin.judge.bounds import interval
from serin.judge.counts import Counts
from serin.judge.processes import Estimate, Told
from serin.judge.words import events, number, of_candidate, percent, points

DISPLAY = 0.05
"""The intervals that people are shown hold what is true in 95 of 100 rollouts, at all looks at once."""


def rounded(value: float) -> float:
    """Four significant digits: more are noise to a person, and bytes in every watch."""
    return float(f"{value:.4g}")


def share_status(metric: AnalysisMetric, start: Told, step: Told) -> MetricStatus:
    """What one metric says: of the step, or since the start if that is what convicts or if the step has no data yet."""
    told = start if step.ticks == 0 or start.conviction == 1.0 > step.conviction else step
    shown = _shown(metric, told)
    known = told.ticks > 0
    low, high = _interval(told, shown)
    return MetricStatus(
        name=metric.name,
        verdict=Verdict.CONTINUE,
        reason="",
        message=_sentence(metric, told, shown),
        action=metric.action,
        candidate=_counts(shown.candidate),
        stable=_counts(shown.baseline),
        limit=rounded(_limit(metric, told)),
        estimate=rounded(_value(told, shown)) if known else None,
        interval=(rounded(low), rounded(high)) if known else None,
        harm=part(max(start.conviction, step.conviction)),
        safe=part(max(start.acquittal, step.acquittal)),
        dispersion=rounded(shown.dispersion) if known else None,
    )


def part(share: float) -> str:
    """A share of the evidence; never 1.00 before all of it is there."""
    return f"{int(share * 100) / 100:.2f}"


def _shown(metric: AnalysisMetric, told: Told) -> Estimate:
    """All ticks, unless it is the newest stretch alone that is beyond the limit, and convicts."""
    limit = _limit(metric, told)
    lately = _value(told, told.whole) <= limit < _value(told, told.stretch)
    return told.stretch if lately and told.conviction == 1.0 else told.whole


def _limit(metric: AnalysisMetric, told: Told) -> float:
    return told.limit if told.limit is not None else metric.tolerance


def _value(told: Told, shown: Estimate) -> float:
    return shown.candidate.share if told.limit is not None else shown.difference


def _interval(told: Told, shown: Estimate) -> tuple[float, float]:
    """Of the candidate's rate where a limit is held against it, else of the difference."""
    if told.limit is None:
        return interval(
            shown.difference,
            dispersion=shown.dispersion,
            variance=shown.variance,
            information=shown.information,
            alpha=DISPLAY,
        )
    rate, total = shown.candidate.share, shown.candidate.total
    low, high = interval(
        rate, dispersion=shown.dispersion, variance=total * rate * (1.0 - rate), information=total, alpha=DISPLAY
    )
    return max(low, 0.0), high


def _sentence(metric: AnalysisMetric, told: Told, shown: Estimate) -> str:
    if told.ticks == 0:
        if told.waiting:
            return f"{number(told.waiting)} of the candidate's {events(metric)} wait for one of stable's"
        return f"The candidate has no {events(metric)} yet"
    low, high = _interval(told, shown)
    candidate = of_candidate(metric, shown.candidate)
    lately = " of late" if shown is told.stretch else ""
    if told.limit is not None:
        stable = "" if told.alone else f", {_of_stable(shown.baseline)}"
        return (
            f"{candidate}{stable}{lately} (95% interval {percent(low)} to {percent(high)}, limit {percent(told.limit)})"
        )
    beyond = f" beyond {percent(1.0 + metric.slack)} of stable's" if metric.slack else ""
    return (
        f"{candidate}, {_of_stable(shown.baseline)}{lately} ({points(shown.difference)}{beyond}, "
        f"95% interval {points(low)} to {points(high)}, limit {points(metric.tolerance)})"
    )


def _of_stable(counts: Counts) -> str:
    return f"{percent(counts.share)} of stable's {number(counts.total)}"


def _counts(counts: Counts) -> CountsStatus | None:
    return CountsStatus(bad=rounded_count(counts.bad), total=rounded_count(counts.total)) if counts.total > 0 else None


def rounded_count(count: float) -> float:
    """A count to a hundredth: shares of events occur in a user's own ratio."""
    return round(count, 2)
