"""A ModelDeployment that is deleted gives the user's routes back, drains, and only then lets its pods go."""

from datetime import datetime, timedelta

from serin.api.names import API_VERSION, FINALIZER, KIND
from serin.rollout.actions import Action, Merge, Plan, Reference
from serin.rollout.auditing import audit
from serin.rollout.draft import Draft
from serin.rollout.routes import give_back, held_routes, tell_what_is_lost
from serin.traffic.acceptance import AcceptanceState
from serin.traffic.provider import Route
from serin.traffic.providers import provider_for


def plan_deletion(draft: Draft, since: datetime) -> Plan:
    """Routes back, accepted, drained, finalizer off; what Serin made itself is collected as garbage then."""
    if FINALIZER not in draft.desired.finalizers:
        return Plan(draft.status)
    routes = held_routes(draft)
    deadline = since + draft.desired.spec.progress_deadline
    patient = draft.now < deadline
    actions = [action for route in routes for action in give_back(draft, route, patient=patient)]
    if actions:
        draft.wake(deadline)
        return _plan(draft, *actions)
    if draft.status.drain_until is None:
        if patient and not _settled(draft, routes):
            draft.wake(deadline)
            return _plan(draft)
        for route in routes:
            tell_what_is_lost(draft, route)
        drain = draft.desired.spec.rollback.drain if routes else timedelta(0)
        draft.set(drain_until=draft.now + drain, message="the route is given back; requests drain")
    if draft.status.drain_until is not None and draft.now < draft.status.drain_until:
        draft.wake(draft.status.drain_until)
        return _plan(draft)
    return _plan(draft, _finalizers(draft, [name for name in draft.desired.finalizers if name != FINALIZER]))


def first_of_all(draft: Draft) -> Plan:
    """Take the finalizer before anything is made, so that a deletion is never missed."""
    return _plan(draft, _finalizers(draft, [*draft.desired.finalizers, FINALIZER]))


def _settled(draft: Draft, routes: list[Route]) -> bool:
    """Whether the Gateways know of it: then requests stop coming. A dead Gateway holds nobody up for ever."""
    answers = [provider_for(route).acceptance(route) for route in routes]
    for answer in answers:
        if answer.state is AcceptanceState.REFUSED:
            draft.say("RouteNotAccepted", f"the route was given back, but: {answer.message}", "Warning")
    return all(answer.state is not AcceptanceState.PENDING for answer in answers)


def _finalizers(draft: Draft, names: list[str]) -> Merge:
    owner = draft.desired.owner
    body = {"metadata": {"finalizers": names, "resourceVersion": draft.desired.resource_version}}
    return Merge(Reference(API_VERSION, KIND, owner.namespace, owner.name), body)


def _plan(draft: Draft, *actions: Action) -> Plan:
    audit(draft)
    return Plan(
        status=draft.status,
        actions=actions,
        notices=tuple(draft.notices),
        tell_by=draft.now if draft.status != draft.world.told else None,
        wake_at=min(draft.wakes, default=None),
    )
