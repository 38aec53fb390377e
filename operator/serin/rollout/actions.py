"""What a plan asks the executor to do. Every action is idempotent: done twice, it has the effect of once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from serin.api.children import Owner
from serin.api.status import ModelDeploymentStatus
from serin.rollout.contest import Contest, Target
from serin.workloads import Snapshot

Object = dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """One Kubernetes object."""

    api_version: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True)
class Create:
    """Make an object of our own. One of the same name that is not ours is left alone and told as taken.

    revision: the one whose template the object holds: a template that the API server refuses is the user's to mend.
    """

    object: Object
    revision: str | None = None


@dataclass(frozen=True)
class Apply:
    """Bring an object of our own to this state by server-side apply, if its resourceVersion is still the one in it."""

    object: Object


@dataclass(frozen=True)
class FreezeConfigMap:
    """Copy a ConfigMap for one revision to keep, if its content still is what the revision was made from."""

    source: str
    owner: Owner
    revision: str
    snapshot: Snapshot


@dataclass(frozen=True)
class Patch:
    """A JSON patch (RFC 6902); its `test` operations name what must not have changed under us."""

    target: Reference
    operations: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Merge:
    """A JSON merge patch (RFC 7386) of an object's metadata; a resourceVersion in it guards against what is new."""

    target: Reference
    body: Mapping[str, Any]


@dataclass(frozen=True)
class WriteScale:
    """Set the replicas of a ModelDeployment through /scale, if its resourceVersion is still this one."""

    target: Reference
    replicas: int
    resource_version: str


@dataclass(frozen=True)
class Delete:
    """Delete an object of our own, and no namesake of it."""

    target: Reference
    uid: str


@dataclass(frozen=True)
class Report:
    """Tell on a RolloutAction what became of it."""

    target: Reference
    status: Mapping[str, Any]


@dataclass(frozen=True)
class InspectPods:
    """Find out why the pods of a revision are not Ready; the answer is in the next observation."""

    revision: str


Action = Create | Apply | FreezeConfigMap | Patch | Merge | WriteScale | Delete | Report | InspectPods


@dataclass(frozen=True)
class Notice:
    """What is told about the ModelDeployment, phrased for people: in the log, and by a Kubernetes Event.

    event: whether it is worth an Event, which costs a request; the steps of a rollout under way are not.
    """

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"
    event: bool = True


@dataclass(frozen=True)
class Plan:
    """What to do: write the status first, if it is to be told, then carry out the actions in order.

    tell_by: when the status is to be written; None: the cluster has it. What was decided is told now, and what it asks
        for is done afterwards.
    wake_at: when the plan is to be made anew, if nothing happens before; None: nothing is due.
    contests: what to remember of the objects that we write, for the next observation.
    """

    status: ModelDeploymentStatus
    actions: tuple[Action, ...] = ()
    notices: tuple[Notice, ...] = ()
    tell_by: datetime | None = None
    wake_at: datetime | None = None
    contests: Mapping[Target, Contest] = field(default_factory=dict)
