"""Requests that reach a candidate beside its weight: those of whoever asks for it, and copies of others'."""

from serin.rollout.capacity import demand
from serin.rollout.draft import Draft
from serin.rollout.waiting import wait_for_route


def open_preview(draft: Draft, load: int) -> None:
    """Let requests with the preview's headers reach the candidate, once it stands in the route and its pods are Ready.

    It stays so until the candidate leaves. load: percent of the traffic for which it has pods.
    """
    candidate, strategy = draft.revision(draft.status.candidate), draft.desired.spec.strategy
    if candidate is None:
        return
    audience = strategy.audience if strategy is not None else None
    if audience is None:
        draft.change(candidate.revision, previewed=None)
        return
    if candidate.weight is None or candidate.previewed or not draft.settlement(draft.status).settled:
        return
    if draft.ready(candidate.revision, max(1, demand(draft, load).pods)):
        draft.change(candidate.revision, previewed=True)
        headers = ", ".join(f"{name}: {value}" for name, value in audience.items())
        draft.say("Previewed", f"version {candidate.version} can be reached by requests with {headers}")


def mirrored(draft: Draft, percent: int) -> bool:
    """Whether the candidate gets copies of so many percent of the requests, and the route was accepted with that.

    If not, that is what comes next. The candidate has its pods.
    """
    step = draft.status.step
    if step is None:
        return False
    if step.mirror != percent:
        draft.set(step=step.model_copy(update={"mirror": percent}))
        if percent:
            who = f"version {draft.status.candidate_version}"
            draft.say("Mirrored", f"{who} gets copies of {percent} % of the requests; its answers reach nobody")
    route = draft.settlement(draft.status)
    if not route.settled:
        wait_for_route(draft, route.message, refused=route.refused)
    return route.settled
