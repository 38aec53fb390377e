"""What the autoscaler says, as it stands in status, and what the next pass knows from there."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from serin.api.autoscaling_status import (
    MOST_EVENTS,
    MOST_RECOMMENDATIONS,
    AutoscalingStatus,
    DemandStatus,
    RecommendationStatus,
    ScaleEventStatus,
    ScalingCondition,
    ScalingHistory,
    ScalingLimitStatus,
    ScalingMetricStatus,
)
from serin.scaling.conditions import Condition, ConditionType, Status
from serin.scaling.history import History, PastRecommendation, ScaleEvent
from serin.scaling.report import MetricReport, Recommendation
from serin.scaling.shown import current_text, metric_name, metric_type, target_text

SYNC_PERIOD = timedelta(seconds=15)
"""From pass to pass."""
NEAR = 0.1
"""Ratios that differ by less say the same."""
_LONGEST = 1024


def remember(
    revision: str,
    recommendation: Recommendation,
    at: datetime,
    *,
    demand: DemandStatus | None = None,
    source: str | None = None,
) -> AutoscalingStatus:
    """What stands in status after a pass: the recommendation, `applied` or `refused` if it was, and its history."""
    return AutoscalingStatus(
        revision=revision,
        at=at,
        current=recommendation.current,
        desired=recommendation.replicas,
        proposal=recommendation.proposal,
        reason=_cut(recommendation.reason),
        demand=demand,
        source=source,
        metrics=tuple(_metric(report) for report in recommendation.metrics),
        limits=tuple(
            ScalingLimitStatus(type=limit.type, wanted=limit.wanted, allowed=limit.allowed, until=limit.until)
            for limit in recommendation.limits
        ),
        conditions=tuple(_condition(condition) for condition in recommendation.conditions),
        history=_history(recommendation.history.compacted()),
    )


def recall(status: AutoscalingStatus, now: datetime, period: timedelta = SYNC_PERIOD) -> History:
    """The history that a pass begins with.

    The newest recommendation counts as of the last pass before this one: it stood until then, as a status that only
    repeats is not written. So a restart neither forgets a window nor lets it end too soon.
    """
    history = status.history
    recommendations = [PastRecommendation(past.replicas, past.at) for past in history.recommendations]
    if recommendations:
        newest = max(range(len(recommendations)), key=lambda index: recommendations[index].at)
        past = recommendations[newest]
        recommendations[newest] = PastRecommendation(past.replicas, max(past.at, now - period))
    return History(
        tuple(recommendations),
        tuple(ScaleEvent(event.change, event.at, event.outdated) for event in history.scale_ups),
        tuple(ScaleEvent(event.change, event.at, event.outdated) for event in history.scale_downs),
        tuple(
            Condition(
                ConditionType(each.type), Status(each.status), each.reason, each.message, each.last_transition_time
            )
            for each in status.conditions
        ),
        history.last_scale,
    )


def says_the_same(told: AutoscalingStatus, new: AutoscalingStatus) -> bool:
    """Whether the new status adds nothing that matters: times went on, and ratios are near what they were."""
    if _words(told) != _words(new) or _teaches(told.history, new.history):
        return False
    return all(_near(before.ratio, after.ratio) for before, after in zip(told.metrics, new.metrics, strict=True))


def _words(status: AutoscalingStatus) -> AutoscalingStatus:
    """All but times, numbers that always move, and the history."""
    some_time = datetime.min.replace(tzinfo=status.at.tzinfo)
    metrics = tuple(metric.model_copy(update={"current": None, "ratio": None}) for metric in status.metrics)
    conditions = tuple(each.model_copy(update={"last_transition_time": some_time}) for each in status.conditions)
    update = {"at": some_time, "metrics": metrics, "conditions": conditions, "history": ScalingHistory()}
    return status.model_copy(update=update)


def _near(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is after
    return abs(before - after) < NEAR


def _teaches(told: ScalingHistory, new: ScalingHistory) -> bool:
    """Whether the new history knows something that one who recalls the told one would not."""
    if told.last_scale != new.last_scale:
        return True
    events = {(event.change, event.at) for event in (*told.scale_ups, *told.scale_downs)}
    if any((event.change, event.at) not in events for event in (*new.scale_ups, *new.scale_downs)):
        return True
    if not told.recommendations or not new.recommendations:
        return bool(new.recommendations)
    known = {(past.replicas, past.at) for past in told.recommendations}
    *earlier, newest = new.recommendations
    if newest.replicas != told.recommendations[-1].replicas:
        return True
    return any((past.replicas, past.at) not in known for past in earlier)


def _history(history: History) -> ScalingHistory:
    return ScalingHistory(
        recommendations=tuple(
            RecommendationStatus(replicas=past.replicas, at=past.at)
            for past in history.recommendations[-MOST_RECOMMENDATIONS:]
        ),
        scale_ups=_events(history.scale_ups),
        scale_downs=_events(history.scale_downs),
        last_scale=history.last_scale,
    )


def _events(events: Sequence[ScaleEvent]) -> tuple[ScaleEventStatus, ...]:
    """In their order, as slots are used again; of too many the newest."""
    kept = events if len(events) <= MOST_EVENTS else sorted(events, key=lambda event: event.at)[-MOST_EVENTS:]
    return tuple(ScaleEventStatus(change=event.change, at=event.at, outdated=event.outdated) for event in kept)


def _condition(condition: Condition) -> ScalingCondition:
    return ScalingCondition(
        type=condition.type,
        status=condition.status.value,
        reason=condition.reason,
        message=_cut(condition.message),
        last_transition_time=condition.since,
    )


def _metric(report: MetricReport) -> ScalingMetricStatus:
    ratio = report.ratio if report.ratio is not None and math.isfinite(report.ratio) else None
    return ScalingMetricStatus(
        type=metric_type(report.metric),
        name=_cut(metric_name(report.metric)),
        current=current_text(report.metric, report.current),
        target=target_text(report.metric),
        ratio=None if ratio is None else round(ratio, 4),
        replicas=report.replicas,
        hold=report.hold,
        reason=report.reason or None,
        error=_cut(report.error) or None,
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
