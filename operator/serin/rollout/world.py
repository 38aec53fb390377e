"""What `plan()` is given: everything that is wanted and everything that is seen, and no way to look for more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from serin.api.action import RolloutActionSpec
from serin.api.children import Owner
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import AnalysisStatus, ModelDeploymentStatus, Rejected
from serin.audit import Head
from serin.rollout.contest import Contest, Target
from serin.scaling.report import Recommendation
from serin.scaling.spec import AutoscalerSpec
from serin.workloads import Snapshot


@dataclass(frozen=True)
class Desired:
    """The ModelDeployment as its user wrote it.

    autoscaled: whether `spec.replicas` was last written by an autoscaler, through /scale; None: it is the default, and
        either nobody said anything or an autoscaler came down to it.
    """

    owner: Owner
    generation: int
    spec: ModelDeploymentSpec
    resource_version: str
    finalizers: tuple[str, ...] = ()
    deleting_since: datetime | None = None
    autoscaled: bool | None = False


@dataclass(frozen=True)
class Workload:
    """A revision's Deployment.

    ready: pods that are available to proxies: Ready for `minReadySeconds`.
    settled: its controller has seen the latest spec, so that the numbers below speak about it.
    problem: what its conditions complain about, such as a quota.
    writer: the field manager that wrote it last, apart from us and its own controller.
    """

    uid: str
    replicas: int
    ready: int
    settled: bool
    problem: str | None = None
    writer: str | None = None


@dataclass(frozen=True)
class Record:
    """A revision's ControllerRevision: its content, and whether it was turned away."""

    uid: str
    number: int
    snapshot: Snapshot
    rejected: Rejected | None = None


@dataclass(frozen=True)
class Request:
    """A RolloutAction."""

    name: str
    uid: str
    created: datetime
    spec: RolloutActionSpec
    reported: bool


@dataclass(frozen=True)
class Observed:
    """The cluster as the caches have it.

    config_maps: the digest of each ConfigMap that the template references; one that is not there is absent.
    records, workloads: by revision; services: the uid of each revision's Service; copies: that of each frozen ConfigMap
    of ours, by name.
    user_service: the Service of ours that bears the ModelDeployment's name.
    route: the HTTPRoute that carries the traffic, whoever made it; None if it is not there.
    other_routes: HTTPRoutes that lead to our revisions although the spec names another one, or none.
    taken: names that somebody else's objects bear, as (kind, name).
    invalid: the API server's words on a template that it refused, by revision.
    pods: why the pods of a revision are not Ready, by revision.
    contests: what we wrote to objects that others write, too, and whether they undid it.
    """

    config_maps: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[str, Record] = field(default_factory=dict)
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    user_service: Mapping[str, Any] | None = None
    route: Mapping[str, Any] | None = None
    other_routes: tuple[Mapping[str, Any], ...] = ()
    taken: frozenset[tuple[str, str]] = frozenset()
    invalid: Mapping[str, str] = field(default_factory=dict)
    pods: Mapping[str, str] = field(default_factory=dict)
    contests: Mapping[Target, Contest] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """The judge's last word on the candidate, and since when the step is that its `ticks` and `samples` count.

    None while weights move: only the whole rollout speaks then.
    """

    analysis: AnalysisStatus
    step_since: datetime | None


@dataclass(frozen=True)
class Advice:
    """What the autoscaler says of one revision.

    at: the pass that it is from.
    spec: what it was computed with, for what the next pass must know once it was followed.
    concurrency: requests under way in this revision, all its pods together; None: not known.
    source: where CPU and memory come from; None: no metric is about them.
    """

    at: datetime
    recommendation: Recommendation
    spec: AutoscalerSpec
    concurrency: float | None = None
    source: str | None = None


@dataclass(frozen=True)
class World:
    """The whole argument of `plan()`.

    status: what is known: what was decided last, and what was found out since.
    told: the status as it stands in the cluster.
    untold_since: since when the two differ.
    logged: up to where this one's records are known to be in the audit log; None: no log is kept.
    looking_since: when Serin started; what it did not ask for before that, nobody can be late with.
    scaling: what the autoscaler says, by revision; empty without `spec.autoscaling`.
    """

    desired: Desired
    observed: Observed
    status: ModelDeploymentStatus
    told: ModelDeploymentStatus
    judgement: Judgement | None
    now: datetime
    untold_since: datetime | None = None
    status_refresh_seconds: float = 60.0
    logged: Head | None = None
    looking_since: datetime | None = None
    scaling: Mapping[str, Advice] = field(default_factory=dict)
