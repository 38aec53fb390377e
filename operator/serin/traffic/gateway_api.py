"""Gateway API: weights in an HTTPRoute, one that Serin makes or one of the user's own."""

from collections.abc import Collection, Mapping
from typing import Any

from serin.api.children import REVISION_PORT, Owner
from serin.api.names import MODEL_LABEL
from serin.api.spec import GatewayAPITraffic
from serin.traffic.acceptance import Acceptance, AcceptanceState
from serin.traffic.originals import read_originals
from serin.traffic.places import Ours, Place, find_places, weight_of
from serin.traffic.route_status import acceptance, accepted_at
from serin.traffic.split import apportion
from serin.traffic.user_route import JSONPatch, cannot_give_back, edit_split, give_back, problems

__all__ = [
    "Acceptance",
    "AcceptanceState",
    "JSONPatch",
    "acceptance",
    "accepted_at",
    "cannot_give_back",
    "edit_split",
    "give_back",
    "make_route",
    "problems",
    "read_split",
]


def make_route(owner: Owner, traffic: GatewayAPITraffic, split: Mapping[str, int]) -> dict[str, Any]:
    """The HTTPRoute that Serin makes, for server-side apply: every request to the split's Services.

    All that the API server would fill in is written, so that desired and observed compare without false differences;
    no hostnames are an empty list, which takes old ones away.

    split: percent by Service, 0 included: a proxy knows the backend then before it gets a request.
    """
    spec: dict[str, Any] = {
        "parentRefs": [
            {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                **parent.to_dict(),
            }
            for parent in traffic.parent_refs or ()
        ],
        "hostnames": list(traffic.hostnames or ()),
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [
                    {"group": "", "kind": "Service", "name": name, "port": REVISION_PORT, "weight": weight}
                    for name, weight in sorted(split.items())
                ],
            }
        ],
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": owner.metadata(owner.name, {MODEL_LABEL: owner.name}),
        "spec": spec,
    }


def read_split(route: Mapping[str, Any], services: Collection[str]) -> dict[str, int] | None:
    """The split that a route has among the revisions' Services, in percent.

    services: some of ours; others of the same ModelDeployment are recognized by their names.
    None: none of ours is in it. Empty: its rules disagree, or the replaced backend is back in one of them.
    """
    ours = Ours.of(services)
    kept = (read_originals(route) or {}).get(ours.model)
    places = find_places(route, ours, kept.backend, kept.ports) if kept else find_places(route, ours)
    if not any(place.ours for place in places):
        return None
    carrying = [place for place in places if place.total > 0] or places
    splits = [_percent(place) for place in carrying]
    names = {frozenset(entry["name"] for entry in place.entries) for place in places}
    return splits[0] if len(names) == 1 and all(split == splits[0] for split in splits) else {}


def _percent(place: Place) -> dict[str, int]:
    weights = {entry["name"]: weight_of(entry) for entry in place.entries}
    return apportion(weights, 100) if place.total else weights
