"""The conditions of an autoscaler, with upstream's types and reasons."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ConditionType(StrEnum):
    """What a condition is about."""

    ABLE_TO_SCALE = "AbleToScale"
    SCALING_ACTIVE = "ScalingActive"
    SCALING_LIMITED = "ScalingLimited"
    SCALED_TO_ZERO = "ScaledToZero"


class Status(StrEnum):
    """Whether it holds."""

    TRUE = "True"
    FALSE = "False"


@dataclass(frozen=True, slots=True)
class Condition:
    """One of them. since: when its status last changed."""

    type: ConditionType
    status: Status
    reason: str
    message: str
    since: datetime


Conditions = tuple[Condition, ...]


def with_condition(conditions: Conditions, new: Condition) -> Conditions:
    """The conditions with this one set: in its old place or at the end, with its old time if the status is the same."""
    for index, old in enumerate(conditions):
        if old.type == new.type:
            since = old.since if old.status == new.status else new.since
            kept = Condition(new.type, new.status, new.reason, new.message, since)
            return (*conditions[:index], kept, *conditions[index + 1 :])
    return (*conditions, new)


def without_condition(conditions: Conditions, kind: ConditionType) -> Conditions:
    """The conditions without those of a type."""
    return tuple(condition for condition in conditions if condition.type != kind)


def holds(conditions: Conditions, kind: ConditionType) -> bool:
    """Whether the condition is there and True."""
    return any(condition.type == kind and condition.status == Status.TRUE for condition in conditions)
