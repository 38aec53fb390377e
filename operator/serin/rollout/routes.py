"""What is written to HTTPRoutes: the decided weights, and the way back where we lead traffic no more."""

from collections.abc import Iterator, Mapping
from typing import Any

from serin.api.children import is_controlled_by
from serin.rollout.actions import Action, Create, Delete, Patch, Reference
from serin.rollout.compare import applied, has
from serin.rollout.draft import Draft
from serin.rollout.split import replaced_backend, route_name, wanted_split
from serin.traffic import gateway_api


def write_route(draft: Draft) -> Iterator[Action]:
    """Write the decided weights. The route exists only when a version is Ready to be routed to."""
    traffic, owner, route = draft.desired.spec.traffic, draft.desired.owner, draft.observed.route
    split = wanted_split(draft.status, owner.name)
    if traffic is None or not split:
        return
    name = route_name(draft.world)
    if traffic.gateway_api.http_route is not None:
        backend, port = replaced_backend(draft.world), draft.desired.spec.service.port
        if route is None or gateway_api.problems(route, backend, port, owner.name):
            return
        operations = gateway_api.edit_split(route, backend, split, port)
        if operations:
            yield Patch(_reference(draft, name), operations)
        return
    wanted = gateway_api.make_route(owner, traffic.gateway_api, split)
    if ("HTTPRoute", name) in draft.observed.taken:
        draft.block(
            "NameTaken",
            f"the HTTPRoute {name} belongs to somebody else: name it in traffic.gatewayAPI.httpRoute",
        )
    elif route is None:
        yield Create(wanted)
    elif not has(route["spec"], wanted["spec"]) or _parents(route) != _parents(wanted):
        yield applied(wanted, route)


def _parents(route: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Where a route is attached, what is left out included: a listener that is named no more opens all of them."""
    keys = ("namespace", "name", "sectionName")
    return [tuple(parent.get(key) for key in keys) for parent in route["spec"].get("parentRefs", ())]


def leave_other_routes(draft: Draft) -> Iterator[Action]:
    """The spec names another route now, or none: once that one carries the traffic, the old ones are left."""
    if draft.observed.other_routes and draft.settlement(draft.status).settled:
        for route in draft.observed.other_routes:
            yield from give_back(draft, route)


def held_routes(draft: Draft) -> list[Mapping[str, Any]]:
    """Routes of the user's own that we are in, or were in until a moment ago."""
    traffic, owner = draft.desired.spec.traffic, draft.desired.owner
    named = draft.observed.route if traffic is not None and traffic.gateway_api.http_route is not None else None
    routes = (named, *draft.observed.other_routes)
    return [route for route in routes if route is not None and not is_controlled_by(route, owner.uid)]


def give_back(draft: Draft, route: Mapping[str, Any], *, patient: bool = True) -> Iterator[Action]:
    """Restore a user's own route, step by step unless there is no patience; delete one that Serin made."""
    owner, metadata = draft.desired.owner, route["metadata"]
    target = _reference(draft, metadata["name"])
    if is_controlled_by(route, owner.uid):
        yield Delete(target, metadata["uid"])
        return
    operations = gateway_api.give_back(route, owner.name, patient=patient)
    if operations:
        if any(operation["path"].startswith("/metadata/annotations") for operation in operations):
            # The last of several writes: what stood there before us stands there again, and is forgotten by us.
            tell_what_is_lost(draft, route)
            draft.say("RouteGivenBack", f"HTTPRoute {metadata['name']} has its own backends back")
        yield Patch(target, operations)


def tell_what_is_lost(draft: Draft, route: Mapping[str, Any]) -> None:
    """Say what of a user's own route cannot be restored."""
    lost = gateway_api.cannot_give_back(route, draft.desired.owner.name)
    if lost:
        draft.say("RouteNotRestored", lost, "Warning")


def _reference(draft: Draft, name: str) -> Reference:
    return draft.reference("gateway.networking.k8s.io/v1", "HTTPRoute", name)
