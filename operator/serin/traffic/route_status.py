"""What the Gateways' controllers say of an HTTPRoute."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from serin.api.base import parse_time
from serin.traffic.acceptance import Acceptance, AcceptanceState

_TYPES = ("Accepted", "ResolvedRefs")


def acceptance(route: Mapping[str, Any]) -> Acceptance:
    """Whether every Gateway that the route names has accepted it at its present generation.

    It is refused only by a condition of this very generation that is False: an older one speaks of another route.
    """
    metadata = route["metadata"]
    parents = route["spec"].get("parentRefs") or []
    if not parents:
        return Acceptance(AcceptanceState.REFUSED, "it names no Gateway: add one to its spec.parentRefs")
    verdicts = [_of_parent(route, parent) for parent in parents]
    for state in (AcceptanceState.REFUSED, AcceptanceState.PENDING):
        found = next((verdict for verdict in verdicts if verdict.state is state), None)
        if found is not None:
            return found
    return Acceptance(AcceptanceState.ACCEPTED, f"accepted at generation {metadata.get('generation')}")


def accepted_at(route: Mapping[str, Any]) -> datetime | None:
    """By when a route that is accepted was accepted: when its status last changed, to the second, as the server notes.

    The server notes whole seconds, rounded down; so it was not later than a second after that.
    """
    writers = route["metadata"].get("managedFields") or ()
    times = [parse_time(writer["time"]) for writer in writers if writer.get("subresource") == "status"]
    return max(times) + timedelta(seconds=1) if times else None


def _of_parent(route: Mapping[str, Any], parent: Mapping[str, Any]) -> Acceptance:
    """What the controllers of one parent say. One that accepts is enough: another's status may be a leftover."""
    namespace = route["metadata"].get("namespace")
    name = f"Gateway {parent.get('namespace', namespace)}/{parent['name']}"
    told = [
        _of_controller(entry, route["metadata"].get("generation"), name)
        for entry in (route.get("status") or {}).get("parents") or []
        if _key(entry.get("parentRef") or {}, namespace) == _key(parent, namespace)
    ]
    for state in (AcceptanceState.ACCEPTED, AcceptanceState.REFUSED, AcceptanceState.PENDING):
        found = next((verdict for verdict in told if verdict.state is state), None)
        if found is not None:
            return found
    return Acceptance(AcceptanceState.PENDING, f"waiting for {name} to take it up")


def _of_controller(entry: Mapping[str, Any], generation: object, name: str) -> Acceptance:
    conditions = {
        condition["type"]: condition
        for condition in entry.get("conditions") or []
        if condition.get("observedGeneration") == generation
    }
    for kind in _TYPES:
        condition = conditions.get(kind)
        if condition is not None and condition.get("status") == "False":
            words = condition.get("message") or "no message"
            return Acceptance(AcceptanceState.REFUSED, f"{name} says {kind}=False, {condition.get('reason')}: {words}")
    if all(conditions.get(kind, {}).get("status") == "True" for kind in _TYPES):
        return Acceptance(AcceptanceState.ACCEPTED)
    return Acceptance(AcceptanceState.PENDING, f"waiting for {name} to accept it at generation {generation}")


def _key(parent: Mapping[str, Any], namespace: str | None) -> tuple[object, ...]:
    return (
        parent.get("group", "gateway.networking.k8s.io"),
        parent.get("kind", "Gateway"),
        parent.get("namespace", namespace),
        parent.get("name"),
        parent.get("sectionName"),
        parent.get("port"),
    )
