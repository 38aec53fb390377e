"""What a user's own route said before Serin, kept in an annotation of the route until it is given back."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serin.api.names import ORIGINAL_BACKENDS_ANNOTATION
from serin.traffic.places import DEFAULT_WEIGHT, Place, rules_of, weight_of


@dataclass(frozen=True)
class Original:
    """One entry of the user's whose place Serin took.

    rule: a digest of the rule without its backends, by which it is found after the user reordered the rules.
    index: the rule's index at the last edit.
    guessed: the user's own entry is not known; this one leads to the same backend.
    """

    rule: str
    index: int
    entry: Mapping[str, Any]
    guessed: bool = False


@dataclass(frozen=True)
class Originals:
    """What one ModelDeployment replaced: which backend at which port, by which Services, and what stood there."""

    backend: str
    port: int
    services: tuple[str, ...]
    places: tuple[Original, ...]

    @property
    def ports(self) -> frozenset[int | None]:
        """The ports at which the backend stood."""
        return frozenset((self.port, *(place.entry.get("port") for place in self.places)))


def read_originals(route: Mapping[str, Any]) -> dict[str, Originals] | None:
    """The originals that a route bears, by the name of the ModelDeployment; None if they cannot be read."""
    text = annotation(route)
    if text is None:
        return {}
    try:
        return {model: _read(kept) for model, kept in json.loads(text).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def with_originals(route: Mapping[str, Any], model: str, originals: Originals | None) -> str | None:
    """The annotation's value with one ModelDeployment's originals, or without them; None if it is empty then."""
    kept = {**(read_originals(route) or {}), model: originals}
    document = {
        name: {**vars(one), "places": [vars(place) for place in one.places]}
        for name, one in kept.items()
        if one is not None
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")) if document else None


def _read(document: Mapping[str, Any]) -> Originals:
    return Originals(
        backend=document["backend"],
        port=document["port"],
        services=tuple(document["services"]),
        places=tuple(Original(**place) for place in document["places"]),
    )


def annotation(route: Mapping[str, Any]) -> str | None:
    """The annotation's value as it is."""
    value = (route["metadata"].get("annotations") or {}).get(ORIGINAL_BACKENDS_ANNOTATION)
    return value if isinstance(value, str) else None


def match(
    route: Mapping[str, Any], places: Sequence[Place], kept: Sequence[Original], fallback: Mapping[str, Any]
) -> list[Original]:
    """The original of each place.

    A place that the user still holds is its own original. Ours are found by content first, since a user may have
    reordered, added and removed rules: the same rule and shape, then weaker likenesses. Where nothing fits, the
    original is guessed from `fallback`, the entry that leads to the replaced backend.
    """
    found: dict[int, Original] = {}
    unused = list(kept)
    for likeness in _LIKENESSES:
        for number, place in enumerate(places):
            if not place.ours or number in found:
                continue
            wanted = likeness(_described(route, place, place.entries[0]))
            fitting = next((one for one in unused if likeness(one) == wanted), None)
            if fitting is not None:
                unused.remove(fitting)
                found[number] = fitting
    return [
        _described(route, place, found[number].entry, guessed=found[number].guessed)
        if number in found
        else _unmatched(route, place, fallback)
        for number, place in enumerate(places)
    ]


def _unmatched(route: Mapping[str, Any], place: Place, fallback: Mapping[str, Any]) -> Original:
    if not place.ours:
        return _described(route, place, place.entries[0])
    weight = DEFAULT_WEIGHT if place.alone else place.total
    return _described(route, place, {**place.shape, **fallback, "weight": weight}, guessed=True)


def _described(route: Mapping[str, Any], place: Place, entry: Mapping[str, Any], *, guessed: bool = False) -> Original:
    rule = {key: value for key, value in rules_of(route)[place.rule].items() if key != "backendRefs"}
    return Original(
        rule=hashlib.sha256(json.dumps(rule, sort_keys=True).encode()).hexdigest()[:16],
        index=place.rule,
        entry=entry,
        guessed=guessed,
    )


def _shape(original: Original) -> dict[str, Any]:
    return Place(0, 0, (original.entry,), ours=False, alone=False).shape


_LIKENESSES: tuple[Callable[[Original], object], ...] = (
    lambda one: (one.rule, _shape(one)),
    lambda one: (one.index, _shape(one)),
    _shape,
    lambda one: one.rule,
    lambda one: one.index,
)


def restored(original: Original, place: Place) -> dict[str, Any]:
    """The user's entry as it comes back to a place.

    The weight is the user's. If they changed the place's weight beside other backends meanwhile, that is newer.
    """
    entry = dict(original.entry)
    if not place.alone and place.total != weight_of(entry):
        entry["weight"] = place.total
    return entry
