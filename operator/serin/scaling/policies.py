"""How fast replicas may change by the policies of `behavior` (upstream's `horizontal.go`)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from serin.scaling.behavior import EffectiveRules, Policy, PolicyType, SelectPolicy
from serin.scaling.history import ScaleEvent
from serin.scaling.limits import SCALE_DOWN_LIMIT, SCALE_UP_LIMIT, TOO_FEW, TOO_MANY, WITHIN_RANGE, Bound, Range
from serin.scaling.numbers import ceil32, int32, wrap32

Events = tuple[ScaleEvent, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """The scale events of both directions, and the time."""

    ups: Events
    downs: Events
    now: datetime


def limit_rate(
    desired: int, allowed: Range, changes: Changes, up: EffectiveRules, down: EffectiveRules
) -> tuple[int, Bound]:
    """Rate (`convertDesiredReplicasWithBehaviorRate`), relative to current; equal -> unchanged, DesiredWithinRange,
    min/max not applied.

    up limit = max(limit, current); cap = limit if hpaMax > limit (ScaleUpLimit) else hpaMax (TooManyReplicas); min is
    not applied upward. down limit = min(limit, current); floor = limit if hpaMin < limit (ScaleDownLimit) else hpaMin
    (TooFewReplicas).
    """
    current = allowed.current
    if desired > current:
        rate = max(up_limit(current, changes, up), current)
        cap, bound = (rate, SCALE_UP_LIMIT) if allowed.maximum > rate else (allowed.maximum, TOO_MANY)
        if desired > cap:
            return cap, bound
    elif desired < current:
        rate = min(down_limit(current, changes, down), current)
        floor, bound = (rate, SCALE_DOWN_LIMIT) if allowed.minimum < rate else (allowed.minimum, TOO_FEW)
        if desired < floor:
            return floor, bound
    return desired, WITHIN_RANGE


def up_limit(current: int, changes: Changes, rules: EffectiveRules) -> int:
    """up: Pods start+v; Percent ceil(start*(1+v/100)).

    selectPolicy Max = largest change (up: max); Min = smallest change; Disabled = current.
    """
    if rules.select_policy is SelectPolicy.DISABLED:
        return current
    select = min if rules.select_policy is SelectPolicy.MIN else max
    return select(_most(policy, _start(current, changes, policy)) for policy in rules.policies)


def down_limit(current: int, changes: Changes, rules: EffectiveRules) -> int:
    """down: Pods start-v; Percent int(start*(1-v/100)) truncated.

    selectPolicy Max = largest change (down: min); Min = smallest change; Disabled = current.
    """
    if rules.select_policy is SelectPolicy.DISABLED:
        return current
    select = max if rules.select_policy is SelectPolicy.MIN else min
    return select(_least(policy, _start(current, changes, policy)) for policy in rules.policies)


def _most(policy: Policy, start: int) -> int:
    if policy.type is PolicyType.PODS:
        return wrap32(start + policy.value)
    # Rounded up, as a change that adds nothing would never begin. 100 +10 % is 111: the float's artefact is upstream's.
    return ceil32(start * (1 + policy.value / 100))


def _least(policy: Policy, start: int) -> int:
    if policy.type is PolicyType.PODS:
        return wrap32(start - policy.value)
    return int32(start * (1 - policy.value / 100))


def _start(current: int, changes: Changes, policy: Policy) -> int:
    """start = current - added(period) + removed(period), both directions counted."""
    period = timedelta(seconds=policy.period_seconds)
    added = change_within(changes.ups, changes.now, period)
    removed = change_within(changes.downs, changes.now, period)
    return wrap32(current - added + removed)


def change_within(events: Iterable[ScaleEvent], now: datetime, period: timedelta) -> int:
    """Sums of events with age < periodSeconds (strict; `getReplicasChangePerPeriod`)."""
    cutoff = now - period
    return wrap32(sum(event.change for event in events if event.at > cutoff))


def with_event(events: Events, change: int, now: datetime, rules: EffectiveRules) -> Events:
    """Events (`storeScaleEvent`): longest = max periodSeconds of that direction; events with age > longest are flagged
    outdated; the new event (absolute change) overwrites the last outdated slot, else is appended.
    """
    longest = timedelta(seconds=max(policy.period_seconds for policy in rules.policies))
    cutoff = now - longest
    marked = [replace(event, outdated=True) if event.at < cutoff and not event.outdated else event for event in events]
    new = ScaleEvent(change, now)
    slots = [index for index, event in enumerate(marked) if event.outdated]
    if slots:
        marked[slots[-1]] = new
    else:
        marked.append(new)
    return tuple(marked)
