"""Rate by the policies of behavior: replicas.md, section 7 b and c."""

import pytest

from scaling.build import NOW, ago
from serin.scaling.behavior import (
    Behavior,
    EffectiveRules,
    Policy,
    PolicyType,
    ScalingRules,
    SelectPolicy,
    effective_down,
    effective_up,
)
from serin.scaling.history import ScaleEvent
from serin.scaling.limits import Range
from serin.scaling.numbers import MAX_INT32
from serin.scaling.policies import Changes, change_within, down_limit, limit_rate, up_limit, with_event
from serin.scaling.spec import DEFAULTS

NONE = Changes((), (), NOW)
Entries = tuple[tuple[int, float], ...]


def n_pods(value: int, period: int = 60) -> Policy:
    """So many pods."""
    return Policy(PolicyType.PODS, value, period)


def percent(value: int, period: int = 60) -> Policy:
    """So many percent."""
    return Policy(PolicyType.PERCENT, value, period)


def rules(*policies: Policy, select: SelectPolicy = SelectPolicy.MAX) -> EffectiveRules:
    """One direction."""
    return EffectiveRules(0, select, policies)


def events(*entries: tuple[int, float]) -> tuple[ScaleEvent, ...]:
    """Changes of so many replicas, so many seconds ago."""
    return tuple(ScaleEvent(change, ago(age)) for change, age in entries)


@pytest.mark.parametrize(
    ("current", "policy", "limit"),
    [
        pytest.param(100, n_pods(4), 104, id="up: Pods start+v"),
        pytest.param(10, percent(50), 15, id="Percent ceil(start*(1+v/100))"),
        pytest.param(3, percent(10), 4, id="rounded up"),
        pytest.param(100, percent(10), 111, id="float64 artefacts are kept (100 +10 % -> 111)"),
        pytest.param(0, percent(100), 0, id="a percentage of nothing is nothing"),
        pytest.param(5, n_pods(MAX_INT32), 5 + MAX_INT32 - 2**32, id="int32 wraps around"),
        pytest.param(5, percent(MAX_INT32), 107374188, id="int32 holds it"),
        pytest.param(500, percent(MAX_INT32), -(2**31), id="int32 does not hold it"),
    ],
)
def test_up(current: int, policy: Policy, limit: int) -> None:
    assert up_limit(current, NONE, rules(policy)) == limit


@pytest.mark.parametrize(
    ("current", "policy", "limit"),
    [
        pytest.param(100, n_pods(4), 96, id="down: Pods start-v"),
        pytest.param(10, percent(50), 5, id="Percent int(start*(1-v/100))"),
        pytest.param(9, percent(50), 4, id="truncated"),
        pytest.param(100, percent(55), 44, id="float64 artefacts are kept (100 -55 % -> 44)"),
        pytest.param(100, percent(100), 0, id="all of them"),
        pytest.param(10, percent(125), -2, id="truncated towards zero below it"),
    ],
)
def test_down(current: int, policy: Policy, limit: int) -> None:
    assert down_limit(current, NONE, rules(policy)) == limit


@pytest.mark.parametrize(
    ("select", "up", "down"),
    [
        pytest.param(SelectPolicy.MAX, 20, 5, id="Max = largest change (up: max, down: min)"),
        pytest.param(SelectPolicy.MIN, 12, 8, id="Min = smallest change"),
        pytest.param(SelectPolicy.DISABLED, 10, 10, id="Disabled = current"),
    ],
)
def test_select_policy(select: SelectPolicy, up: int, down: int) -> None:
    assert up_limit(10, NONE, rules(n_pods(2), percent(100), n_pods(5), select=select)) == up
    assert down_limit(10, NONE, rules(n_pods(2), percent(40), n_pods(5), select=select)) == down


@pytest.mark.parametrize(
    ("ups", "downs", "up", "down"),
    [
        pytest.param(((3, 10),), (), 11, 3, id="start = current - added(period)"),
        pytest.param((), ((3, 10),), 17, 9, id="+ removed(period)"),
        pytest.param(((3, 10), (4, 20)), ((2, 5),), 9, 1, id="both directions counted"),
        pytest.param(((3, 59.999),), (), 11, 3, id="sums of events with age < periodSeconds"),
        pytest.param(((3, 60),), (), 14, 6, id="(strict)"),
    ],
)
def test_start_of_the_period(ups: Entries, downs: Entries, up: int, down: int) -> None:
    """per policy: `start = current - added(period) + removed(period)`."""
    changes = Changes(events(*ups), events(*downs), NOW)
    assert up_limit(10, changes, rules(n_pods(4))) == up
    assert down_limit(10, changes, rules(n_pods(4))) == down


def test_each_policy_has_its_own_period() -> None:
    changes = Changes(events((5, 30), (6, 90)), (), NOW)
    assert up_limit(20, changes, rules(n_pods(4, 60))) == 19
    assert up_limit(20, changes, rules(n_pods(4, 120))) == 13
    assert up_limit(20, changes, rules(n_pods(4, 60), n_pods(4, 120))) == 19


def test_outdated_events_still_count_where_a_policy_reaches_back_to_them() -> None:
    assert change_within((ScaleEvent(3, ago(30), outdated=True), ScaleEvent(4, ago(90))), NOW, NOW - ago(60)) == 3


UP, DOWN = rules(n_pods(2)), rules(n_pods(2))


