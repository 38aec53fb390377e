"""Bringing the candidate to a weight: capacity first, then a place in the route, then the weight."""

from serin.rollout.draft import Draft
from serin.rollout.revisions import move_weight, reject
from serin.rollout.waiting import deadline_passed, wait_for_pods, wait_for_route


def shifted(draft: Draft, *, weight: int, pods: int, lasts: bool = False) -> bool:
    """Whether the candidate has its pods, and the route was accepted with its weight; else do what comes next.

    lasts: the weight stays for long enough to be worth an Event.
    """
    candidate = draft.revision(draft.status.candidate)
    if candidate is None:
        return False
    if candidate.weight is None:
        # Into the route at weight 0, before it gets traffic: proxies learn of a backend and of its weight in two
        # steps, and may answer 503 between them.
        draft.change(candidate.revision, weight=0)
    if not has_pods(draft, pods):
        return False
    route = draft.settlement(draft.status)
    if not route.settled:
        wait_for_route(draft, route.message, refused=route.refused)
        return False
    if candidate.weight != weight:
        move_weight(draft, weight)
        message = f"version {candidate.version} gets {weight} % of the traffic"
        tell = draft.say if lasts else draft.note
        tell("WeightChanged", message)
        draft.wait(message)
        return False
    return True


def has_pods(draft: Draft, pods: int) -> bool:
    """Ask for so many pods of the candidate, and say whether they are Ready.

    If not, they are waited for, until nothing moved for `progressDeadline`: then the candidate is turned away.
    """
    revision = draft.status.candidate or ""
    draft.change(revision, replicas=pods)
    if draft.ready(revision, pods):
        return True
    wait_for_pods(draft, revision, pods)
    if deadline_passed(draft):
        reject(draft, "ProgressDeadlineExceeded", draft.waiting or "its pods did not become Ready")
    return False
