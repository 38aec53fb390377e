"""The phases: from pods to weight to verdict to promotion, or back. One transition a plan."""

from datetime import timedelta

from serin.api.status import Outcome, Phase, RevisionStatus, Role
from serin.rollout.capacity import gives_back_in_moves, is_rebalancing, whole
from serin.rollout.draft import Draft
from serin.rollout.ratio import shares_by_replicas
from serin.rollout.rebalance import keep_stable, let_previous_go
from serin.rollout.revisions import conclude, move_weight, reject, retire
from serin.rollout.shifting import shifted
from serin.rollout.sizing import keep_size, note_rebalanced
from serin.rollout.steps import progress
from serin.rollout.waiting import deadline_passed, wait_for_pods, wait_for_route

TOOK_OVER = frozenset({Outcome.DEPLOYED, Outcome.PROMOTED, Outcome.RESTORED})


def advance(draft: Draft) -> None:
    """Do the next thing of the phase that the rollout is in."""
    status = draft.status
    let_previous_go(draft)
    keep_stable(draft)
    if status.candidate is None:
        _at_rest(draft)
    elif status.candidate in draft.observed.invalid and status.phase is not Phase.ROLLING_BACK:
        reject(draft, "InvalidTemplate", draft.observed.invalid[status.candidate])
    elif status.phase is Phase.ROLLING_BACK:
        _roll_back(draft)
    elif status.stable is None:
        _deploy_first(draft)
    else:
        if status.phase is not Phase.PROMOTING:
            progress(draft)
        if draft.status.phase is Phase.PROMOTING:
            _promote(draft)
    note_rebalanced(draft)
    _expire(draft)
    _notice_lack(draft)


def _at_rest(draft: Draft) -> None:
    stable = draft.status.stable
    if stable is None:
        draft.set(phase=Phase.DEGRADED if draft.status.rejected else Phase.PENDING)
        return
    rejected = draft.status.rejected
    stuck = (rejected is not None and rejected.is_failure) or deadline_passed(draft)
    route = draft.settlement(draft.status)
    unreached = draft.status.phase is Phase.PENDING and not route.settled
    draft.set(phase=Phase.DEGRADED if stuck else Phase.PENDING if unreached else Phase.HEALTHY)
    if not draft.ready(stable, whole(draft)):
        wait_for_pods(draft, stable, whole(draft))
    elif not route.settled:
        wait_for_route(draft, route.message, refused=route.refused)


def _deploy_first(draft: Draft) -> None:
    """The first version of all has no stable to be compared with: it is deployed when it is Ready, and routed then.

    It is Pending until the route has it: who waits for Healthy may send requests.
    """
    revision, replicas = draft.status.candidate or "", whole(draft)
    draft.change(revision, replicas=replicas)
    if not draft.ready(revision, replicas):
        wait_for_pods(draft, revision, replicas)
        draft.set(phase=Phase.DEGRADED if deadline_passed(draft) else Phase.PENDING)
        return
    entry = draft.revision(revision)
    if entry is not None:
        draft.end(entry, Outcome.DEPLOYED, "FirstVersion", "the first version is Ready")
        draft.say("Deployed", f"version {entry.version} ({revision}) is Ready and gets the traffic")
        draft.change(revision, role=Role.STABLE, weight=100)
        draft.set(stable=revision, version=entry.version)
    draft.leave_rollout(Phase.PENDING)
    _at_rest(draft)


def _promote(draft: Draft) -> None:
    """All the capacity first, then all the traffic, then the role. No pod of the promoted version restarts."""
    if shifted(draft, weight=100, at_least=whole(draft)):
        _take_role(draft)


def _take_role(draft: Draft) -> None:
    status, rollback = draft.status, draft.desired.spec.rollback
    candidate, stable = draft.revision(status.candidate), draft.revision(status.stable)
    if candidate is None or stable is None:
        return
    for entry in draft.with_role(Role.PREVIOUS):
        retire(draft, entry.revision)
    was_stable = any(entry.revision == candidate.revision and entry.outcome in TOOK_OVER for entry in status.history)
    outcome = Outcome.RESTORED if was_stable else Outcome.PROMOTED
    draft.end(candidate, outcome, str(outcome), f"took over from version {stable.version}")
    # Who gave its pods up has none to be kept warm with; under the replica ratio they would get requests again.
    bare = is_rebalancing(draft.desired.spec) or shares_by_replicas(draft.desired.spec)
    warm = rollback.keep_warm > timedelta(0) and not bare
    draft.change(
        stable.revision,
        role=Role.PREVIOUS if warm else Role.RETIRED,
        keep_until=draft.now + (max(rollback.keep_warm, rollback.drain) if warm else rollback.drain),
    )
    draft.change(candidate.revision, role=Role.STABLE, previewed=None, keep_until=None)
    draft.set(stable=candidate.revision, version=candidate.version)
    keep_size(draft, candidate.replicas)
    draft.leave_rollout(Phase.HEALTHY)
    draft.say("Promoted", f"version {candidate.version} ({candidate.revision}) is stable now")


def _roll_back(draft: Draft) -> None:
    """The traffic goes back to stable: in one write, unless stable gave pods up. The candidate's drain and go."""
    candidate = draft.revision(draft.status.candidate)
    if candidate is None:
        return
    if gives_back_in_moves(draft) and not _is_back(draft, candidate):
        return
    status = draft.status
    route = draft.settlement(status)
    if not route.settled:
        wait_for_route(draft, route.message, refused=route.refused)
        return
    if status.rejected is None and draft.named not in {None, status.stable, candidate.revision}:
        draft.end(candidate, Outcome.REPLACED, "NewRevision", f"replaced by {draft.named}")
    else:
        conclude(draft, candidate)
    retire(draft, candidate.revision)
    failed = status.rejected is not None and status.rejected.is_failure
    draft.leave_rollout(Phase.DEGRADED if failed else Phase.HEALTHY)


def _is_back(draft: Draft, candidate: RevisionStatus) -> bool:
    """Whether stable has all the traffic again; a candidate without any pod that answers gives it up at once."""
    workload = draft.workload(candidate.revision)
    # Ready ones count although its size was just changed: that is not known to be none.
    if workload is not None and workload.ready > 0:
        return shifted(draft, weight=0)
    move_weight(draft, 0)
    return True


def _notice_lack(draft: Draft) -> None:
    """Who has fewer pods than it is meant to have, although nothing is held up by it: that is told, too."""
    if draft.status.candidate is None:
        return
    for entry in (*draft.with_role(Role.STABLE), *draft.with_role(Role.CANDIDATE)):
        workload = draft.workload(entry.revision)
        asked = workload is not None and workload.settled and workload.replicas == entry.replicas
        if asked and not draft.ready(entry.revision, entry.replicas) and entry.revision != draft.waiting_for:
            draft.lacking.add(entry.revision)


def _expire(draft: Draft) -> None:
    """Let go of what lost its traffic, once it is drained: its place in the route and its pods."""
    route = draft.settlement(draft.status)
    for entry in (*draft.with_role(Role.PREVIOUS), *draft.with_role(Role.RETIRED)):
        if entry.role is Role.PREVIOUS:
            draft.change(entry.revision, replicas=whole(draft))
        if entry.keep_until is None:
            if route.settled:
                until = draft.now + draft.desired.spec.rollback.drain
                draft.change(entry.revision, keep_until=until)
                draft.wake(until)
        elif draft.now < entry.keep_until:
            draft.wake(entry.keep_until)
        elif route.settled:
            draft.change(entry.revision, role=Role.RETIRED, weight=None, replicas=0)
