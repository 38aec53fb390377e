"""`ModelDeployment.status`: what was decided, and why. Measurements stay in Prometheus."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from serin.api.ab_test_status import ABTestStatus
from serin.api.autoscaling_status import AutoscalingStatus
from serin.api.base import Model, Time
from serin.api.capacity_status import CapacityStatus
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
    previewed: bool | None = None
    """Whether requests that bear the preview's headers reach it; absent if none do."""
    keep_until: Time | None = None
    """When pods go: all of a revision that lost its traffic, or those that stable or the candidate gives up."""


class StepKind(StrEnum):
    """What a step waits for."""

    WEIGHT = "Weight"
    RAMP = "Ramp"
    PAUSE = "Pause"
    PREVIEW = "Preview"
    MIRROR = "Mirror"
    TEST = "Test"
    WATCH = "Watch"


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
    mirror: int = 0
    """Percent of the requests of which the candidate gets a copy now."""
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
    """Failed, too slow, or wrong: as the metric says."""
    total: float
    """All of them."""


class MetricStatus(Model):
    """What one metric says, with every number that it rests on."""

    name: Annotated[str, Field(max_length=63)]
    """The metric's name."""
    verdict: Verdict
    """What this metric alone says."""
    reason: Annotated[str, Field(max_length=63)]
    """One word: why."""
    message: Text
    """One sentence for a person: value, limit, counts."""
    action: Annotated[str, Field(max_length=16)] = "Rollback"
    """What it does when it fails: Rollback or Warn."""
    candidate: CountsStatus | None = None
    """The candidate's events."""
    stable: CountsStatus | None = None
    """The stable version's events in the same windows."""
    limit: float
    """The limit that the estimate is held against: a share of events, a divergence, or in the metric's own unit."""
    estimate: float | None = None
    """The share of bad events (threshold), or how much worse than stable (delta, mean, gauge), or the divergence."""
    interval: Annotated[tuple[float, ...], Field(max_length=2)] | None = None
    """A confidence interval of the estimate."""
    harm: Annotated[str, Field(max_length=8)] | None = None
    """How much of the evidence that convicts is there, from 0.00 to 1.00."""
    safe: Annotated[str, Field(max_length=8)] | None = None
    """How much of the evidence that acquits is there, from 0.00 to 1.00."""
    dispersion: float | None = None
    """How much more than chance the difference jumps from tick to tick, at least 1: evidence is divided by it."""
    needs: Annotated[str, Field(max_length=256)] | None = None
    """What is missing for a verdict."""


class SplitStatus(Model):
    """The share of requests that the candidate really got."""

    expected: float
    """The share that it should get."""
    observed: float | None = None
    """The share that it got; absent while too few requests were counted."""
    requests: float = 0.0
    """Requests of both versions that the share was counted from."""


class BudgetStatus(Model):
    """How the chance of a false rollback is shared out: frozen when the analysis begins, whatever is edited later."""

    confidence: float
    """1 less that chance."""
    weights: float
    """The sum of the weights of the metrics that may roll back."""
    steps: int
    """How many pieces at one weight the rollout has: a ramp has eight, the watch is one."""


class AnalysisStatus(Model):
    """The last verdict. `ticks` and `samples` count the present step alone."""

    revision: Name
    """The candidate that was judged."""
    started_at: Time
    """When judging began: the candidate carried traffic, and `initialDelay` was over."""
    at: Time
    """The tick that this verdict is from."""
    verdict: Verdict
    """Pass: good enough to go on. Continue: nothing wrong so far. Hold: no data to decide by. Fail: roll back."""
    reason: Annotated[str, Field(max_length=63)]
    """One word: why."""
    message: Text
    """One sentence for a person: the deciding metric, its value, its limit, its counts."""
    ticks: int = 0
    """Ticks with data in the present step."""
    samples: float = 0.0
    """The candidate's events in the present step, of the metric that has the fewest."""
    split: SplitStatus | None = None
    """Whether the requests were split as the route says."""
    budget: BudgetStatus | None = None
    """How the chance of a false rollback is shared out."""
    metrics: Annotated[tuple[MetricStatus, ...], Field(max_length=16), UniqueBy("name")] = ()
    """What each metric says."""
    test: ABTestStatus | None = None
    """How an A/B test stands."""

    @property
    def is_within_limits(self) -> bool:
        """Whether the estimate of each metric that may roll back is known and within its limit."""
        deciding = [metric for metric in self.metrics if metric.action == "Rollback"]
        return all(metric.estimate is not None and metric.estimate <= metric.limit for metric in deciding)


class Outcome(StrEnum):
    """How a rollout ended."""

    DEPLOYED = "Deployed"
    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    RESTORED = "Restored"
    WITHDRAWN = "Withdrawn"
    REPLACED = "Replaced"
    COMPARED = "Compared"


