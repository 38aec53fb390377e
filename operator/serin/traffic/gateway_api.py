"""Gateway API: traffic by an HTTPRoute or a GRPCRoute, one that Serin makes or one of the user's own."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from serin.api.children import REVISION_PORT
from serin.api.compare import has
from serin.api.names import MODEL_LABEL
from serin.api.spec import GatewayAPITraffic
from serin.api.traffic import RouteReference
from serin.traffic import route_problems, route_status, user_route
from serin.traffic.acceptance import Acceptance
from serin.traffic.additions import divided, make, read
from serin.traffic.dialect import Dialect
from serin.traffic.gateway_rules import GRPCRules, HTTPRules
from serin.traffic.provider import Claim, JSONPatch, Route
from serin.traffic.routing import Routing
from serin.traffic.user_route import Taking


class HTTPRoutes:
    """Traffic by an HTTPRoute."""

    API_VERSION = "gateway.networking.k8s.io/v1"
    KIND = HTTPRules.KIND
    FIELD: str | None = HTTPRules.FIELD
    WEIGHTS = ".spec.rules[].backendRefs"

    _dialect: Dialect = HTTPRules()
    _every_request: Mapping[str, Any] = {"matches": [HTTPRules.EVERY_REQUEST]}
    """What the rule asks of a route that Serin makes."""

    def route_name(self, claim: Claim) -> str:
        """The user's own route, or one that bears the ModelDeployment's name."""
        own = self._own(claim)
        return own.name if own else claim.owner.name

    def is_own(self, claim: Claim) -> bool:
        """Whether the user names a route."""
        return self._own(claim) is not None

    def make_route(self, claim: Claim, routing: Routing) -> dict[str, Any]:
        """The route that Serin makes, for server-side apply: every request to the split's Services.

        All that the API server would fill in is written, so that desired and observed compare without false
        differences; no hostnames are an empty list, which takes old ones away.
        """
        asked = _asked(claim)
        rule = {
            **self._every_request,
            "backendRefs": [
                {"group": "", "kind": "Service", "name": name, "port": REVISION_PORT, "weight": weight}
                for name, weight in sorted(routing.split.items())
            ],
        }
        return {
            "apiVersion": self.API_VERSION,
            "kind": self.KIND,
            "metadata": claim.owner.metadata(claim.owner.name, {MODEL_LABEL: claim.owner.name}),
            "spec": {
                "parentRefs": [
                    {"group": "gateway.networking.k8s.io", "kind": "Gateway", **parent.to_dict()}
                    for parent in asked.parent_refs or ()
                ],
                "hostnames": list(asked.hostnames or ()),
                "rules": make(self._dialect, claim.owner.namespace, rule, routing),
            },
        }

    def is_as_made(self, route: Route, wanted: Route) -> bool:
        """Whether it has what is wanted, and no more: no cookie, and no other parent.

        A listener named no more opens all of them.
        """
        services = [service for service, _ in self.backends(wanted)]
        return (
            has(route["spec"], wanted["spec"])
            and _parents(route) == _parents(wanted)
            and self.read_routing(route, services) == self.read_routing(wanted, services)
        )

    def read_routing(self, route: Route, services: Collection[str]) -> Routing | None:
        """All that it says; an empty split if the rules disagree, or the replaced backend is back in one of them."""
        return read(self._dialect, route, services)

    def edit_route(self, route: Route, claim: Claim, routing: Routing) -> JSONPatch:
        """The next patch on the way to a routing at every place of the backend."""
        return user_route.edit(self._dialect, route, self._taking(claim), routing)

    def give_back(self, route: Route, model: str, *, patient: bool = True) -> JSONPatch:
        """The next patch on the way back."""
        return user_route.give_back(self._dialect, route, model, patient=patient)

    def cannot_give_back(self, route: Route, model: str) -> str | None:
        """What is not restored exactly, and what to do about it; None if all is well."""
        return user_route.cannot_give_back(self._dialect, route, model)

    def problems(self, route: Route, claim: Claim, routing: Routing) -> str | None:
        """Why the revisions cannot take the backend's place, and what to do; None if they can."""
        return route_problems.problems(self._dialect, route, self._taking(claim), claim.owner.name, routing)

    def acceptance(self, route: Route) -> Acceptance:
        """What the Gateways' controllers say."""
        return route_status.acceptance(route)

    def accepted_at(self, route: Route) -> datetime | None:
        """By when they had accepted it."""
        return route_status.accepted_at(route)

    def backends(self, route: Route) -> Iterator[tuple[str, int]]:
        """Each Service of the route's namespace among which a rule divides its requests, and its weight."""
        return divided(self._dialect, route)

    def _own(self, claim: Claim) -> RouteReference | None:
        return _asked(claim).http_route

    def _taking(self, claim: Claim) -> Taking:
        """The Service whose place the revisions take."""
        own = self._own(claim)
        return Taking((own.backend if own else None) or claim.owner.name, claim.port)


class GRPCRoutes(HTTPRoutes):
    """Traffic by a GRPCRoute."""

    KIND = GRPCRules.KIND
    FIELD: str | None = GRPCRules.FIELD

    _dialect: Dialect = GRPCRules()
    _every_request: Mapping[str, Any] = {}

    def _own(self, claim: Claim) -> RouteReference | None:
        return _asked(claim).grpc_route


def _asked(claim: Claim) -> GatewayAPITraffic:
    if claim.traffic.gateway_api is None:
        raise ValueError("the traffic is asked of another provider: this one is for spec.traffic.gatewayAPI")
    return claim.traffic.gateway_api


def _parents(route: Route) -> list[tuple[Any, ...]]:
    keys = ("namespace", "name", "sectionName")
    return [tuple(parent.get(key) for key in keys) for parent in route["spec"].get("parentRefs", ())]
