"""What the next pass must know of what became of a recommendation (the rest of upstream's `reconcileAutoscaler`)."""

from dataclasses import replace
from datetime import datetime

from serin.scaling.behavior import effective_down, effective_up
from serin.scaling.conditions import Condition, ConditionType, Status, with_condition, without_condition
from serin.scaling.history import History
from serin.scaling.policies import with_event
from serin.scaling.report import Recommendation
from serin.scaling.spec import DEFAULTS, AutoscalerSpec, Settings
from serin.scaling.zero import goes_to_sleep


def applied(
    recommendation: Recommendation, spec: AutoscalerSpec, now: datetime, settings: Settings = DEFAULTS
) -> Recommendation:
    """The recommendation after its replicas were set: AbleToScale=True/SucceededRescale, and the event is remembered.

    Nothing changes without a rescale.
    """
    if not recommendation.rescale:
        return recommendation
    message = f"the HPA controller was able to update the target scale to {recommendation.replicas}"
    able = Condition(ConditionType.ABLE_TO_SCALE, Status.TRUE, "SucceededRescale", message, now)
    history = store_event(recommendation, spec, now, settings)
    history = replace(history, conditions=with_condition(history.conditions, able), last_scale=now)
    return replace(recommendation, history=tell_of_zero(history, recommendation, spec, now, settings))


def refused(recommendation: Recommendation, problem: str, now: datetime) -> Recommendation:
    """The recommendation after its replicas could not be set: AbleToScale=False/FailedUpdateScale, and no event."""
    message = f"the HPA controller was unable to update the target scale: {problem}"
    condition = Condition(ConditionType.ABLE_TO_SCALE, Status.FALSE, "FailedUpdateScale", message, now)
    return replace(recommendation, history=recommendation.history.told(condition))


def unknown_scale(history: History, problem: str, now: datetime) -> History:
    """What a pass leaves that could not even read the scale: AbleToScale=False/FailedGetScale."""
    message = f"the HPA controller was unable to get the target's current scale: {problem}"
    return history.told(Condition(ConditionType.ABLE_TO_SCALE, Status.FALSE, "FailedGetScale", message, now))


def store_event(recommendation: Recommendation, spec: AutoscalerSpec, now: datetime, settings: Settings) -> History:
    """On success store a scale event, of the direction that it had. behavior nil -> nothing stored."""
    history, behavior = recommendation.history, spec.behavior
    if behavior is None:
        return history
    change = recommendation.replicas - recommendation.current
    if change > 0:
        return replace(history, scale_ups=with_event(history.scale_ups, change, now, effective_up(behavior.scale_up)))
    rules = effective_down(behavior.scale_down, settings.downscale_stabilization)
    return replace(history, scale_downs=with_event(history.scale_downs, -change, now, rules))


def tell_of_zero(
    history: History, recommendation: Recommendation, spec: AutoscalerSpec, now: datetime, settings: Settings
) -> History:
    """Every successful rescale sets ScaledToZero True/ScaledToZero, else False/NotScaledToZero; gate off: removed."""
    if not settings.scale_to_zero:
        return replace(history, conditions=without_condition(history.conditions, ConditionType.SCALED_TO_ZERO))
    if goes_to_sleep(spec, recommendation.current, recommendation.replicas):
        message = "the HPA controller scaled the workload to zero"
        return history.told(Condition(ConditionType.SCALED_TO_ZERO, Status.TRUE, "ScaledToZero", message, now))
    message = "the HPA controller did not scale the workload to zero"
    return history.told(Condition(ConditionType.SCALED_TO_ZERO, Status.FALSE, "NotScaledToZero", message, now))
