"""Which revision the spec names, and what that means for a rollout under way."""

from dataclasses import dataclass

from serin.api.status import Outcome, Phase, Rejected, RevisionStatus, Role
from serin.rollout.capacity import gives_back_in_moves, rebalances, whole
from serin.rollout.draft import Draft
from serin.rollout.schedule import schedule
from serin.workloads import Snapshot, config_map_references, frozen_name, revision_hash, revision_name, take_snapshot


@dataclass(frozen=True)
class Target:
    """The revision that the spec names."""

    revision: str
    snapshot: Snapshot


def target(draft: Draft) -> Target | None:
    """Find the revision that the spec names; None while a ConfigMap that it needs is not there.

    A revision that exists with this very content is that revision, whatever its name was hashed from: neither an
    upgrade of Serin nor a name that was taken once starts a rollout.
    """
    found = _target(draft)
    draft.named = found.revision if found is not None else None
    return found


def _target(draft: Draft) -> Target | None:
    spec, observed = draft.desired.spec, draft.observed
    references = config_map_references(spec.template)
    missing = [ref.name for ref in references if ref.name not in observed.config_maps and not ref.optional]
    if missing:
        draft.block(
            "ConfigMapMissing",
            f"template references the ConfigMap {missing[0]}, which is not there: create it or mark it optional",
        )
        return None
    digests = {ref.name: observed.config_maps[ref.name] for ref in references if ref.name in observed.config_maps}
    snapshot = take_snapshot(spec, draft.desired.owner.name, digests)
    for same in (Snapshot.looks_like, Snapshot.__eq__):
        for revision, record in observed.records.items():
            if same(record.snapshot, snapshot):
                return Target(revision, snapshot)
    return Target(_free_name(draft, snapshot), snapshot)


def _free_name(draft: Draft, snapshot: Snapshot) -> str:
    """The hash of the content; another one if somebody else's object bears the name that it gives."""
    revision = revision_hash(snapshot, draft.status.collision_count)
    while taken := taken_name(draft, snapshot, revision):
        draft.set(collision_count=draft.status.collision_count + 1)
        revision = revision_hash(snapshot, draft.status.collision_count)
        draft.say(
            "NameTaken",
            f"the {taken[0]} {taken[1]} belongs to somebody else and is left alone: the revision becomes {revision}",
            "Warning",
        )
    return revision


def taken_name(draft: Draft, snapshot: Snapshot, revision: str) -> tuple[str, str] | None:
    """Kind and name of somebody else's object that stands in the place of one of a revision's."""
    name = revision_name(draft.desired.owner.name, revision)
    ours = [(kind, name) for kind in ("Deployment", "Service", "ControllerRevision")]
    ours += [("ConfigMap", frozen_name(source, revision)) for source in snapshot.config_maps]
    return next((one for one in ours if one in draft.observed.taken), None)


def follow_spec(draft: Draft, named: Target) -> None:
    """Start, replace, withdraw or restore: what it means that the spec names this revision now."""
    status = draft.status
    if named.revision == status.stable:
        _back_to_stable(draft)
    elif named.revision == status.candidate or _is_done_with(draft, named.revision):
        return
    elif status.phase is Phase.PROMOTING and status.weight == 100:
        return  # the promotion is complete in a moment, and the spec is followed then
    elif gives_back_in_moves(draft) or (status.phase is Phase.ROLLING_BACK and rebalances(draft)):
        _make_way(draft, named)
    else:
        _replace_candidate(draft, named)
        draft.set(rejected=None)
        _begin(draft, named)


def _is_done_with(draft: Draft, revision: str) -> bool:
    """Whether nothing tries it again: it was turned away, or compared, and the strategy still asks for no more."""
    rejected, plan = draft.status.rejected, schedule(draft.desired.spec)
    if rejected is None or rejected.revision != revision:
        return False
    return rejected.is_failure or (plan is not None and plan.compares)


def _back_to_stable(draft: Draft) -> None:
    status = draft.status
    if status.candidate is None:
        draft.set(rejected=None)
    elif status.phase is not Phase.ROLLING_BACK:
        draft.set(phase=Phase.ROLLING_BACK)
        draft.say(
            "Withdrawn",
            f"the spec names stable {status.stable} again: {status.candidate} gives up its traffic",
        )
        take_back(draft)


def _make_way(draft: Draft, named: Target) -> None:
    """Stable does not have the pods for what the candidate has: that comes back first, and the new one begins then."""
    if draft.status.phase is not Phase.ROLLING_BACK:
        draft.set(phase=Phase.ROLLING_BACK)
        draft.say("Replaced", f"{named.revision} begins when {draft.status.candidate} has given its traffic back")


