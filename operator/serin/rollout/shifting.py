"""Bringing the candidate to a weight: capacity first, then a place in the route, then the weight."""

from serin.rollout.capacity import demand, is_elastic, pods_of, rebalances, recommended
from serin.rollout.draft import Draft
from serin.rollout.load import carried_load
from serin.rollout.rebalance import prepare
from serin.rollout.revisions import move_weight, reject
from serin.rollout.sharing import may_share, real_share
from serin.rollout.waiting import deadline_passed, wait_for_pods, wait_for_route


def shifted(draft: Draft, *, weight: int, load: int = 0, at_least: int = 0, lasts: bool = False) -> bool:
    """Whether the candidate has its pods, and the route was accepted with its weight; else do what comes next.

    load: percent of the traffic for which it needs pods, if that is more than the weight.
    at_least: pods that it needs in any case.
    lasts: the weight stays for long enough to be worth an Event.
    """
    candidate = draft.revision(draft.status.candidate)
    if candidate is None:
        return False
    if not may_share(draft, weight):
        return False
    if candidate.weight is None:
        # Into the route at weight 0, before it gets traffic: proxies learn of a backend and of its weight in two
        # steps, and may answer 503 between them.
        draft.change(candidate.revision, weight=0)
    now = candidate.weight or 0
    if rebalances(draft):
        goal = _next_weight(draft, weight)
    else:
        goal = weight if has_pods(draft, max(weight, now, load), at_least=at_least) else None
    if goal is None:
        return False
    route = draft.settlement(draft.status)
    if not route.settled:
        wait_for_route(draft, route.message, refused=route.refused)
        return False
    if candidate.weight != goal:
        move_weight(draft, goal)
        message = f"version {candidate.version} gets {goal} % of the traffic{real_share(draft, goal)}"
        tell = draft.say if lasts and goal == weight else draft.note
        tell("WeightChanged", message)
        draft.wait(message)
        return False
    return goal == weight


def has_pods(draft: Draft, weight: int, *, at_least: int = 0) -> bool:
    """Ask for the candidate's pods for a weight, and say whether they are Ready.

    If not, they are waited for, until nothing moved for `progressDeadline`: then the candidate is turned away. What the
    autoscaler wants beyond them is asked for, and nothing waits for it.
    """
    if rebalances(draft):
        return _next_weight(draft, weight) is not None
    revision = draft.status.candidate or ""
    needed = max(demand(draft, weight).pods, at_least)
    draft.change(revision, replicas=max(needed, recommended(draft, revision)))
    return _is_ready(draft, revision, needed)


def keep_pods(draft: Draft) -> None:
    """While the rollout is paused, its load may grow: then the candidate does."""
    candidate, load = draft.revision(draft.status.candidate), carried_load(draft)
    if candidate is None or not load:
        return
    if rebalances(draft):
        prepare(draft, load)
    else:
        needed = max(demand(draft, load).pods, recommended(draft, candidate.revision))
        draft.change(candidate.revision, replicas=max(candidate.replicas, needed))


def _next_weight(draft: Draft, weight: int) -> int | None:
    """The weight that the pods allow now, on the way to this one; None while pods, or room for them, are waited for."""
    candidate, stable = draft.revision(draft.status.candidate), draft.revision(draft.status.stable)
    if candidate is None or stable is None:
        return None
    now = candidate.weight or 0
    move = prepare(draft, weight)
    taker, pods = (candidate, move.candidate) if weight >= now else (stable, move.stable)
    if not _is_ready(draft, taker.revision, pods):
        return None
    if move.weight == now and now != weight:
        giver = stable if weight >= now else candidate
        draft.wait(f"{giver.revision} gives pods up when its requests have drained: they are the room for the next")
        return None
    return move.weight


def _is_ready(draft: Draft, revision: str, needed: int) -> bool:
    if draft.ready(revision, needed):
        return True
    wait_for_pods(draft, revision, needed)
    if deadline_passed(draft):
        _is_late(draft, revision)
    return False


def _is_late(draft: Draft, revision: str) -> None:
    """A candidate is turned away, unless it serves and only cannot grow: that is told, and nothing else breaks."""
    candidate, words = draft.revision(draft.status.candidate), draft.waiting or "its pods did not become Ready"
    if candidate is None or candidate.revision != revision:
        draft.block("ProgressDeadlineExceeded", words)
        return
    serves = bool(candidate.weight) and pods_of(draft, candidate).ready > 0
    if serves and is_elastic(draft):
        draft.block("ProgressDeadlineExceeded", words)
    else:
        reject(draft, "ProgressDeadlineExceeded", words)
