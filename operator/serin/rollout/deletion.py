"""A ModelDeployment that is deleted gives the user's route back, drains, and only then lets its pods go."""

from serin.api.names import API_VERSION, FINALIZER, KIND
from serin.rollout.actions import Merge, Patch, Plan, Reference
from serin.rollout.draft import Draft
from serin.rollout.split import route_name
from serin.traffic import gateway_api


def plan_deletion(draft: Draft) -> Plan:
    """Route back, accepted, drained, finalizer off; what Serin made itself is collected as garbage then."""
    desired, now = draft.desired, draft.now
    if FINALIZER not in desired.finalizers:
        return Plan(draft.status)
    traffic = desired.spec.traffic
    route = draft.observed.route
    if traffic is None or traffic.gateway_api.http_route is None or route is None:
        return _let_go(draft)
    lost = gateway_api.cannot_give_back(route, desired.owner.name)
    operations = gateway_api.give_back(route, desired.owner.name)
    if operations:
        if lost:
            draft.say("RouteNotRestored", lost, "Warning")
        draft.say("RouteGivenBack", f"HTTPRoute {route_name(draft.world)} gets its own backends back")
        target = Reference(
            "gateway.networking.k8s.io/v1", "HTTPRoute", desired.owner.namespace, route_name(draft.world)
        )
        return Plan(draft.status, (Patch(target, operations),), tuple(draft.notices))
    if draft.status.drain_until is None:
        if gateway_api.acceptance(route).state is gateway_api.AcceptanceState.PENDING:
            return Plan(draft.status)  # the route's next event brings us back
        draft.set(drain_until=now + desired.spec.rollback.drain, message="the route is given back; requests drain")
        return Plan(draft.status, wake_at=draft.status.drain_until)
    if now < draft.status.drain_until:
        return Plan(draft.status, wake_at=draft.status.drain_until)
    return _let_go(draft)


def _let_go(draft: Draft) -> Plan:
    owner = draft.desired.owner
    rest = [name for name in draft.desired.finalizers if name != FINALIZER]
    body = {"metadata": {"finalizers": rest, "resourceVersion": draft.desired.resource_version}}
    target = Reference(API_VERSION, KIND, owner.namespace, owner.name)
    return Plan(draft.status, (Merge(target, body),), tuple(draft.notices))


def first_of_all(draft: Draft) -> Plan:
    """Take the finalizer before anything is made, so that a deletion is never missed."""
    owner = draft.desired.owner
    body = {
        "metadata": {
            "finalizers": [*draft.desired.finalizers, FINALIZER],
            "resourceVersion": draft.desired.resource_version,
        }
    }
    return Plan(draft.status, (Merge(Reference(API_VERSION, KIND, owner.namespace, owner.name), body),), ())
