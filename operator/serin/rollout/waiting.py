"""Waiting for pods and for the route: what is said meanwhile, and how long it may take."""

from datetime import timedelta

from serin.rollout.draft import Draft
from serin.rollout.undone import is_contested

PODS_LOOK_AGAIN = timedelta(seconds=10)
REFUSAL_COUNTS_AFTER = timedelta(seconds=3)


def wait_for_pods(draft: Draft, revision: str, needed: int) -> None:
    workload, observed = draft.workload(revision), draft.observed
    ready = workload.ready if workload else 0
    why = observed.pods.get(revision) or (workload.problem if workload else None)
    draft.wait(f"{ready} of {needed} pods of {revision} are Ready" + (f": {why}" if why else ""))
    draft.waiting_for = revision
    draft.wake(draft.now + PODS_LOOK_AGAIN)


def wait_for_route(draft: Draft, message: str, *, refused: bool) -> None:
    """A refusal counts after a moment: a Gateway says so of a Service that was made just now, too."""
    draft.wait(message)
    last = draft.status.last_progress_at
    if refused and last is not None:
        counts = last + REFUSAL_COUNTS_AFTER
        draft.wake(counts)
        if draft.now >= counts:
            draft.block("RouteNotAccepted", message)
    elif deadline_passed(draft):
        draft.block("RouteNotAccepted", f"{message}, for longer than progressDeadline")


def deadline_passed(draft: Draft) -> bool:
    """Whether nothing moved for `progressDeadline` while pods or a route were waited for.

    The time that Serin was down does not count: it may have been stopped before it asked for them.
    """
    last = draft.status.last_progress_at
    if last is None or is_contested(draft):
        return False
    end = max(last, draft.world.looking_since or last) + draft.desired.spec.progress_deadline
    draft.wake(end)
    return draft.now >= end
