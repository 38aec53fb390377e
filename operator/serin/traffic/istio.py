"""Istio: weights in a VirtualService, one that Serin makes or one of the user's own.

Nobody confirms that a VirtualService was taken up: istiod hands it to the proxies within a second. That the split is
real is seen in the metrics.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from serin.api.children import REVISION_PORT
from serin.api.compare import has
from serin.api.names import MODEL_LABEL
from serin.api.spec import IstioTraffic
from serin.traffic import route_problems, user_route
from serin.traffic.acceptance import Acceptance, AcceptanceState
from serin.traffic.additions import divided, make, read
from serin.traffic.istio_rules import VirtualServiceRules
from serin.traffic.provider import Claim, JSONPatch, Route
from serin.traffic.routing import Routing
from serin.traffic.user_route import Taking

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

API_VERSION = "networking.istio.io/v1"
KIND = "VirtualService"
FIELD: str | None = VirtualServiceRules.FIELD
WEIGHTS = ".spec.http[].route"

_RULES = VirtualServiceRules()
_MESH = "mesh"
"""What Istio takes where no gateways are written."""


def route_name(claim: Claim) -> str:
    """The user's own VirtualService, or one that bears the ModelDeployment's name."""
    own = _asked(claim).virtual_service
    return own.name if own else claim.owner.name


def is_own(claim: Claim) -> bool:
    """Whether the user names a VirtualService."""
    return _asked(claim).virtual_service is not None


def make_route(claim: Claim, routing: Routing) -> dict[str, Any]:
    """The VirtualService that Serin makes, for server-side apply: every request to the split's Services.

    The gateways are written even where Istio would take them so, which takes old ones away.
    """
    asked, owner = _asked(claim), claim.owner
    entries = [
        {"destination": {"host": service, "port": {"number": REVISION_PORT}}, "weight": weight}
        for service, weight in sorted(routing.split.items())
    ]
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": owner.metadata(owner.name, {MODEL_LABEL: owner.name}),
        "spec": {
            "hosts": list(asked.hosts or ()),
            "gateways": list(asked.gateways or (_MESH,)),
            "http": make(_RULES, owner.namespace, {"name": f"serin-{owner.name}", "route": entries}, routing),
        },
    }


def is_as_made(route: Route, wanted: Route) -> bool:
    """Whether it has what is wanted. What others add beside the HTTP routes (a delegate, TLS routes) is theirs."""
    return has(route["spec"], wanted["spec"]) and route["spec"]["http"] == wanted["spec"]["http"]


def read_routing(route: Route, services: Collection[str]) -> Routing | None:
    """What it says of the revisions' Services; empty if the HTTP routes disagree, or are not as Serin writes them."""
    return read(_RULES, route, services)


def edit_route(route: Route, claim: Claim, routing: Routing) -> JSONPatch:
    """The next patch on the way to a routing at every place of the destination."""
    return user_route.edit(_RULES, route, _taking(claim), routing)


def give_back(route: Route, model: str, *, patient: bool = True) -> JSONPatch:
    """The next patch on the way back."""
    return user_route.give_back(_RULES, route, model, patient=patient)


def cannot_give_back(route: Route, model: str) -> str | None:
    """What is not restored exactly, and what to do about it; None if all is well."""
    return user_route.cannot_give_back(_RULES, route, model)


def problems(route: Route, claim: Claim, routing: Routing) -> str | None:
    """Why the revisions cannot take the destination's place, and what to do; None if they can."""
    return route_problems.problems(_RULES, route, _taking(claim), claim.owner.name, routing)


def acceptance(route: Route) -> Acceptance:
    """Accepted as soon as it is written, unless istiod's analysis, where it is switched on, calls it an error."""
    status, generation = route.get("status") or {}, route["metadata"].get("generation")
    errors = [
        message
        for message in status.get("validationMessages") or ()
        if message.get("level") == "ERROR" and str(status.get("observedGeneration", generation)) == str(generation)
    ]
    if not errors:
        return Acceptance(AcceptanceState.ACCEPTED, "written: istiod confirms nothing")
    kind = errors[0].get("type") or {}
    words = f"istiod's analysis says {kind.get('name')} ({kind.get('code')})"
    return Acceptance(AcceptanceState.REFUSED, f"{words}, see {errors[0].get('documentationUrl')}")


def accepted_at(route: Route) -> datetime | None:  # noqa: ARG001 - as every provider has it
    """Nobody tells."""
    return None


def backends(route: Route) -> Iterator[tuple[str, int]]:
    """Each Service of its namespace among which an HTTP route divides its requests, and its weight."""
    return divided(_RULES, route)


def _taking(claim: Claim) -> Taking:
    """The Service whose place the revisions take."""
    own = _asked(claim).virtual_service
    return Taking((own.backend if own else None) or claim.owner.name, claim.port)


def _asked(claim: Claim) -> IstioTraffic:
    if claim.traffic.istio is None:
        raise ValueError(f"{claim.owner.name} asks for traffic by {claim.traffic.provider}")
    return claim.traffic.istio
