"""A status that was lost, by a restore from backup for example, is rebuilt from what the cluster still has."""

from serin.api.children import revision_name
from serin.api.status import Phase, RevisionStatus, Role
from serin.rollout.draft import Draft
from serin.traffic import gateway_api


def recover_status(draft: Draft) -> None:
    """Read the roles from the ControllerRevisions and the weights from the route.

    A candidate goes on at the weight that it has: its step is found as after an edit of the steps, so no weight rises.
    """
    status, observed = draft.status, draft.observed
    if status.revisions or not observed.records:
        return
    name = draft.desired.owner.name
    services = {revision_name(name, revision): revision for revision in observed.records}
    split = (gateway_api.read_split(observed.route, services) if observed.route else None) or {}
    for revision, record in sorted(observed.records.items(), key=lambda item: item[1].number):
        workload = draft.workload(revision)
        role = record.role or Role.RETIRED
        entry = RevisionStatus(
            revision=revision,
            version=record.snapshot.model.version,
            role=role,
            replicas=workload.replicas if workload else 0,
            weight=split.get(revision_name(name, revision), 100 if role is Role.STABLE else None),
            keep_until=draft.now + draft.desired.spec.rollback.keep_warm if role is Role.PREVIOUS else None,
        )
        draft.add(entry)
        if record.rejected is not None:
            draft.set(rejected=record.rejected)
        if role is Role.STABLE:
            draft.set(stable=revision, version=entry.version, phase=Phase.HEALTHY)
        elif role is Role.CANDIDATE:
            draft.set(candidate=revision, candidate_version=entry.version, weight=entry.weight or 0)
    if draft.status.candidate is not None:
        phase = Phase.ROLLING_BACK if draft.status.rejected else Phase.PROGRESSING
        draft.set(phase=phase if draft.status.stable else Phase.PENDING, rollout_started_at=draft.now)
    draft.say("StatusRecovered", "the status was lost and is rebuilt from the revisions and the route", "Warning")
