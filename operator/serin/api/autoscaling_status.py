"""`status.autoscaling`: what the autoscaler last said of each version, and what it must not forget."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from serin.api.base import Boolean, Model, Time

Word = Annotated[str, Field(max_length=63)]
Amount = Annotated[str, Field(max_length=32)]
Sentence = Annotated[str, Field(max_length=1024)]

MOST_RECOMMENDATIONS = 256
"""More than the passes of an hour, the longest stabilization window."""
MOST_EVENTS = 128
"""More than the passes of half an hour, the longest period of a policy."""


class DemandBy(StrEnum):
    """What the demand of a weight is computed from."""

    RATIO = "Ratio"
    LITTLES_LAW = "LittlesLaw"


class DemandStatus(Model):
    """The pods that a version needs for the weight that it is being prepared for."""

    weight: int
    """The weight, in percent."""
    replicas: int
    """The pods."""
    by: DemandBy
    """LittlesLaw: from the requests under way. Ratio: from the pods that carry the whole traffic."""


class ScalingMetricStatus(Model):
    """What one metric says."""

    type: Word
    """Where it comes from."""
    name: Sentence
    """Its name, or its query."""
    current: Amount | None = None
    """What it is; absent if it is not known."""
    target: Amount
    """What it shall be."""
    ratio: float | None = None
    """Current over target, with what is assumed of pods that say nothing; absent if it is not known."""
    replicas: int | None = None
    """What it proposes; absent if it is not known."""
    hold: Word | None = None
    """Why it proposes what is there: Tolerance, or Incomplete, as pods say nothing."""
    reason: Word | None = None
    """One word: why it is not known."""
    error: Sentence | None = None
    """Why it is not known."""


class ScalingLimitStatus(Model):
    """One thing that kept the replicas from what the metrics propose."""

    type: Word
    """Stabilization, Policy, MinReplicas or MaxReplicas."""
    wanted: int
    """What was wanted."""
    allowed: int
    """What it allowed."""
    until: Time | None = None
    """When a stabilization ends, if the metrics go on to say what they say."""


class ScalingCondition(Model):
    """A condition of the autoscaler, with the types and reasons of Kubernetes' own."""

    type: Word
    """AbleToScale, ScalingActive, ScalingLimited or ScaledToZero."""
    status: Literal["True", "False"]
    """Whether it holds."""
    reason: Word
    """One word: why."""
    message: Sentence
    """One sentence for a person."""
    last_transition_time: Time
    """When `status` last changed."""


class RecommendationStatus(Model):
    """What the metrics proposed, before any limit."""

    replicas: int
    """The pods."""
    at: Time
    """When."""


class ScaleEventStatus(Model):
    """By how much replicas were changed."""

    change: int
    """By how many pods."""
    at: Time
    """When."""
    outdated: Boolean = False
    """Whether the policies of its direction need it no longer."""


class ScalingHistory(Model):
    """What the next pass must know, so that a restart forgets no stabilization and no policy."""

    recommendations: Annotated[tuple[RecommendationStatus, ...], Field(max_length=MOST_RECOMMENDATIONS)] = ()
    """What the metrics proposed, as far as it can still decide anything."""
    scale_ups: Annotated[tuple[ScaleEventStatus, ...], Field(max_length=MOST_EVENTS)] = ()
    """What was added."""
    scale_downs: Annotated[tuple[ScaleEventStatus, ...], Field(max_length=MOST_EVENTS)] = ()
    """What was taken away."""
    last_scale: Time | None = None
    """When replicas last changed."""


class AutoscalingStatus(Model):
    """What the autoscaler says of one revision."""

    revision: Annotated[str, Field(max_length=253)]
    """The revision's hash."""
    at: Time
    """The pass that this is from."""
    current: int
    """The replicas that it found."""
    desired: int
    """The replicas that it recommends, within all limits."""
    proposal: int | None = None
    """What the metrics propose together; absent if they were not followed."""
    reason: Sentence = ""
    """Why other replicas are wanted; empty if they are not."""
    demand: DemandStatus | None = None
    """The weight that it is being prepared for; absent without a rollout."""
    source: Word | None = None
    """Where CPU and memory come from: metrics.k8s.io or Prometheus (cAdvisor)."""
    metrics: Annotated[tuple[ScalingMetricStatus, ...], Field(max_length=16)] = ()
    """What each metric says, in the order of the spec."""
    limits: Annotated[tuple[ScalingLimitStatus, ...], Field(max_length=8)] = ()
    """What kept the replicas from the proposal, in order."""
    conditions: Annotated[tuple[ScalingCondition, ...], Field(max_length=8)] = ()
    """As of Kubernetes' own autoscaler."""
    history: ScalingHistory = ScalingHistory()
    """What the next pass must know."""
