"""From what was decided to what must be done: the difference between the status and what is seen."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from serin.api.children import revision_name
from serin.api.compare import has
from serin.api.names import REJECTED_ANNOTATION
from serin.api.status import RevisionStatus, Role
from serin.rollout.actions import (
    Action,
    Create,
    Delete,
    FreezeConfigMap,
    InspectPods,
    Merge,
    Patch,
)
from serin.rollout.draft import Draft
from serin.rollout.ratio import is_split, shares_by_replicas
from serin.rollout.revisions import Target, taken_name
from serin.rollout.routes import leave_other_routes, write_route
from serin.rollout.sizing import hand_back
from serin.rollout.split import claim_of
from serin.rollout.waiting import PODS_LOOK_AGAIN
from serin.rollout.world import Workload
from serin.traffic import service
from serin.workloads import (
    Snapshot,
    controller_revision,
    deployment,
    frozen_name,
    revision_service,
)

LOOK_AT_PODS_AFTER = timedelta(seconds=5)


def effects(draft: Draft, named: Target | None) -> list[Action]:
    """Everything that is not yet as the status says, in the order in which it is safe to do."""
    return [
        *_revisions(draft, named),
        *_user_service(draft),
        *write_route(draft),
        *leave_other_routes(draft),
        *_scale_down(draft),
        *_rejections(draft),
        *_old_revisions(draft),
        *hand_back(draft),
        *_look_at_pods(draft),
    ]


def _revisions(draft: Draft, named: Target | None) -> Iterator[Action]:
    for entry in draft.status.revisions:
        needed = entry.role is not Role.RETIRED or entry.replicas > 0 or entry.weight is not None
        snapshot = _snapshot(draft, entry.revision, named)
        if needed and snapshot is not None and entry.revision not in draft.observed.invalid:
            yield from _make(draft, entry, snapshot)
        yield from _scale_up(draft, entry)


def _snapshot(draft: Draft, revision: str, named: Target | None) -> Snapshot | None:
    record = draft.observed.records.get(revision)
    if record is not None:
        return record.snapshot
    return named.snapshot if named is not None and named.revision == revision else None


def _make(draft: Draft, entry: RevisionStatus, snapshot: Snapshot) -> Iterator[Action]:
    """What a revision is made of. It is made once: another Serin could render it differently and restart its pods.

    The Deployment comes first: if the API server refuses the template, nothing else is made. The ControllerRevision
    gives the revision its name for good, so it comes last, when no other name was found taken.
    """
    owner, observed, revision = draft.desired.owner, draft.observed, entry.revision
    taken = taken_name(draft, snapshot, revision)
    if taken is not None:
        draft.block("NameTaken", f"the {taken[0]} {taken[1]} belongs to somebody else: rename or delete it")
        return
    yield from _freeze(draft, entry, snapshot)
    if revision not in observed.workloads:
        yield Create(deployment(owner, revision, snapshot, entry.replicas), revision)
    if revision not in observed.services:
        yield Create(revision_service(owner, revision, snapshot))
    if revision not in observed.records:
        number = 1 + max((record.number for record in observed.records.values()), default=0)
        yield Create(controller_revision(owner, revision, snapshot, number=number))


def _freeze(draft: Draft, entry: RevisionStatus, snapshot: Snapshot) -> Iterator[Action]:
    """The revision's own copies of its ConfigMaps. One that was deleted comes back while the original is as it was."""
    for name, digest in snapshot.config_maps.items():
        copy = frozen_name(name, entry.revision)
        if copy in draft.observed.copies:
            continue
        if draft.observed.config_maps.get(name) == digest:
            yield FreezeConfigMap(name, draft.desired.owner, entry.revision, snapshot)
        elif entry.role in {Role.STABLE, Role.CANDIDATE}:
            draft.block(
                "ContentLost",
                f"the ConfigMap {copy}, which version {entry.version} starts with, is gone, and {name} is not what it "
                f"was: write the old content into {name}, or roll out another version",
            )


def _scale_up(draft: Draft, entry: RevisionStatus) -> Iterator[Action]:
    workload = draft.workload(entry.revision)
    if workload is not None and workload.replicas < entry.replicas:
        yield _scale(draft, entry, workload)


def _scale_down(draft: Draft) -> Iterator[Action]:
    """Fewer pods: after the route was written, so that none goes that is still led to."""
    for entry in draft.status.revisions:
        workload = draft.workload(entry.revision)
        if workload is not None and workload.replicas > entry.replicas:
            yield _scale(draft, entry, workload)


def _scale(draft: Draft, entry: RevisionStatus, workload: Workload) -> Patch:
    return Patch(
        draft.reference("apps/v1", "Deployment", revision_name(draft.desired.owner.name, entry.revision)),
        (
            {"op": "test", "path": "/metadata/uid", "value": workload.uid},
            {"op": "test", "path": "/spec/replicas", "value": workload.replicas},
            {"op": "replace", "path": "/spec/replicas", "value": entry.replicas},
        ),
    )


