"""The edits of a user's own HTTPRoute: taking a backend's place, and giving it back.

Lists are atomic in this kind, so an edit is a JSON patch whose tests name the resourceVersion and each backend that is
replaced: it does nothing at all to a route that somebody changed meanwhile.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from serin.api.children import REVISION_PORT
from serin.api.names import ORIGINAL_BACKENDS_ANNOTATION
from serin.traffic.acceptance import AcceptanceState
from serin.traffic.originals import Original, Originals, match, read_originals, restored, with_originals
from serin.traffic.places import Ours, Place, find_places, is_service, rules_of, weight_of
from serin.traffic.provider import JSONPatch
from serin.traffic.route_status import acceptance
from serin.traffic.split import apportion

_WHOLE = 100
_MOST_BACKENDS = 16
"""Of one rule, as the API has it."""
_NEEDED = 3
"""For a moment the user's own backend and two versions stand side by side."""


def edit_split(route: Mapping[str, Any], backend: str, services: Mapping[str, int], port: int) -> JSONPatch:
    """The next patch on the way to a split at every place of `backend`; empty if it is there, or not to go on yet.

    The Services take the backend's place with its filters and its weight; a backend that is alone in its rule
    has no weight to keep, and gets 100. What stood there is kept in an annotation. See `smooth` for the way.

    services: the split in percent by Service, 0 included. port: `spec.service.port`, at which the backend stands.
    """
    ours = Ours.of(services)
    kept = (read_originals(route) or {}).get(ours.model)
    places = find_places(route, ours, backend, (port,))
    if not places:
        return []
    originals = match(route, places, kept.places if kept else (), {"name": backend, "port": port})
    written = Originals(backend, port, tuple(sorted(services)), tuple(originals))
    renewed = [_renewed(place, services) for place in places]
    if not _may_go_on(route, places, renewed):
        return []
    entries = [smooth(place.entries, target) for place, target in zip(places, renewed, strict=True)]
    return _patch(route, places, entries, with_originals(route, ours.model, written))


def give_back(route: Mapping[str, Any], model: str, *, patient: bool = True) -> JSONPatch:
    """The next patch on the way back to what a route was before the ModelDeployment `model`; empty as in `edit_split`.

    It restores what can be restored; `cannot_give_back` tells the rest.

    patient: go the way on which no request is lost; otherwise all in one write, for a Gateway that accepts nothing.
    """
    kept = (read_originals(route) or {}).get(model)
    if kept is None:
        return []
    places, originals = _held(route, model, kept)
    targets = [[restored(original, place)] for original, place in zip(originals, places, strict=True)]
    if not patient:
        return _patch(route, places, targets, with_originals(route, model, None))
    if not _may_go_on(route, places, targets):
        return []
    entries = [smooth(place.entries, target) for place, target in zip(places, targets, strict=True)]
    # What stood there is forgotten in a write of its own, when it stands there again.
    done = all(list(place.entries) == target for place, target in zip(places, targets, strict=True))
    return _patch(route, places, entries, with_originals(route, model, None if done else kept))


