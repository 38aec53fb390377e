"""Istio: weights in a VirtualService that Serin makes.

Nobody confirms that a VirtualService was taken up: istiod hands it to the proxies within a second. That the split is
real is seen in the metrics.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from serin.api.compare import has
from serin.api.names import MODEL_LABEL
from serin.api.spec import IstioTraffic
from serin.traffic import virtual_service
from serin.traffic.acceptance import Acceptance, AcceptanceState
from serin.traffic.made_only import cannot_give_back, edit_route, give_back, is_own, problems
from serin.traffic.provider import Claim, Route
from serin.traffic.routing import Routing

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
FIELD: str | None = None
WEIGHTS = ".spec.http[].route"

_MESH = "mesh"
"""What Istio takes where no gateways are written."""


def route_name(claim: Claim) -> str:
    """The VirtualService bears the ModelDeployment's name."""
    return claim.owner.name


def make_route(claim: Claim, routing: Routing) -> dict[str, Any]:
    """The VirtualService that Serin makes, for server-side apply: every request to the split's Services.

    The gateways are written even where Istio would take them so, which takes old ones away.
    """
    asked, owner = _asked(claim), claim.owner
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": owner.metadata(owner.name, {MODEL_LABEL: owner.name}),
        "spec": {
            "hosts": list(asked.hosts),
            "gateways": list(asked.gateways or (_MESH,)),
            "http": virtual_service.render(owner.name, {"name": f"serin-{owner.name}"}, routing),
        },
    }


def is_as_made(route: Route, wanted: Route) -> bool:
    """Whether it has what is wanted. What others add beside the HTTP routes (a delegate, TLS routes) is theirs."""
    return has(route["spec"], wanted["spec"]) and route["spec"]["http"] == wanted["spec"]["http"]


def read_routing(route: Route, services: Collection[str]) -> Routing | None:
    """What it says of the revisions' Services; empty if the HTTP routes are not as Serin writes them."""
    model = next((name.rpartition("-")[0] for name in services), "")
    return virtual_service.read(model, route["spec"].get("http") or (), services)


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
    """Each host in any of its HTTP routes, as it is written."""
    for each in route["spec"].get("http") or ():
        yield from virtual_service.destinations(each)


def _asked(claim: Claim) -> IstioTraffic:
    if claim.traffic.istio is None:
        raise ValueError(f"{claim.owner.name} asks for traffic by {claim.traffic.provider}")
    return claim.traffic.istio