@pytest.mark.parametrize(
    ("desired", "minimum", "maximum", "replicas", "reason"),
    [
        pytest.param(10, 20, 30, 10, "DesiredWithinRange", id="equal -> unchanged, min/max not applied"),
        pytest.param(10, 1, 5, 10, "DesiredWithinRange", id="equal -> unchanged, also above max"),
        pytest.param(11, 1, 30, 11, "DesiredWithinRange", id="up within"),
        pytest.param(12, 1, 30, 12, "DesiredWithinRange", id="just as many as the limit"),
        pytest.param(15, 1, 30, 12, "ScaleUpLimit", id="cap = limit if hpaMax > limit (ScaleUpLimit)"),
        pytest.param(15, 1, 11, 11, "TooManyReplicas", id="else hpaMax (TooManyReplicas)"),
        pytest.param(15, 1, 12, 12, "TooManyReplicas", id="hpaMax > limit is strict"),
        pytest.param(11, 20, 30, 11, "DesiredWithinRange", id="min is not applied upward"),
        pytest.param(9, 1, 30, 9, "DesiredWithinRange", id="down within"),
        pytest.param(8, 1, 30, 8, "DesiredWithinRange", id="just as few as the limit"),
        pytest.param(5, 1, 30, 8, "ScaleDownLimit", id="floor = limit if hpaMin < limit (ScaleDownLimit)"),
        pytest.param(5, 9, 30, 9, "TooFewReplicas", id="else hpaMin (TooFewReplicas)"),
        pytest.param(5, 8, 30, 8, "TooFewReplicas", id="hpaMin < limit is strict"),
        pytest.param(9, 1, 5, 9, "DesiredWithinRange", id="max is not applied downward"),
    ],
)
def test_limit_rate(desired: int, minimum: int, maximum: int, replicas: int, reason: str) -> None:
    """Rate (`convertDesiredReplicasWithBehaviorRate`), relative to current."""
    found, bound = limit_rate(desired, Range(minimum, maximum, 10), NONE, UP, DOWN)
    assert (found, bound.reason) == (replicas, reason)


def test_used_up_rate_keeps_the_current_replicas() -> None:
    """up limit = max(limit, current); down limit = min(limit, current)."""
    busy = Changes(events((5, 10)), (), NOW)
    assert limit_rate(15, Range(1, 30, 10), busy, UP, DOWN)[0] == 10
    busy = Changes((), events((5, 10)), NOW)
    assert limit_rate(5, Range(1, 30, 10), busy, UP, DOWN)[0] == 10


@pytest.mark.parametrize(
    ("entries", "slot", "outdated"),
    [
        pytest.param((), None, (), id="else appended"),
        pytest.param(((1, 30), (2, 60)), None, (False, False), id="age > longest is strict"),
        pytest.param(((1, 61), (2, 90), (3, 10)), 1, (True, None, False), id="overwrites the last outdated slot"),
    ],
)
def test_store_scale_event(entries: Entries, slot: int | None, outdated: tuple[bool | None, ...]) -> None:
    """longest = max periodSeconds of that direction; events with age > longest are flagged outdated."""
    before = events(*entries)
    after = with_event(before, 7, NOW, rules(n_pods(1, 60), n_pods(1, 15)))
    new = len(before) if slot is None else slot
    assert after[new] == ScaleEvent(7, NOW)
    assert len(after) == max(len(before), new + 1)
    for index, flag in enumerate(outdated):
        if index != new:
            assert after[index] == ScaleEvent(before[index].change, before[index].at, bool(flag))


def test_flag_stays_when_policies_become_longer() -> None:
    """As upstream never takes it back: the slot of an event that counts again is used all the same."""
    after = with_event((ScaleEvent(3, ago(30), outdated=True),), 7, NOW, rules(n_pods(1, 600)))
    assert after == (ScaleEvent(7, NOW),)


@pytest.mark.parametrize(
    ("given", "up", "down"),
    [
        pytest.param(
            Behavior(),
            EffectiveRules(0, SelectPolicy.MAX, (n_pods(4, 15), percent(100, 15))),
            EffectiveRules(300, SelectPolicy.MAX, (percent(100, 15),)),
            id="scaleUp {window 0, Max, [Pods 4/15 s, Percent 100/15 s]}; scaleDown {window nil -> 300 s, Max, ...}",
        ),
        pytest.param(
            Behavior(ScalingRules(10, SelectPolicy.MIN), ScalingRules(0, SelectPolicy.DISABLED)),
            EffectiveRules(10, SelectPolicy.MIN, (n_pods(4, 15), percent(100, 15))),
            EffectiveRules(0, SelectPolicy.DISABLED, (percent(100, 15),)),
            id="filled per field when behavior is non-nil",
        ),
        pytest.param(
            Behavior(ScalingRules(policies=(n_pods(1),)), ScalingRules(policies=(n_pods(2), percent(3)))),
            EffectiveRules(0, SelectPolicy.MAX, (n_pods(1),)),
            EffectiveRules(300, SelectPolicy.MAX, (n_pods(2), percent(3))),
            id="A given policies list replaces the default list whole",
        ),
    ],
)
def test_defaults(given: Behavior, up: EffectiveRules, down: EffectiveRules) -> None:
    """Defaults (`pkg/apis/autoscaling/v2/defaults.go`)."""
    assert effective_up(given.scale_up) == up
    assert effective_down(given.scale_down, DEFAULTS.downscale_stabilization) == down