def smooth(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The next entries on the way from some backends to others, on which no request finds none.

    A proxy learns of a backend and of its weight in two moments, and answers 503 between them. So newcomers stand at
    weight 0 first; then the weights move; then who lost its weight leaves. Each write waits until the one before was
    accepted (`_may_go_on`).
    """
    weights = {entry["name"]: weight_of(entry) for entry in old}
    names = {entry["name"] for entry in new}
    leaving = [entry for entry in old if entry["name"] not in names]
    if not names <= weights.keys():
        return [*leaving, *({**entry, "weight": weights.get(entry["name"], 0)} for entry in new)]
    moved = any(weights[entry["name"]] != weight_of(entry) for entry in new)
    if leaving and (moved or any(weight_of(entry) > 0 for entry in leaving)):
        return [*({**entry, "weight": 0} for entry in leaving), *new]
    return list(new)


def _may_go_on(
    route: Mapping[str, Any], places: Sequence[Place], targets: Sequence[Sequence[Mapping[str, Any]]]
) -> bool:
    """Whether the write before was accepted; only backends that come or go have to wait for that."""
    changing = any(
        place.ours and {entry["name"] for entry in place.entries} != {entry["name"] for entry in target}
        for place, target in zip(places, targets, strict=True)
    )
    return not changing or acceptance(route).state is not AcceptanceState.PENDING


def cannot_give_back(route: Mapping[str, Any], model: str) -> str | None:
    """What `give_back` does not restore exactly, and what to do about it; None if all is well."""
    name, all_kept = _name(route), read_originals(route)
    if all_kept is None or (model not in all_kept and find_places(route, Ours(model))):
        return (
            f"{name}: its annotation {ORIGINAL_BACKENDS_ANNOTATION} is missing or cannot be read, so its backends "
            "cannot be restored: write them yourself, and remove the annotation"
        )
    if model not in all_kept:
        return None
    places, originals = _held(route, model, all_kept[model])
    guessed = [str(place.rule) for place, original in zip(places, originals, strict=True) if original.guessed]
    if not guessed:
        return None
    return (
        f"{name}: what stood in rules[{', '.join(guessed)}] before Serin is not known, since the rule was added or its "
        f"annotation lost meanwhile: it leads to {all_kept[model].backend} now, check its weight and filters"
    )


def problems(route: Mapping[str, Any], backend: str, port: int, model: str) -> str | None:
    """Why a ModelDeployment cannot take a backend's place in a user's own route, and what to do; None if it can."""
    all_kept = read_originals(route) or {}
    places = find_places(
        route, Ours(model, frozenset(all_kept[model].services if model in all_kept else ())), backend, (port,)
    )
    name = _name(route)
    rival = next((other for other, kept in all_kept.items() if other != model and kept.backend == backend), None)
    if not places and rival is not None:
        return (
            f"{name}: the ModelDeployment {rival} has taken the place of the backend {backend}: name another Service "
            "in spec.traffic.gatewayAPI.httpRoute.backend"
        )
    if not places:
        return _no_place(route, backend, port)
    coarse = next((place for place in places if not place.alone and 0 < place.total < _WHOLE), None)
    if coarse is not None:
        return (
            f"{name}: rules[{coarse.rule}] gives {backend} the weight {coarse.total} beside other backends, which is "
            f"too coarse to be split: multiply the weights of the rule so that {backend} has at least {_WHOLE}"
        )
    full = next(
        (place for place in places if not place.ours and _backends(route, place) - 1 + _NEEDED > _MOST_BACKENDS), None
    )
    if full is not None:
        return (
            f"{name}: rules[{full.rule}] has {_backends(route, full)} backends of the {_MOST_BACKENDS} that a rule may "
            "have, so there is no room for a second version: move some to another rule"
        )
    if all(place.total == 0 for place in places):
        return f"{name}: every rule gives {backend} the weight 0, so no request reaches it: give it a weight"
    return None


def _backends(route: Mapping[str, Any], place: Place) -> int:
    return len(rules_of(route)[place.rule]["backendRefs"])


def _no_place(route: Mapping[str, Any], backend: str, port: int) -> str:
    namespace = route["metadata"].get("namespace")
    ports = sorted(
        {
            str(entry.get("port"))
            for rule in rules_of(route)
            for entry in rule.get("backendRefs") or []
            if is_service(entry, namespace) and entry["name"] == backend
        }
    )
    if ports:
        return (
            f"{_name(route)}: it reaches the backend {backend} at port {', '.join(ports)}, but spec.service.port is "
            f"{port}: write the same port in both"
        )
    return (
        f"{_name(route)}: no rule has the backend {backend}: add it to the backendRefs of a rule with port {port}, or "
        "name another Service in spec.traffic.gatewayAPI.httpRoute.backend"
    )


def _held(route: Mapping[str, Any], model: str, kept: Originals) -> tuple[list[Place], list[Original]]:
    """The places that a ModelDeployment holds, and what stood there."""
    places = find_places(route, Ours(model, frozenset(kept.services)), kept.backend, kept.ports)
    return places, match(route, places, kept.places, {"name": kept.backend, "port": kept.port})


def _renewed(place: Place, services: Mapping[str, int]) -> list[dict[str, Any]]:
    total = _WHOLE if place.alone and place.total > 0 else place.total
    weights = apportion(services, total)
    return [
        {**place.shape, "name": name, "port": REVISION_PORT, "weight": weight}
        for name, weight in sorted(weights.items())
    ]


def _patch(
    route: Mapping[str, Any],
    places: Sequence[Place],
    entries: Sequence[Sequence[Mapping[str, Any]]],
    value: str | None,
) -> JSONPatch:
    """Put `entries` at `places`, and `value` into the annotation (None removes it)."""
    tests: JSONPatch = []
    writes: JSONPatch = []
    for number in sorted({place.rule for place in places}):
        path = f"/spec/rules/{number}/backendRefs"
        here = [(place, new) for place, new in zip(places, entries, strict=True) if place.rule == number]
        old = list(rules_of(route)[number]["backendRefs"])
        new = list(old)
        for place, replacement in reversed(here):
            new[place.start : place.start + len(place.entries)] = replacement
        if new == old:
            continue
        tests += [
            {"op": "test", "path": f"{path}/{place.start + offset}/name", "value": entry["name"]}
            for place, _ in here
            for offset, entry in enumerate(place.entries)
        ]
        writes.append({"op": "replace", "path": path, "value": new})
    writes += _annotate(route, value)
    if not writes:
        return []
    version = route["metadata"]["resourceVersion"]
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}, *tests, *writes]


def _annotate(route: Mapping[str, Any], value: str | None) -> JSONPatch:
    annotations = route["metadata"].get("annotations") or {}
    path = "/metadata/annotations"
    key = f"{path}/{ORIGINAL_BACKENDS_ANNOTATION.replace('~', '~0').replace('/', '~1')}"
    if annotations.get(ORIGINAL_BACKENDS_ANNOTATION) == value:
        return []
    if value is None:
        return [{"op": "remove", "path": path if len(annotations) == 1 else key}]
    if not annotations:
        return [{"op": "add", "path": path, "value": {ORIGINAL_BACKENDS_ANNOTATION: value}}]
    return [{"op": "add", "path": key, "value": value}]


def _name(route: Mapping[str, Any]) -> str:
    metadata = route["metadata"]
    return f"HTTPRoute {metadata.get('namespace')}/{metadata['name']}"
