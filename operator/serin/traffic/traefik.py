"""Traefik: weights in a TraefikService that Serin makes.

The user's IngressRoute leads to it. A TraefikService has no status: that the split is real is seen in the metrics.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from serin.api.children import REVISION_PORT, revision_in
from serin.api.compare import has
from serin.api.names import MODEL_LABEL
from serin.traffic.acceptance import Acceptance, AcceptanceState
from serin.traffic.made_only import cannot_give_back, edit_route, give_back, is_own, problems
from serin.traffic.provider import Claim, Route
from serin.traffic.routing import Mirror, Routing, Stickiness

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

API_VERSION = "traefik.io/v1alpha1"
KIND = "TraefikService"
FIELD: str | None = None
WEIGHTS = ".spec.weighted.services"

_ALTERNATIVES = {"weighted", "mirroring"}
"""A TraefikService is one of them."""


def route_name(claim: Claim) -> str:
    """The TraefikService bears the ModelDeployment's name."""
    return claim.owner.name


def make_route(claim: Claim, routing: Routing) -> dict[str, Any]:
    """The TraefikService that Serin makes, for server-side apply.

    Raises:
        ValueError: it asks for what a TraefikService cannot say, which the API server refuses in a spec.
    """
    owner = claim.owner
    if routing.audiences:
        raise ValueError(f"a TraefikService matches no headers: {owner.name} asks for {routing.audiences}")
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": owner.metadata(owner.name, {MODEL_LABEL: owner.name}),
        "spec": _mirroring(routing, routing.mirror) if routing.mirror else _weighted(routing),
    }


def is_as_made(route: Route, wanted: Route) -> bool:
    """Whether it has what is wanted, and no other way beside it, nor a cookie that is wanted no more."""
    seen, spec = route["spec"], wanted["spec"]
    alike = [_ALTERNATIVES & seen.keys(), "sticky" in (seen.get("weighted") or {})]
    return has(seen, spec) and alike == [_ALTERNATIVES & spec.keys(), "sticky" in spec.get("weighted", {})]


def read_routing(route: Route, services: Collection[str]) -> Routing | None:
    """What it says of the revisions' Services; empty if that is no routing of Serin's."""
    model = next((name.rpartition("-")[0] for name in services), "")
    if not any(name in services or revision_in(model, name) for name, _ in backends(route)):
        return None
    spec = route["spec"]
    if len(_ALTERNATIVES & spec.keys()) != 1:
        return Routing({})
    if "weighted" in spec:
        split = {entry["name"]: entry.get("weight", 1) for entry in spec["weighted"].get("services") or ()}
        cookie = (spec["weighted"].get("sticky") or {}).get("cookie")
        return Routing(split, stickiness=_stickiness(cookie) if cookie else None)
    # Who only gets copies stands at weight 0.
    mirrors = spec["mirroring"].get("mirrors") or ()
    split = {spec["mirroring"]["name"]: 100} | {entry["name"]: 0 for entry in mirrors}
    copied = next((Mirror(entry["name"], entry.get("percent", 0)) for entry in mirrors if entry.get("percent")), None)
    return Routing(split, mirror=copied)


def acceptance(route: Route) -> Acceptance:  # noqa: ARG001 - as every provider has it
    """Accepted as soon as it is written: Traefik confirms nothing."""
    return Acceptance(AcceptanceState.ACCEPTED, "written: Traefik confirms nothing")


def accepted_at(route: Route) -> datetime | None:  # noqa: ARG001 - as every provider has it
    """Nobody tells."""
    return None


def backends(route: Route) -> Iterator[tuple[str, int]]:
    """Each Service in it."""
    spec = route["spec"]
    for entry in (spec.get("weighted") or {}).get("services") or ():
        yield entry["name"], entry.get("weight", 1)
    mirroring = spec.get("mirroring")
    if mirroring:
        yield mirroring["name"], 100
        yield from ((entry["name"], 0) for entry in mirroring.get("mirrors") or ())


def _weighted(routing: Routing) -> dict[str, Any]:
    services = [{**_service(name), "weight": weight} for name, weight in sorted(routing.split.items())]
    return {"weighted": {"services": services, **_sticky(routing.stickiness)}}


def _mirroring(routing: Routing, mirror: Mirror) -> dict[str, Any]:
    """One version that answers, and who gets copies of its requests.

    Raises:
        ValueError: the requests are split, too, for which a TraefikService is not enough.
    """
    answering = [name for name, weight in routing.split.items() if weight > 0]
    if len(answering) != 1 or routing.stickiness is not None:
        raise ValueError(f"a TraefikService mirrors the requests of one version, not of a split: {routing}")
    copies = {name: 0 for name in routing.split if name not in answering} | {mirror.service: mirror.percent}
    return {
        "mirroring": {
            **_service(answering[0]),
            "mirrors": [{**_service(name), "percent": percent} for name, percent in sorted(copies.items())],
        }
    }


def _service(name: str) -> dict[str, Any]:
    return {"kind": "Service", "name": name, "port": REVISION_PORT}


def _sticky(stickiness: Stickiness | None) -> dict[str, Any]:
    if stickiness is None:
        return {}
    cookie = {
        "name": stickiness.cookie,
        "maxAge": round(stickiness.max_age.total_seconds()),
        "path": "/",
        "httpOnly": True,
        "sameSite": "lax",
    }
    return {"sticky": {"cookie": cookie}}


def _stickiness(cookie: Mapping[str, Any]) -> Stickiness:
    return Stickiness(cookie.get("name", ""), timedelta(seconds=cookie.get("maxAge", 0)))