class Rejected(Model):
    """The revision that left without a promotion; nothing tries it again until the spec changes or a retry."""

    revision: Name
    """The revision's hash."""
    version: Annotated[str, Field(max_length=63)]
    """The model's version."""
    reason: Annotated[str, Field(max_length=63)]
    """One word: why."""
    message: Text
    """One sentence for a person."""
    at: Time
    """When it was turned away, or its comparison was over."""
    outcome: Outcome = Outcome.ROLLED_BACK
    """RolledBack: it was turned away. Compared: it was a shadow, and is meant to leave."""

    @property
    def is_failure(self) -> bool:
        """Whether it was turned away."""
        return self.outcome is not Outcome.COMPARED


class PausedStatus(Model):
    """Who paused, and why."""

    by: Annotated[str, Field(max_length=253)]
    """Who paused: the user of a RolloutAction, or serin itself when the analysis decides nothing."""
    reason: Text = ""
    """Why, in their words."""
    at: Time
    """Since when."""


class ActionRecord(Model):
    """A RolloutAction that was carried out, so that no restart carries it out twice."""

    uid: Annotated[str, Field(max_length=64)]
    """The RolloutAction's uid."""
    name: Name
    """The RolloutAction's name."""
    action: Annotated[str, Field(max_length=32)]
    """What was asked."""
    by: Annotated[str, Field(max_length=253)]
    """Who asked."""
    reason: Text = ""
    """Why, in their words."""
    at: Time
    """When it was carried out or refused."""
    result: Literal["Done", "Refused"]
    """Done or Refused."""
    message: Text = ""
    """What became of it."""


class HistoryEntry(Model):
    """One rollout that ended."""

    revision: Name
    """The revision's hash."""
    version: Annotated[str, Field(max_length=63)]
    """The model's version."""
    outcome: Outcome
    reason: Annotated[str, Field(max_length=63)]
    """One word: why it ended so."""
    message: Text = ""
    """One sentence for a person."""
    started_at: Time
    """When the rollout began."""
    ended_at: Time
    """When it ended."""


class AuditStatus(Model):
    """The chain of audit records: where it ends, and what may not be in the audit log yet."""

    sequence: int
    """The number of the last record."""
    hash: Annotated[str, Field(max_length=64)]
    """The hash of the last record."""
    pending: Annotated[tuple[Annotated[str, Field(max_length=2048)], ...], Field(max_length=64)] = ()
    """The last records, each as its line in the audit log, as far as they are not known to be there."""


class ConditionStatus(StrEnum):
    """A Kubernetes condition is true, false or not known."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """A Kubernetes condition (`metav1.Condition`)."""

    type: Annotated[str, Field(max_length=316)]
    """Which condition."""
    status: ConditionStatus
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """One word: why."""
    message: Text
    """One sentence for a person."""
    last_transition_time: Time
    """When `status` last changed."""
    observed_generation: int
    """The generation of the spec that this was decided from."""


class ModelDeploymentStatus(Model):
    """What was decided, and why."""

    observed_generation: int = 0
    """The generation of the spec that the status was decided from."""
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
    """Every revision that still has a role, pods or weight, or is remembered."""
    replicas: int = 0
    """How many pods of the stable revision are Ready, for /scale."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """Selects the stable pods, for /scale."""
    autoscaling: Annotated[tuple[AutoscalingStatus, ...], Field(max_length=3), UniqueBy("revision")] = ()
    """What the autoscaler says of each version that it scales."""
    capacity: CapacityStatus | None = None
    """How many pods carry the whole traffic, and where they are, if `spec.replicas` alone does not say so."""
    step: StepStatus | None = None
    rollout_started_at: Time | None = None
    """When the present rollout began."""
    analysis: AnalysisStatus | None = None
    rejected: Rejected | None = None
    paused: PausedStatus | None = None
    actions: Annotated[tuple[ActionRecord, ...], Field(max_length=16)] = ()
    """The last RolloutActions that were carried out or refused."""
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=16)] = ()
    """The last rollouts that ended."""
    audit: AuditStatus | None = None
    collision_count: int = 0
    """How often a revision's name was taken by somebody else's object."""
    paused_seconds: float = 0.0
    """How long this rollout was paused; `analysis.maxDuration` does not count it."""
    last_progress_at: Time | None = None
    """When something last moved while Serin waits for pods or a route."""
    drain_until: Time | None = None
    """While being deleted: when the pods may go."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), UniqueBy("type")] = ()
    """Kubernetes conditions; `kubectl wait`, Argo CD and Flux understand Ready, Reconciling and Stalled."""
