"""Traffic that moves together with its pods (`capacity: Rebalance`): pods first, then weight, then room for more."""

from serin.api.status import RevisionStatus, Role
from serin.rollout.capacity import demand, is_rebalancing, pods_of, rebalances, recommended, whole
from serin.rollout.draft import Draft
from serin.rollout.revisions import retire
from serin.scaling.capacity import Move, Shift, next_move, pods_for

WITHOUT_LIMIT = 1_000_000


def prepare(draft: Draft, weight: int) -> Move:
    """Give both versions the pods of the next move towards a weight, and say which move it is.

    Who takes traffic gets pods at once; nobody gives any up before `rollback.drain` is over.
    """
    candidate, stable = draft.revision(draft.status.candidate), draft.revision(draft.status.stable)
    if candidate is None or stable is None:
        raise ValueError("traffic moves between a stable and a candidate: one of them is not there")
    now = candidate.weight or 0
    rising = weight >= now
    most, leaving = _most(draft), _leaving(draft)
    needed = demand(draft, weight).pods if rising else 0
    shift = Shift(whole(draft), now, weight, most, leaving, needed)
    move = next_move(shift, pods_of(draft, candidate), pods_of(draft, stable))
    if rising:
        room = most - leaving - pods_of(draft, stable).asked
        more = max(move.candidate, min(recommended(draft, candidate.revision), room))
        _become(draft, candidate, more)
        _become(draft, stable, move.stable if is_rebalancing(draft.desired.spec) else whole(draft))
    else:
        _become(draft, stable, max(move.stable, stable.replicas))
        _become(draft, candidate, move.candidate)
    return move


def keep_stable(draft: Draft) -> None:
    """Stable has the pods for its traffic, whatever happens: all of them, or under `Rebalance` those of its share."""
    stable = draft.revision(draft.status.stable)
    if stable is None:
        return
    pods = least = whole(draft)
    if rebalances(draft) and is_rebalancing(draft.desired.spec):
        least = pods_for(pods, 100 - (draft.status.weight or 0))
    draft.change(stable.revision, replicas=max(least, min(stable.replicas, pods)))


def let_previous_go(draft: Draft) -> None:
    """Under `Rebalance` no version is kept warm: it gave its pods up, and there would be no room for them."""
    if is_rebalancing(draft.desired.spec):
        for entry in draft.with_role(Role.PREVIOUS):
            retire(draft, entry.revision)


def _most(draft: Draft) -> int:
    """How many pods all versions may have together."""
    strategy = draft.desired.spec.strategy
    surge = strategy.max_surge_replicas if strategy is not None and is_rebalancing(draft.desired.spec) else None
    return WITHOUT_LIMIT if surge is None else whole(draft) + surge


def _leaving(draft: Draft) -> int:
    """The pods of versions that have lost their traffic."""
    two = {draft.status.candidate, draft.status.stable}
    return sum(pods_of(draft, entry).asked for entry in draft.status.revisions if entry.revision not in two)


def _become(draft: Draft, entry: RevisionStatus, pods: int) -> None:
    """More pods at once; fewer once the route has the split that needs no more, and earlier requests have drained."""
    if entry.replicas <= pods:
        draft.change(entry.revision, replicas=pods, keep_until=None)
    elif not draft.settlement(draft.status).settled:
        draft.change(entry.revision, keep_until=None)
    elif entry.keep_until is None:
        until = draft.now + draft.desired.spec.rollback.drain
        draft.change(entry.revision, keep_until=until)
        draft.wake(until)
    elif draft.now < entry.keep_until:
        draft.wake(entry.keep_until)
    else:
        draft.change(entry.revision, replicas=pods, keep_until=None)
