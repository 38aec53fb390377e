"""What is written to routes: the decided traffic, and the way back where we lead traffic no more."""

from collections.abc import Iterator

from serin.api.children import is_controlled_by
from serin.rollout.actions import Action, Create, Delete, Patch, Reference
from serin.rollout.compare import applied
from serin.rollout.draft import Draft
from serin.rollout.split import claim_of, wanted_routing
from serin.traffic.provider import Claim, Provider, Route
from serin.traffic.providers import provider_for, provider_of


def write_route(draft: Draft) -> Iterator[Action]:
    """Write what was decided. The route exists only when a version is Ready to be routed to."""
    claim, routing = claim_of(draft.desired), wanted_routing(draft.desired, draft.status)
    if claim is None or not routing.split:
        return
    provider, route = provider_of(claim.traffic), draft.observed.route
    if provider.is_own(claim):
        if route is None or provider.problems(route, claim, routing):
            return
        operations = provider.edit_route(route, claim, routing)
        if operations:
            yield Patch(_reference(draft, provider, provider.route_name(claim)), operations)
        return
    wanted = provider.make_route(claim, routing)
    name = provider.route_name(claim)
    if (provider.KIND, name) in draft.observed.taken:
        remedy = f"name it in {provider.FIELD}" if provider.FIELD else "rename one of the two"
        draft.block("NameTaken", f"the {provider.KIND} {name} belongs to somebody else: {remedy}")
    elif route is None:
        yield Create(wanted)
    elif not provider.is_as_made(route, wanted):
        yield applied(wanted, route)


def leave_other_routes(draft: Draft) -> Iterator[Action]:
    """The spec names another route now, or none: once that one carries the traffic, the old ones are left."""
    if draft.observed.other_routes and draft.settlement(draft.status).settled:
        for route in draft.observed.other_routes:
            yield from give_back(draft, route)


def held_routes(draft: Draft) -> list[Route]:
    """Routes of the user's own that we are in, or were in until a moment ago."""
    claim, owner = claim_of(draft.desired), draft.desired.owner
    named = draft.observed.route if claim is not None and _is_own(claim) else None
    routes = (named, *draft.observed.other_routes)
    return [route for route in routes if route is not None and not is_controlled_by(route, owner.uid)]


def give_back(draft: Draft, route: Route, *, patient: bool = True) -> Iterator[Action]:
    """Restore a user's own route, step by step unless there is no patience; delete one that Serin made."""
    owner, metadata, provider = draft.desired.owner, route["metadata"], provider_for(route)
    target = _reference(draft, provider, metadata["name"])
    if is_controlled_by(route, owner.uid):
        yield Delete(target, metadata["uid"])
        return
    operations = provider.give_back(route, owner.name, patient=patient)
    if operations:
        if any(operation["path"].startswith("/metadata/annotations") for operation in operations):
            # The last of several writes: what stood there before us stands there again, and is forgotten by us.
            tell_what_is_lost(draft, route)
            draft.say("RouteGivenBack", f"{provider.KIND} {metadata['name']} has its own backends back")
        yield Patch(target, operations)


def tell_what_is_lost(draft: Draft, route: Route) -> None:
    """Say what of a user's own route cannot be restored."""
    lost = provider_for(route).cannot_give_back(route, draft.desired.owner.name)
    if lost:
        draft.say("RouteNotRestored", lost, "Warning")


def _is_own(claim: Claim) -> bool:
    return provider_of(claim.traffic).is_own(claim)


def _reference(draft: Draft, provider: Provider, name: str) -> Reference:
    return draft.reference(provider.API_VERSION, provider.KIND, name)