def _replace_candidate(draft: Draft, named: Target) -> None:
    entry = draft.revision(draft.status.candidate)
    if entry is None:
        return
    if draft.status.phase is Phase.ROLLING_BACK:
        conclude(draft, entry)
    else:
        draft.end(entry, Outcome.REPLACED, "NewRevision", f"replaced by {named.revision}")
    move_weight(draft, 0)
    retire(draft, entry.revision)


def conclude(draft: Draft, entry: RevisionStatus) -> None:
    """Write down why a candidate lost its traffic: it was turned away, or its user took it back or replaced it."""
    rejected = draft.status.rejected
    if rejected is None or rejected.revision != entry.revision:
        draft.end(entry, Outcome.WITHDRAWN, "SpecNamesStable", "the spec names the stable revision again")
        return
    draft.end(entry, rejected.outcome, rejected.reason, rejected.message)
    if rejected.is_failure:
        draft.say("RolledBack", f"version {entry.version} is out of the traffic: {rejected.message}", "Warning")
    else:
        draft.say("Compared", f"version {entry.version} leaves after its comparison: {rejected.message}")


def _begin(draft: Draft, named: Target) -> None:
    known = draft.revision(named.revision)
    version = named.snapshot.version
    first, warm = draft.status.stable is None, _is_warm(draft, known)
    entry = RevisionStatus(
        revision=named.revision,
        version=version,
        role=Role.CANDIDATE,
        replicas=known.replicas if known else 0,
        weight=known.weight if known else None,
    )
    draft.add(entry)
    draft.leave_rollout(Phase.PENDING if first else Phase.PROMOTING if warm else Phase.PROGRESSING)
    draft.set(
        candidate=named.revision,
        candidate_version=version,
        weight=entry.weight or 0,
        rollout_started_at=draft.now,
        analysis=None,
    )
    if warm:
        draft.say(
            "Restoring",
            f"version {version} ({named.revision}) is still warm and takes the traffic back at once",
        )
    else:
        draft.say("RolloutStarted", f"version {version} ({named.revision}) is being rolled out")


def _is_warm(draft: Draft, entry: RevisionStatus | None) -> bool:
    return entry is not None and entry.role is Role.PREVIOUS and draft.ready(entry.revision, whole(draft))


def take_back(draft: Draft) -> None:
    """All the traffic goes back to stable: at once, or in moves if stable gave pods up."""
    if not gives_back_in_moves(draft):
        move_weight(draft, 0)


def move_weight(draft: Draft, weight: int) -> None:
    """Decide the candidate's share of the traffic; stable has the rest. A version outside the route stays outside."""
    candidate, stable = draft.revision(draft.status.candidate), draft.revision(draft.status.stable)
    if candidate is None or candidate.weight is None:
        return
    # What was not made in the end, because the API server refuses it, has no place in the route either.
    made = weight > 0 or candidate.revision in draft.observed.services
    draft.change(candidate.revision, weight=weight if made else None)
    if stable is not None:
        draft.change(stable.revision, weight=100 - weight)
    draft.set(weight=weight)


def retire(draft: Draft, revision: str) -> None:
    """Take a revision's role away. Its pods stay until the traffic is gone and `rollback.drain` is over."""
    entry = draft.revision(revision)
    in_route = entry is not None and entry.weight is not None
    draft.change(revision, role=Role.RETIRED, previewed=None, keep_until=None if in_route else draft.now)


def reject(draft: Draft, reason: str, message: str) -> None:
    """Turn the candidate away, and remember it, so that nothing tries it again by itself."""
    entry = draft.revision(draft.status.candidate)
    if entry is None:
        return
    rejected = Rejected(revision=entry.revision, version=entry.version, reason=reason, message=message, at=draft.now)
    draft.set(rejected=rejected, phase=Phase.ROLLING_BACK)
    take_back(draft)
    draft.say(reason, f"version {entry.version} ({entry.revision}) is rolled back: {message}", "Warning")


def dismiss(draft: Draft, reason: str, message: str) -> None:
    """Let a candidate go that did what it was there for: it is remembered, but was not turned away."""
    entry = draft.revision(draft.status.candidate)
    if entry is None:
        return
    dismissed = Rejected(
        revision=entry.revision,
        version=entry.version,
        reason=reason,
        message=message,
        at=draft.now,
        outcome=Outcome.COMPARED,
    )
    draft.set(rejected=dismissed, phase=Phase.ROLLING_BACK)
    take_back(draft)
