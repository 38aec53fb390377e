"""Gateway API: weights in an HTTPRoute, one that Serin makes or one of the user's own."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from serin.api.children import REVISION_PORT
from serin.api.compare import has
from serin.api.names import MODEL_LABEL
from serin.api.spec import GatewayAPITraffic
from serin.traffic import user_route
from serin.traffic.originals import read_originals
from serin.traffic.places import Ours, Place, find_places, is_service, rules_of, weight_of
from serin.traffic.provider import Claim, JSONPatch, Route
from serin.traffic.route_status import acceptance, accepted_at
from serin.traffic.routing import Routing
from serin.traffic.split import apportion
from serin.traffic.user_route import cannot_give_back, give_back

__all__ = [
    "API_VERSION",
    "FIELD",
    "KIND",
    "WEIGHTS",
    "acceptance",
    "accepted_at",
    "backends",
    "cannot_give_back",
    "edit_route",
    "give_back",
    "is_as_made",
    "is_own",
    "make_route",
    "problems",
    "read_routing",
    "route_name",
]

API_VERSION = "gateway.networking.k8s.io/v1"
KIND = "HTTPRoute"
FIELD: str | None = "traffic.gatewayAPI.httpRoute"
WEIGHTS = ".spec.rules[].backendRefs"


def route_name(claim: Claim) -> str:
    """The user's own route, or one that bears the ModelDeployment's name."""
    own = _asked(claim).http_route
    return own.name if own else claim.owner.name


def is_own(claim: Claim) -> bool:
    """Whether the user names a route."""
    return _asked(claim).http_route is not None


def make_route(claim: Claim, routing: Routing) -> dict[str, Any]:
    """The HTTPRoute that Serin makes, for server-side apply: every request to the split's Services.

    All that the API server would fill in is written, so that desired and observed compare without false differences;
    no hostnames are an empty list, which takes old ones away.
    """
    asked = _asked(claim)
    spec: dict[str, Any] = {
        "parentRefs": [
            {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                **parent.to_dict(),
            }
            for parent in asked.parent_refs or ()
        ],
        "hostnames": list(asked.hostnames or ()),
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [
                    {"group": "", "kind": "Service", "name": name, "port": REVISION_PORT, "weight": weight}
                    for name, weight in sorted(routing.split.items())
                ],
            }
        ],
    }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": claim.owner.metadata(claim.owner.name, {MODEL_LABEL: claim.owner.name}),
        "spec": spec,
    }


def is_as_made(route: Route, wanted: Route) -> bool:
    """Whether it has what is wanted, and is attached nowhere else: a listener named no more opens all of them."""
    return has(route["spec"], wanted["spec"]) and _parents(route) == _parents(wanted)


def read_routing(route: Route, services: Collection[str]) -> Routing | None:
    """The split in percent; empty if the rules disagree, or the replaced backend is back in one of them."""
    ours = Ours.of(services)
    kept = (read_originals(route) or {}).get(ours.model)
    places = find_places(route, ours, kept.backend, kept.ports) if kept else find_places(route, ours)
    if not any(place.ours for place in places):
        return None
    carrying = [place for place in places if place.total > 0] or places
    splits = [_percent(place) for place in carrying]
    names = {frozenset(entry["name"] for entry in place.entries) for place in places}
    agree = len(names) == 1 and all(split == splits[0] for split in splits)
    return Routing(splits[0] if agree else {})


def edit_route(route: Route, claim: Claim, routing: Routing) -> JSONPatch:
    """The next patch on the way to a split at every place of the backend."""
    return user_route.edit_split(route, _backend(claim), routing.split, claim.port)


def problems(route: Route, claim: Claim) -> str | None:
    """Why the revisions cannot take the backend's place, and what to do; None if they can."""
    return user_route.problems(route, _backend(claim), claim.port, claim.owner.name)


def backends(route: Route) -> Iterator[tuple[str, int]]:
    """Each Service of the route's namespace in any of its rules."""
    namespace = route["metadata"].get("namespace")
    for rule in rules_of(route):
        for entry in rule.get("backendRefs") or ():
            if is_service(entry, namespace):
                yield entry["name"], weight_of(entry)


def _asked(claim: Claim) -> GatewayAPITraffic:
    if claim.traffic.gateway_api is None:
        raise ValueError(f"{claim.owner.name} asks for traffic by {claim.traffic.provider}")
    return claim.traffic.gateway_api


def _backend(claim: Claim) -> str:
    """The Service whose place the revisions take."""
    own = _asked(claim).http_route
    return (own.backend if own else None) or claim.owner.name


def _parents(route: Route) -> list[tuple[Any, ...]]:
    keys = ("namespace", "name", "sectionName")
    return [tuple(parent.get(key) for key in keys) for parent in route["spec"].get("parentRefs", ())]


def _percent(place: Place) -> Mapping[str, int]:
    weights = {entry["name"]: weight_of(entry) for entry in place.entries}
    return apportion(weights, 100) if place.total else weights
