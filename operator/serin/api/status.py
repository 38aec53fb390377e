"""`ModelDeployment.status`: what was decided, and why. Measurements stay in Prometheus."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from serin.api.base import Model, Time
from serin.api.rules import UniqueBy

Text = Annotated[str, Field(max_length=32768)]
Name = Annotated[str, Field(max_length=253)]


class Phase(StrEnum):
    """Where a ModelDeployment stands, in one word."""

    PENDING = "Pending"
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    ROLLING_BACK = "RollingBack"
    DEGRADED = "Degraded"


class Role(StrEnum):
    """What a revision is for."""

    STABLE = "Stable"
    CANDIDATE = "Candidate"
    PREVIOUS = "Previous"
    RETIRED = "Retired"


class RevisionStatus(Model):
    """One revision: its role, its pods, its traffic."""

    revision: Name
    """The revision's hash."""
    version: Annotated[str, Field(max_length=63)]
    """The model's version."""
    role: Role
    """Stable, Candidate, Previous (kept warm) or Retired."""
    replicas: int = 0
    """How many pods it is meant to have."""
    ready_replicas: int = 0
    """How many of them are Ready."""
    weight: int | None = None
    """Its share of the traffic in percent; absent while it is not in the route."""
    keep_until: Time | None = None
    """When the pods of a revision that lost its traffic go."""


class StepKind(StrEnum):
    """What a step waits for."""

    WEIGHT = "Weight"
    RAMP = "Ramp"
    PAUSE = "Pause"


class StepStatus(Model):
    """The step that the rollout is in."""

    index: int
    """Which step, from 1; 0 before the first one."""
    of: int
    """How many steps there are."""
    kind: StepKind
    """What the step is."""
    block: int = 0
    """The piece of a ramp, from 0."""
    weight: int
    """The candidate's weight in this step."""
    plan: Name
    """The hash of the steps that this index counts in; after an edit the position is found anew."""
    since: Time | None = None
    """When its time began: the route was accepted."""
    held_seconds: float = 0.0
    """How long it was held since, by pauses and by missing data; this time does not count."""
    held_since: Time | None = None
    """When the present hold began."""
    held_reason: Annotated[str, Field(max_length=63)] | None = None
    """Why it holds: Paused, AnalysisHolds, PodsNotReady or RouteChanged."""
    until: Time | None = None
    """When it can end at the earliest, without another hold."""


class Verdict(StrEnum):
    """What the data say."""

    PASS = "Pass"  # noqa: S105 - not a password
    CONTINUE = "Continue"
    HOLD = "Hold"
    FAIL = "Fail"


class CountsStatus(Model):
    """Events of one version, and how many were bad."""

    bad: float
    total: float


class MetricStatus(Model):
    """What one metric says, with every number that it rests on."""

    name: Annotated[str, Field(max_length=63)]
    verdict: Verdict
    reason: Annotated[str, Field(max_length=63)]
    """One word: why."""
    message: Text
    """One sentence for a person: value, limit, counts."""
    action: Annotated[str, Field(max_length=16)] = "Rollback"
    candidate: CountsStatus | None = None
    stable: CountsStatus | None = None
    limit: float
    """The limit that the estimate is held against, as a share of events."""
    estimate: float | None = None
    """The share of bad events (threshold), or its rise over stable (delta)."""
    interval: Annotated[tuple[float, ...], Field(max_length=2)] | None = None
    """A confidence interval of the estimate."""
    needs: Annotated[str, Field(max_length=256)] | None = None
    """What is missing for a verdict."""


class SplitStatus(Model):
    """The share of requests that the candidate really got."""

    expected: float
    observed: float | None = None
    requests: float = 0.0
    """Requests of both versions that the share was counted from."""


class AnalysisStatus(Model):
    """The last verdict. `ticks` and `samples` count the present step alone."""

    revision: Name
    """The candidate that was judged."""
    started_at: Time
    """When judging began: the candidate carried traffic, and `initialDelay` was over."""
    at: Time
    """The tick that this verdict is from."""
    verdict: Verdict
    reason: Annotated[str, Field(max_length=63)]
    message: Text
    ticks: int = 0
    """Ticks with data in the present step."""
    samples: float = 0.0
    """The candidate's events in the present step, of the metric that has the fewest."""
    split: SplitStatus | None = None
    metrics: Annotated[tuple[MetricStatus, ...], Field(max_length=16), UniqueBy("name")] = ()


class Rejected(Model):
    """The revision that was turned away; nothing tries it again until the spec changes or a retry."""

    revision: Name
    version: Annotated[str, Field(max_length=63)]
    reason: Annotated[str, Field(max_length=63)]
    message: Text
    at: Time


class PausedStatus(Model):
    """Who paused, and why."""

    by: Annotated[str, Field(max_length=253)]
    reason: Text = ""
    at: Time


class ActionRecord(Model):
    """A RolloutAction that was carried out, so that no restart carries it out twice."""

    uid: Annotated[str, Field(max_length=64)]
    name: Name
    action: Annotated[str, Field(max_length=32)]
    by: Annotated[str, Field(max_length=253)]
    reason: Text = ""
    at: Time
    result: Literal["Done", "Refused"]
    message: Text = ""


class Outcome(StrEnum):
    """How a rollout ended."""

    DEPLOYED = "Deployed"
    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    RESTORED = "Restored"
    WITHDRAWN = "Withdrawn"
    REPLACED = "Replaced"


class HistoryEntry(Model):
    """One rollout that ended."""

    revision: Name
    version: Annotated[str, Field(max_length=63)]
    outcome: Outcome
    reason: Annotated[str, Field(max_length=63)]
    message: Text = ""
    started_at: Time
    ended_at: Time


class ConditionStatus(StrEnum):
    """A Kubernetes condition is true, false or not known."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """A Kubernetes condition (`metav1.Condition`)."""

    type: Annotated[str, Field(max_length=316)]
    status: ConditionStatus
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    message: Text
    last_transition_time: Time
    observed_generation: int


class ModelDeploymentStatus(Model):
    """What was decided, and why."""

    observed_generation: int = 0
    phase: Phase = Phase.PENDING
    message: Text = ""
    """What is going on, or waited for, in one sentence."""
    version: Annotated[str, Field(max_length=63)] | None = None
    """The version of the stable revision."""
    stable: Name | None = None
    """The revision that carries the traffic."""
    candidate: Name | None = None
    """The revision that is being rolled out."""
    candidate_version: Annotated[str, Field(max_length=63)] | None = None
    """The candidate's version."""
    weight: int | None = None
    """The candidate's weight."""
    revisions: Annotated[tuple[RevisionStatus, ...], Field(max_length=128), UniqueBy("revision")] = ()
    replicas: int = 0
    """How many pods the stable revision is meant to have, for /scale."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """Selects the stable pods, for /scale."""
    step: StepStatus | None = None
    rollout_started_at: Time | None = None
    analysis: AnalysisStatus | None = None
    rejected: Rejected | None = None
    paused: PausedStatus | None = None
    actions: Annotated[tuple[ActionRecord, ...], Field(max_length=16)] = ()
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=16)] = ()
    collision_count: int = 0
    """How often a revision's name was taken by somebody else's object."""
    paused_seconds: float = 0.0
    """How long this rollout was paused; `analysis.maxDuration` does not count it."""
    last_progress_at: Time | None = None
    """When something last moved while Serin waits for pods or a route."""
    drain_until: Time | None = None
    """While being deleted: when the pods may go."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), UniqueBy("type")] = ()