def _user_service(draft: Draft) -> Iterator[Action]:
    """The Service of the ModelDeployment's name follows stable, or carries the traffic itself.

    Then it selects the revision that has all of it, or under the replica ratio both that share it.
    """
    owner, spec, observed = draft.desired.owner, draft.desired.spec, draft.observed
    carries, stable = claim_of(draft.desired) is None, draft.revision(draft.status.stable)
    whole = next((entry for entry in draft.status.revisions if entry.weight == 100), None)
    is_shared = carries and whole is None and shares_by_replicas(spec) and is_split(draft.status)
    carrier = stable if is_shared or not carries else whole
    record = observed.records.get(carrier.revision) if carrier else None
    if carrier is None or record is None:
        return
    target_port = record.snapshot.target_port
    selected = None if is_shared else carrier.revision
    wanted = service.user_facing_service(owner, selected, port=spec.service.port, target_port=target_port)
    if ("Service", owner.name) in observed.taken:
        if carries:
            draft.block("NameTaken", f"the Service {owner.name} belongs to somebody else: rename one of the two")
    elif observed.user_service is None:
        yield Create(wanted)
    elif not _leads_as(observed.user_service["spec"], wanted["spec"]):
        yield _rewrite(draft, observed.user_service, wanted)


def _leads_as(seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a Service leads where we want it: another label in its selector would lead nowhere."""
    return has(seen, wanted) and seen["selector"] == wanted["selector"]


def _rewrite(draft: Draft, seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> Patch:
    """Bring the Service to what is wanted. An apply would add another port beside the old one of the same name."""
    metadata = seen["metadata"]
    operations = [
        {"op": "test", "path": f"/metadata/{key}", "value": metadata[key]} for key in ("uid", "resourceVersion")
    ]
    operations += [{"op": "add", "path": f"/spec/{key}", "value": value} for key, value in wanted["spec"].items()]
    return Patch(draft.reference("v1", "Service", wanted["metadata"]["name"]), operations)


def _rejections(draft: Draft) -> Iterator[Action]:
    """Write on a ControllerRevision that its revision was turned away: a lost status would have it tried again."""
    rejected = draft.status.rejected
    for entry in draft.status.revisions:
        record = draft.observed.records.get(entry.revision)
        turned_away = rejected if rejected and rejected.revision == entry.revision else None
        if record is not None and record.rejected != turned_away:
            words = turned_away.model_dump_json(by_alias=True) if turned_away else None
            name = revision_name(draft.desired.owner.name, entry.revision)
            target = draft.reference("apps/v1", "ControllerRevision", name)
            yield Merge(target, {"metadata": {"annotations": {REJECTED_ANNOTATION: words}}})


def _old_revisions(draft: Draft) -> Iterator[Action]:
    """Delete revisions without a role, pods or traffic, beyond `revisionHistoryLimit`, newest kept.

    The one that was turned away does not count: a lost status would forget it, and try it again.
    """
    records = draft.observed.records
    rejected = draft.status.rejected.revision if draft.status.rejected else None
    retired = [entry for entry in draft.with_role(Role.RETIRED) if entry.revision != rejected]
    idle = [entry.revision for entry in retired if _is_idle(draft, entry)]
    known = {entry.revision for entry in draft.status.revisions}
    idle += [revision for revision in records if revision not in known]
    idle.sort(key=lambda revision: records[revision].number if revision in records else 0, reverse=True)
    gone = set(idle[draft.desired.spec.revision_history_limit :])
    draft.set(revisions=tuple(entry for entry in draft.status.revisions if entry.revision not in gone))
    for revision in idle:
        if revision in gone:
            yield from _delete(draft, revision)


def _is_idle(draft: Draft, entry: RevisionStatus) -> bool:
    workload = draft.workload(entry.revision)
    return entry.weight is None and entry.replicas == 0 and (workload is None or workload.replicas == 0)


def _delete(draft: Draft, revision: str) -> Iterator[Action]:
    observed, name = draft.observed, revision_name(draft.desired.owner.name, revision)
    workload, service_uid = observed.workloads.get(revision), observed.services.get(revision)
    record = observed.records.get(revision)
    if workload is not None:
        yield Delete(draft.reference("apps/v1", "Deployment", name), workload.uid)
    if service_uid is not None:
        yield Delete(draft.reference("v1", "Service", name), service_uid)
    for copy in (frozen_name(source, revision) for source in record.snapshot.config_maps) if record else ():
        if copy in observed.copies:
            yield Delete(draft.reference("v1", "ConfigMap", copy), observed.copies[copy])
    if record is not None:
        yield Delete(draft.reference("apps/v1", "ControllerRevision", name), record.uid)


def _look_at_pods(draft: Draft) -> Iterator[Action]:
    for revision in sorted(draft.lacking):
        yield InspectPods(revision)
        draft.wake(draft.now + PODS_LOOK_AGAIN)
    last = draft.status.last_progress_at
    if draft.waiting_for is None or last is None:
        return
    if draft.now - last >= LOOK_AT_PODS_AFTER:
        yield InspectPods(draft.waiting_for)
    draft.wake(last + LOOK_AT_PODS_AFTER)
