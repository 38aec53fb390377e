"""What a traffic provider is: one pure module, and one row in the table of `serin.traffic.providers`.

A provider writes what was decided (`Routing`) into one object, its *route*: one that Serin makes, or one of the
user's own.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from serin.api.children import Owner
from serin.api.spec import Traffic
from serin.traffic.acceptance import Acceptance
from serin.traffic.routing import Routing

Route = Mapping[str, Any]
"""The provider's object, as the API server has it."""

JSONPatch = list[dict[str, Any]]
"""RFC 6902 operations. A failed `test` is answered by the API server with 422: read again, and try again."""


@dataclass(frozen=True)
class Claim:
    """Whose traffic a route carries, and where its user wants that written.

    port: `spec.service.port`, at which the backend stands whose place revisions take in a user's own route.
    """

    owner: Owner
    traffic: Traffic
    port: int


class Provider(Protocol):
    """What `serin.rollout` asks of a provider. All of it is pure; a module is one."""

    API_VERSION: str
    KIND: str
    FIELD: str | None
    """Where a user's own route is named, in `spec`; None if no route can be one."""
    WEIGHTS: str
    """Where weights stand, as a jq path: what a GitOps tool is told to leave alone."""

    def route_name(self, claim: Claim) -> str:
        """The name of the route that carries the traffic."""

    def is_own(self, claim: Claim) -> bool:
        """Whether that is a route of the user's own, which Serin only edits."""

    def make_route(self, claim: Claim, routing: Routing) -> dict[str, Any]:
        """The route that Serin makes, for server-side apply."""

    def is_as_made(self, route: Route, wanted: Route) -> bool:
        """Whether a route that Serin made still is what it would make."""

    def read_routing(self, route: Route, services: Collection[str]) -> Routing | None:
        """What a route says of the revisions' Services; None if none of them is in it.

        services: some of ours; others of the same ModelDeployment are recognized by their names.
        """

    def edit_route(self, route: Route, claim: Claim, routing: Routing) -> JSONPatch:
        """The next patch of a user's own route on the way to a routing; empty if it is there, or not to go on yet."""

    def give_back(self, route: Route, model: str, *, patient: bool = True) -> JSONPatch:
        """The next patch on the way back to what a user's own route was before the ModelDeployment `model`.

        patient: on the way on which no request is lost; otherwise all in one write, for a proxy that accepts nothing.
        """

    def cannot_give_back(self, route: Route, model: str) -> str | None:
        """What `give_back` does not restore exactly, and what to do about it; None if all is well."""

    def problems(self, route: Route, claim: Claim, routing: Routing) -> str | None:
        """Why a user's own route cannot carry a routing, and what to do; None if it can."""

    def acceptance(self, route: Route) -> Acceptance:
        """What those who carry the route out say of it, at its present generation."""

    def accepted_at(self, route: Route) -> datetime | None:
        """When it was accepted at its present generation; None if it was not, or nobody tells."""

    def backends(self, route: Route) -> Iterator[tuple[str, int]]:
        """Each Service of the route's namespace that it leads to, and its weight."""
