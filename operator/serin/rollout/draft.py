"""The plan in the making: the status as it will be, and what was said on the way."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeVar

from serin.api.base import Model
from serin.api.status import HistoryEntry, ModelDeploymentStatus, Outcome, Phase, RevisionStatus, Role
from serin.rollout.actions import Notice, Reference
from serin.rollout.contest import Contest, Target
from serin.rollout.split import Settlement, settlement, wanted_routing
from serin.rollout.world import Desired, Observed, Workload, World

HISTORY_LIMIT = 10


class Draft:
    """What the named sub-steps of `plan()` hand on to each other. It never outlives one call of `plan()`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.status: ModelDeploymentStatus = world.status
        self.notices: list[Notice] = []
        self.wakes: list[datetime] = []
        self.waiting: str | None = None
        """What is waited for while nothing can be decided: pods or a route."""
        self.waiting_for: str | None = None
        """The revision whose pods are waited for."""
        self.named: str | None = None
        """The revision that the spec names; None while a ConfigMap that it needs is not there."""
        self.lacking: set[str] = set()
        """Revisions that do not have all the pods that they are meant to have, and that nothing waits for."""
        self.told_at_once = False
        """Whether the status holds what could not be found out again."""
        self.blocked: tuple[str, str] | None = None
        """Reason and message of what only a person can mend."""
        self.contests: dict[Target, Contest] = dict(world.observed.contests)
        """What others do to the objects that we write."""
        self._settlements: dict[str, Settlement] = {}

    @property
    def desired(self) -> Desired:
        return self.world.desired

    @property
    def observed(self) -> Observed:
        return self.world.observed

    @property
    def now(self) -> datetime:
        return self.world.now

    def set(self, **changes: Any) -> None:
        """Replace fields of the status."""
        self.status = _with(self.status, changes)

    def wake(self, at: datetime) -> None:
        """Ask for another plan at that time."""
        if at > self.now:
            self.wakes.append(at)

    def again(self) -> None:
        """Ask for another plan at once, for what this one has found out: nothing else may happen for long."""
        self.wakes.append(self.now)

    def wait(self, why: str) -> None:
        """Say what is waited for."""
        self.waiting = why

    def block(self, reason: str, message: str) -> None:
        """Say what only a person can mend; the first such thing is told."""
        self.blocked = self.blocked or (reason, message)

    def say(self, reason: str, message: str, kind: Literal["Normal", "Warning"] = "Normal") -> None:
        """Tell people, by the log and an Event."""
        self.notices.append(Notice(reason, message, kind))

    def note(self, reason: str, message: str) -> None:
        """Tell people by the log alone."""
        self.notices.append(Notice(reason, message, event=False))

    def reference(self, api_version: str, kind: str, name: str) -> Reference:
        """An object in the ModelDeployment's namespace."""
        return Reference(api_version, kind, self.desired.owner.namespace, name)

    def revision(self, name: str | None) -> RevisionStatus | None:
        """The status of one revision."""
        return next((entry for entry in self.status.revisions if entry.revision == name), None)

    def with_role(self, role: Role) -> tuple[RevisionStatus, ...]:
        """All revisions of a role."""
        return tuple(entry for entry in self.status.revisions if entry.role is role)

    def change(self, name: str, **changes: Any) -> None:
        """Replace fields of one revision's status."""
        self.set(
            revisions=tuple(
                _with(entry, changes) if entry.revision == name else entry for entry in self.status.revisions
            )
        )

    def add(self, entry: RevisionStatus) -> None:
        """Take a revision up, or give a known one its new part."""
        others = tuple(other for other in self.status.revisions if other.revision != entry.revision)
        self.set(revisions=(*others, entry))

    def workload(self, name: str | None) -> Workload | None:
        """The Deployment of a revision, as far as it is there."""
        return self.observed.workloads.get(name) if name else None

    def ready(self, name: str, pods: int) -> bool:
        """Whether a revision has at least that many Ready pods."""
        if pods == 0:
            return True
        workload = self.workload(name)
        return workload is not None and workload.settled and workload.ready >= pods

    def settlement(self, status: ModelDeploymentStatus) -> Settlement:
        """Whether the route carries the split that a status decides, looked at once for each."""
        wanted = repr(wanted_routing(self.desired, status))
        if wanted not in self._settlements:
            self._settlements[wanted] = settlement(self.world, status)
        return self._settlements[wanted]

    def end(self, entry: RevisionStatus, outcome: Outcome, reason: str, message: str) -> None:
        """Write a rollout that ended into the history."""
        ended = HistoryEntry(
            revision=entry.revision,
            version=entry.version,
            outcome=outcome,
            reason=reason,
            message=message,
            started_at=self.status.rollout_started_at or self.now,
            ended_at=self.now,
        )
        self.set(history=(ended, *self.status.history)[:HISTORY_LIMIT])

    def leave_rollout(self, phase: Phase) -> None:
        """No candidate any more: what belongs to a rollout under way goes, its last analysis stays to be read."""
        self.set(
            phase=phase,
            candidate=None,
            candidate_version=None,
            weight=None,
            step=None,
            rollout_started_at=None,
            paused=None,
            paused_seconds=0.0,
            last_progress_at=None,
        )


Part = TypeVar("Part", bound=Model)


def _with(part: Part, changes: Mapping[str, Any]) -> Part:
    """The same with some fields replaced; itself, if they are so already: most plans change little."""
    new = {name: value for name, value in changes.items() if getattr(part, name) != value}
    return part.model_copy(update=new) if new else part
