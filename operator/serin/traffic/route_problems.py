"""Why a ModelDeployment cannot take a backend's place in a user's own route, and what to do about it."""

from collections.abc import Mapping
from typing import Any

from serin.traffic.additions import Plain, plain, undressable
from serin.traffic.dialect import Dialect, backends_of, rules_of
from serin.traffic.originals import read_originals
from serin.traffic.places import Ours, Place, find_places
from serin.traffic.routing import Routing
from serin.traffic.user_route import WHOLE, Taking, name_of, renewed, with_places

_NEEDED = 3
"""For a moment the user's own backend and two versions stand side by side."""


def problems(dialect: Dialect, route: Mapping[str, Any], taking: Taking, model: str, routing: Routing) -> str | None:
    """Why the revisions of `model` cannot take the place, or a routing not be written there; None if they can."""
    all_kept = read_originals(route) or {}
    ours = Ours(model, frozenset(all_kept[model].services if model in all_kept else ()))
    bare = plain(dialect, route, ours)
    places = find_places(dialect, bare.route, ours, taking.backend, (taking.port,))
    told = (
        _unusable(dialect, bare, places, taking.backend) or _undressable(dialect, bare, places, routing)
        if places
        else _no_place(dialect, route, taking, model)
    )
    return f"{name_of(dialect, route)}: {told}" if told else None


def _unusable(dialect: Dialect, bare: Plain, places: list[Place], backend: str) -> str | None:
    coarse = next((place for place in places if not place.alone and 0 < place.total < WHOLE), None)
    if coarse is not None:
        return (
            f"{_rule(dialect, bare, coarse)} gives {backend} the weight {coarse.total} beside other backends, which is "
            f"too coarse to be split: multiply the weights of the rule so that {backend} has at least {WHOLE}"
        )
    for place in places:
        count = len(backends_of(dialect, rules_of(dialect, bare.route)[place.rule]))
        if not place.ours and count - 1 + _NEEDED > dialect.MOST_BACKENDS:
            return (
                f"{_rule(dialect, bare, place)} has {count} backends of the {dialect.MOST_BACKENDS} that a rule may "
                "have, so there is no room for a second version: move some to another rule"
            )
    if all(place.total == 0 for place in places):
        return f"every rule gives {backend} the weight 0, so no request reaches it: give it a weight"
    return None


def _undressable(dialect: Dialect, bare: Plain, places: list[Place], routing: Routing) -> str | None:
    """The routing as it shall stand there at the end."""
    entries = [renewed(dialect, place, routing.split) for place in places]
    return undressable(dialect, with_places(dialect, bare.route, places, entries), Ours.of(routing.split), routing)


def _no_place(dialect: Dialect, route: Mapping[str, Any], taking: Taking, model: str) -> str:
    backend, namespace = taking.backend, route["metadata"].get("namespace")
    for other, kept in (read_originals(route) or {}).items():
        if other != model and kept.backend == backend:
            return (
                f"the ModelDeployment {other} has taken the place of the backend {backend}: name another Service "
                f"in spec.{dialect.FIELD}.backend"
            )
    ports = sorted(
        {
            str(dialect.port(entry))
            for rule in rules_of(dialect, route)
            for entry in backends_of(dialect, rule)
            if dialect.service(entry, namespace) == backend
        }
    )
    if ports:
        return (
            f"it reaches the backend {backend} at port {', '.join(ports)}, but spec.service.port is "
            f"{taking.port}: write the same port in both"
        )
    return (
        f"no rule has the backend {backend}: add it to the {dialect.BACKENDS} of a rule with port {taking.port}, or "
        f"name another Service in spec.{dialect.FIELD}.backend"
    )


def _rule(dialect: Dialect, bare: Plain, place: Place) -> str:
    return f"{dialect.RULES}[{bare.numbers[place.rule]}]"
