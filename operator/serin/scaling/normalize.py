"""From what the metrics propose to what may be set: stabilization, then limits."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from serin.scaling.behavior import Behavior, effective_down, effective_up
from serin.scaling.conditions import Condition, ConditionType, Status
from serin.scaling.history import History
from serin.scaling.limits import Bound, Range, limit
from serin.scaling.policies import Changes, limit_rate
from serin.scaling.report import Limit, LimitType
from serin.scaling.spec import Settings
from serin.scaling.stabilize import Stabilized, Windows, stabilize, stabilize_both

_STABILIZED = {
    "ScaleUpStabilized": (
        "recent recommendations were lower than current one, applying the lowest recent recommendation"
    ),
    "ScaleDownStabilized": (
        "recent recommendations were higher than current one, applying the highest recent recommendation"
    ),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the metrics propose, at what time, within what, and what happened before."""

    replicas: int
    allowed: Range
    history: History
    now: datetime


@dataclass(frozen=True, slots=True)
class Normalized:
    """What may be set, what limited it, and what to remember."""

    replicas: int
    limits: tuple[Limit, ...]
    history: History


def normalize(wanted: Wanted, behavior: Behavior | None, settings: Settings) -> Normalized:
    """By `behavior` if there is one, even an empty one (`normalizeDesiredReplicasWithBehaviors`); else without."""
    if behavior is None:
        return _without_behavior(wanted, settings)
    return _with_behavior(wanted, behavior, settings)


def _without_behavior(wanted: Wanted, settings: Settings) -> Normalized:
    """`normalizeDesiredReplicas`: the highest recommendation of the window, then the doubling, minimum and maximum."""
    window = settings.downscale_stabilization
    stabilized = stabilize(wanted.history.recommendations, wanted.replicas, wanted.now, window)
    replicas, bound = limit(stabilized.replicas, wanted.allowed)
    return _normalized(wanted, stabilized, "ScaleDownStabilized", replicas, bound)


def _with_behavior(wanted: Wanted, behavior: Behavior, settings: Settings) -> Normalized:
    """The windows of both directions, then the policies, minimum and maximum.

    Stabilized reason: ScaleUpStabilized if proposal >= current, else ScaleDownStabilized; only shown when stabilised !=
    proposal.
    """
    history, allowed = wanted.history, wanted.allowed
    up = effective_up(behavior.scale_up)
    down = effective_down(behavior.scale_down, settings.downscale_stabilization)
    windows = Windows(timedelta(0, up.stabilization_window_seconds), timedelta(0, down.stabilization_window_seconds))
    stabilized = stabilize_both(history.recommendations, wanted.replicas, allowed.current, wanted.now, windows)
    changes = Changes(history.scale_ups, history.scale_downs, wanted.now)
    replicas, bound = limit_rate(stabilized.replicas, allowed, changes, up, down)
    reason = "ScaleUpStabilized" if wanted.replicas >= allowed.current else "ScaleDownStabilized"
    return _normalized(wanted, stabilized, reason, replicas, bound)


def _normalized(wanted: Wanted, stabilized: Stabilized, reason: str, replicas: int, bound: Bound) -> Normalized:
    """AbleToScale says whether it was stabilized; ScalingLimited is True iff desired != stabilised value."""
    limits = []
    able = ("ReadyForNewScale", "recommended size matches current size")
    if stabilized.replicas != wanted.replicas:
        able = (reason, _STABILIZED[reason])
        limits.append(Limit(LimitType.STABILIZATION, wanted.replicas, stabilized.replicas, stabilized.until))
    status = Status.FALSE if replicas == stabilized.replicas else Status.TRUE
    if bound.type is not None:
        limits.append(Limit(bound.type, stabilized.replicas, replicas))
    history = replace(wanted.history, recommendations=stabilized.recommendations)
    history = history.told(Condition(ConditionType.ABLE_TO_SCALE, Status.TRUE, *able, wanted.now))
    history = history.told(Condition(ConditionType.SCALING_LIMITED, status, bound.reason, bound.message, wanted.now))
    return Normalized(replicas, tuple(limits), history)
