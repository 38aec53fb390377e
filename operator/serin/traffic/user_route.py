"""The edits of a user's own route: taking a backend's place, and giving it back.

Lists are atomic in these kinds, so an edit is a JSON patch whose tests name the resourceVersion and each backend that
is replaced: it does nothing at all to a route that somebody changed meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serin.api.children import REVISION_PORT
from serin.api.names import ORIGINAL_BACKENDS_ANNOTATION
from serin.traffic.additions import dress, plain, with_rules
from serin.traffic.dialect import Dialect, Entry, Rule, backends_of, rules_of
from serin.traffic.matching import match, restored
from serin.traffic.originals import Original, Originals, added_by, read_originals, with_originals
from serin.traffic.places import Ours, Place, find_places
from serin.traffic.provider import JSONPatch
from serin.traffic.route_patch import patch
from serin.traffic.routing import Routing
from serin.traffic.split import apportion

WHOLE = 100
"""The weight of a place that is alone in its rule."""


@dataclass(frozen=True)
class Taking:
    """Whose place the revisions take: a Service, at the port `spec.service.port`."""

    backend: str
    port: int


def edit(dialect: Dialect, route: Mapping[str, Any], taking: Taking, routing: Routing) -> JSONPatch:
    """The next patch on the way to a routing at every place of a backend; empty if it is there, or not to go on yet.

    The Services take the backend's place with its filters and its weight; a backend that is alone in its rule
    has no weight to keep, and gets 100. What stood there is kept in an annotation. See `smooth` for the way.
    """
    ours = Ours.of(routing.split)
    kept = (read_originals(route) or {}).get(ours.model)
    bare = plain(dialect, route, ours).route
    places = find_places(dialect, bare, ours, taking.backend, (taking.port,))
    if not places:
        return []
    originals = match(dialect, bare, places, kept.places if kept else (), (taking.backend, taking.port))
    targets = [renewed(dialect, place, routing.split) for place in places]
    if not _may_go_on(dialect, route, places, targets):
        return []
    led = _led(dialect, route, ours)
    entries = [smooth(dialect, place, target, led) for place, target in zip(places, targets, strict=True)]
    known = set.intersection(*(set(place.services) for place in places))
    reachable = routing.within(known & led if dialect.is_pending(route) else known)
    dressed = dress(dialect, with_places(dialect, bare, places, entries), ours, reachable)
    written = Originals(
        taking.backend,
        taking.port,
        tuple(sorted(routing.split)),
        tuple(originals),
        dressed.added,
        reachable.audiences,
    )
    return patch(dialect, route, dressed.rules, with_originals(route, ours.model, written))


def give_back(dialect: Dialect, route: Mapping[str, Any], model: str, *, patient: bool = True) -> JSONPatch:
    """The next patch on the way back to what a route was before the ModelDeployment `model`; empty as in `edit`.

    It restores what can be restored; `cannot_give_back` tells the rest.

    patient: go the way on which no request is lost; otherwise all in one write, for a proxy that accepts nothing.
    """
    kept = (read_originals(route) or {}).get(model)
    if kept is None:
        return []
    ours = Ours(model, frozenset(kept.services))
    bare = plain(dialect, route, ours).route
    places, originals = _held(dialect, bare, ours, kept)
    targets = [[restored(dialect, original, place)] for original, place in zip(originals, places, strict=True)]
    if not patient:
        rules = rules_of(dialect, with_places(dialect, bare, places, targets))
        return patch(dialect, route, rules, with_originals(route, model, None))
    if not _may_go_on(dialect, route, places, targets):
        return []
    led = _led(dialect, route, ours)
    entries = [smooth(dialect, place, target, led) for place, target in zip(places, targets, strict=True)]
    # What stood there is forgotten in a write of its own, when it stands there again.
    done = not led and all(list(place.entries) == target for place, target in zip(places, targets, strict=True))
    rules = rules_of(dialect, with_places(dialect, bare, places, entries))
    left = None if done else replace(kept, added=(), audiences=())
    return patch(dialect, route, rules, with_originals(route, model, left))


def cannot_give_back(dialect: Dialect, route: Mapping[str, Any], model: str) -> str | None:
    """What `give_back` does not restore exactly, and what to do about it; None if all is well."""
    name, all_kept = name_of(dialect, route), read_originals(route)
    if all_kept is None or (model not in all_kept and find_places(dialect, route, Ours(model))):
        return (
            f"{name}: its annotation {ORIGINAL_BACKENDS_ANNOTATION} is missing or cannot be read, so its backends "
            "cannot be restored: write them yourself, and remove the annotation"
        )
    if model not in all_kept:
        return None
    ours = Ours(model, frozenset(all_kept[model].services))
    bare = plain(dialect, route, ours)
    places, originals = _held(dialect, bare.route, ours, all_kept[model])
    guessed = [
        str(bare.numbers[place.rule]) for place, original in zip(places, originals, strict=True) if original.guessed
    ]
    if not guessed:
        return None
    return (
        f"{name}: what stood in {dialect.RULES}[{', '.join(guessed)}] before Serin is not known, since the rule was "
        f"added or its annotation lost meanwhile: it leads to {all_kept[model].backend} now, check its weight and "
        "filters"
    )


def smooth(dialect: Dialect, place: Place, new: Sequence[Entry], led: Collection[str] = ()) -> list[Entry]:
    """The next entries on the way from what a place holds to others, on which no request finds nobody.

    A proxy learns of a backend and of its weight in two moments, and answers 503 between them. So newcomers stand at
    weight 0 first; then the weights move; then who lost its weight leaves. Each write waits until the one before was
    accepted (`_may_go_on`).

    led: Services to which added rules lead: they lose those first, too.
    """
    old = place.split
    names = [dialect.service(entry, place.namespace) or "" for entry in new]
    alone = place.alone and len(new) == 1
    weights = {name: dialect.weight(entry, alone=alone) for name, entry in zip(names, new, strict=True)}
    leaving = [(entry, name) for entry, name in zip(place.entries, place.services, strict=True) if name not in weights]
    if not weights.keys() <= old.keys():
        return [
            *(_at(dialect, entry, old[name]) for entry, name in leaving),
            *(_at(dialect, entry, old.get(name, 0)) for entry, name in zip(new, names, strict=True)),
        ]
    moved = any(old[name] != weight for name, weight in weights.items())
    if leaving and (moved or any(old[name] > 0 or name in led for _, name in leaving)):
        return [
            *(_at(dialect, entry, 0) for entry, _ in leaving),
            *(_at(dialect, entry, weights[name]) for entry, name in zip(new, names, strict=True)),
        ]
    return list(new)


def renewed(dialect: Dialect, place: Place, split: Mapping[str, int]) -> list[dict[str, Any]]:
    """What a place holds for a split in percent."""
    total = WHOLE if place.alone and place.total > 0 else place.total
    return [
        dialect.led_to(place.entries[0], name, REVISION_PORT, weight)
        for name, weight in sorted(apportion(split, total).items())
    ]


def with_places(
    dialect: Dialect, route: Mapping[str, Any], places: Sequence[Place], entries: Sequence[Sequence[Entry]]
) -> dict[str, Any]:
    """The route with other entries at its places."""
    rules: list[Rule] = list(rules_of(dialect, route))
    for place, new in reversed(list(zip(places, entries, strict=True))):
        backends = list(backends_of(dialect, rules[place.rule]))
        backends[place.start : place.start + len(place.entries)] = new
        rules[place.rule] = {**rules[place.rule], dialect.BACKENDS: backends}
    return with_rules(dialect, route, rules)


def name_of(dialect: Dialect, route: Mapping[str, Any]) -> str:
    """The route as messages call it."""
    metadata = route["metadata"]
    return f"{dialect.KIND} {metadata.get('namespace')}/{metadata['name']}"


def _at(dialect: Dialect, entry: Entry, weight: int) -> Entry:
    """The entry with a weight beside others: as it is, if that is what it says."""
    return entry if dialect.weight(entry, alone=False) == weight else dialect.weighted(entry, weight)


def _may_go_on(
    dialect: Dialect, route: Mapping[str, Any], places: Sequence[Place], targets: Sequence[Sequence[Entry]]
) -> bool:
    """Whether the write before was accepted; only backends that come or go have to wait for that."""
    changing = any(
        place.ours and set(place.services) != {dialect.service(entry, place.namespace) for entry in target}
        for place, target in zip(places, targets, strict=True)
    )
    return not changing or not dialect.is_pending(route)


def _led(dialect: Dialect, route: Mapping[str, Any], ours: Ours) -> set[str]:
    """Our Services to which rules lead that Serin added."""
    added, namespace = added_by(dialect, route), route["metadata"].get("namespace")
    rules = rules_of(dialect, route)
    return {
        service
        for number, model in added.items()
        if model == ours.model
        for entry in backends_of(dialect, rules[number])
        if (service := dialect.service(entry, namespace)) is not None and service in ours
    }


def _held(dialect: Dialect, bare: Mapping[str, Any], ours: Ours, kept: Originals) -> tuple[list[Place], list[Original]]:
    """The places that a ModelDeployment holds, and what stood there."""
    places = find_places(dialect, bare, ours, kept.backend, kept.ports(dialect))
    return places, match(dialect, bare, places, kept.places, (kept.backend, kept.port))
