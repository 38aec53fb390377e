"""What an autoscaler may set: limits without `behavior`, and what all limits look like."""

from dataclasses import dataclass

from serin.scaling.numbers import int32
from serin.scaling.report import LimitType

SCALE_UP_LIMIT_FACTOR = 2.0
SCALE_UP_LIMIT_MINIMUM = 4.0


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit: its reason in ScalingLimited, the sentence to it, and which kind of limit it is."""

    reason: str
    message: str
    type: LimitType | None = None


WITHIN_RANGE = Bound("DesiredWithinRange", "the desired count is within the acceptable range")
TOO_FEW = Bound(
    "TooFewReplicas", "the desired replica count is less than the minimum replica count", LimitType.MIN_REPLICAS
)
TOO_MANY = Bound(
    "TooManyReplicas", "the desired replica count is more than the maximum replica count", LimitType.MAX_REPLICAS
)
SCALE_UP_LIMIT = Bound(
    "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate", LimitType.POLICY
)
SCALE_DOWN_LIMIT = Bound(
    "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate", LimitType.POLICY
)


@dataclass(frozen=True, slots=True)
class Range:
    """The replicas that the spec allows, and those that there are."""

    minimum: int
    maximum: int
    current: int


def limit(desired: int, allowed: Range) -> tuple[int, Bound]:
    """Without behavior (`convertDesiredReplicasWithRules`): limit = int(max(2.0*current, 4.0)).

    max' = limit if hpaMax > limit (reason ScaleUpLimit) else hpaMax (TooManyReplicas). desired < min ->
    min/TooFewReplicas (tested first); desired > max' -> max'; else DesiredWithinRange.
    """
    highest, bound = allowed.maximum, TOO_MANY
    rate = int32(max(SCALE_UP_LIMIT_FACTOR * allowed.current, SCALE_UP_LIMIT_MINIMUM))
    if highest > rate:
        highest, bound = rate, SCALE_UP_LIMIT
    if desired < allowed.minimum:
        return allowed.minimum, TOO_FEW
    if desired > highest:
        return highest, bound
    return desired, WITHIN_RANGE
