"""How fast the autoscaler may change replicas: `behavior` of `autoscaling/v2`."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin.api.base import UNQUOTED, Model
from serin.api.quantity import Quantity


class ScalingPolicyType(StrEnum):
    """What the value of a policy counts."""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectScalingPolicy(StrEnum):
    """Which of several policies holds."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class ScalingPolicy(Model):
    """At most so much change within a period."""

    type: ScalingPolicyType
    """Pods: so many pods. Percent: so many percent of the pods."""
    value: Annotated[int, Field(ge=1, le=2_147_483_647), UNQUOTED]
    """How many."""
    period_seconds: Annotated[int, Field(ge=1, le=1800), UNQUOTED]
    """The period, in seconds."""


class ScalingRules(Model):
    """One direction; what is left out is as Kubernetes' own autoscaler has it."""

    stabilization_window_seconds: Annotated[int, Field(ge=0, le=3600), UNQUOTED] | None = None
    """How long the metrics must have asked for it, in seconds; 0 upwards and 300 downwards unless given."""
    select_policy: SelectScalingPolicy | None = None
    """Max: the policy that allows most. Min: the one that allows least. Disabled: never in this direction."""
    policies: Annotated[tuple[ScalingPolicy, ...], Field(min_length=1, max_length=16)] | None = None
    """Unless given: upwards 4 pods or 100 percent in 15 seconds, downwards 100 percent in 15 seconds."""
    tolerance: Quantity | None = None
    """How far a metric may be from its target before anything changes, such as "0.05"; "0.1" unless given."""


class ScalingBehavior(Model):
    """How fast replicas may change, in each direction."""

    scale_up: ScalingRules | None = None
    """Upwards."""
    scale_down: ScalingRules | None = None
    """Downwards."""
