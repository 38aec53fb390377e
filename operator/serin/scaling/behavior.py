"""How fast replicas may change: `spec.behavior` of `autoscaling/v2`, and what the API server fills in."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class PolicyType(StrEnum):
    """What the value of a policy counts."""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectPolicy(StrEnum):
    """Which of several policies holds."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Policy:
    """At most so many pods, or percent of the pods, within a period."""

    type: PolicyType
    value: int
    period_seconds: int


@dataclass(frozen=True, slots=True)
class ScalingRules:
    """One direction; None where the default holds.

    tolerance: a share of the target, such as 0.05.
    """

    stabilization_window_seconds: int | None = None
    select_policy: SelectPolicy | None = None
    policies: tuple[Policy, ...] | None = None
    tolerance: float | None = None


@dataclass(frozen=True, slots=True)
class Behavior:
    """Both directions."""

    scale_up: ScalingRules = ScalingRules()
    scale_down: ScalingRules = ScalingRules()


@dataclass(frozen=True, slots=True)
class EffectiveRules:
    """One direction with everything filled in."""

    stabilization_window_seconds: int
    select_policy: SelectPolicy
    policies: tuple[Policy, ...]


DEFAULT_UP = EffectiveRules(0, SelectPolicy.MAX, (Policy(PolicyType.PODS, 4, 15), Policy(PolicyType.PERCENT, 100, 15)))
DEFAULT_DOWN_POLICIES = (Policy(PolicyType.PERCENT, 100, 15),)


def effective_up(rules: ScalingRules) -> EffectiveRules:
    """scaleUp {window 0, Max, [Pods 4/15 s, Percent 100/15 s]}, filled per field."""
    return _filled(rules, DEFAULT_UP)


def effective_down(rules: ScalingRules, downscale_stabilization: timedelta) -> EffectiveRules:
    """scaleDown {window nil -> controller flag 300 s, Max, [Percent 100/15 s]}, filled per field."""
    window = int(downscale_stabilization.total_seconds())
    return _filled(rules, EffectiveRules(window, SelectPolicy.MAX, DEFAULT_DOWN_POLICIES))


def _filled(rules: ScalingRules, defaults: EffectiveRules) -> EffectiveRules:
    """A given policies list replaces the default list whole."""
    window, policies = rules.stabilization_window_seconds, rules.policies
    return EffectiveRules(
        defaults.stabilization_window_seconds if window is None else window,
        rules.select_policy or defaults.select_policy,
        defaults.policies if policies is None else policies,
    )
