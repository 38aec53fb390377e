"""Gateway API: the HTTPRoute that Serin makes, and the edits of a route of the user's own."""

from collections.abc import Collection, Mapping
from typing import Any

from serin.api.children import Owner
from serin.api.spec import GatewayAPITraffic
from serin.traffic.acceptance import Acceptance, AcceptanceState

__all__ = ["Acceptance", "AcceptanceState"]

JSONPatch = list[dict[str, Any]]
"""RFC 6902 operations. A failed `test` is answered by the API server with 422: read again, and try again."""


def make_route(
    owner: Owner, traffic: GatewayAPITraffic, port: int, split: Mapping[str, int]
) -> dict[str, Any]:
    """The HTTPRoute that Serin makes, for server-side apply. split: percent by Service name, 0 included."""
    raise NotImplementedError


def read_split(route: Mapping[str, Any], services: Collection[str]) -> dict[str, int] | None:
    """The split that a route has among the revisions' Services, in percent.

    services: some of ours; others of the same ModelDeployment are recognized by their names.
    None: none of ours is in it. Empty: its rules disagree, or the replaced backend is back in one of them.
    """
    raise NotImplementedError


def edit_split(route: Mapping[str, Any], backend: str, services: Mapping[str, int], port: int) -> JSONPatch:
    """The patch that gives a user's own route this split at the place of `backend`; empty if it has it."""
    raise NotImplementedError


def give_back(route: Mapping[str, Any]) -> JSONPatch:
    """The patch that restores a user's own route; empty if there is nothing to restore."""
    raise NotImplementedError


def cannot_give_back(route: Mapping[str, Any]) -> str | None:
    """What `give_back` cannot restore exactly, in a sentence; None if it can restore everything."""
    raise NotImplementedError


def problems(route: Mapping[str, Any], backend: str, port: int) -> str | None:
    """Why Serin cannot use a user's own route, with what to do; None if it can."""
    raise NotImplementedError


def acceptance(route: Mapping[str, Any]) -> Acceptance:
    """Whether every Gateway that the route names has accepted it at its present generation."""
    raise NotImplementedError
