"""Which place of a user's own route had which entry before Serin took it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from serin.traffic.dialect import Dialect, rules_of
from serin.traffic.originals import Original, described
from serin.traffic.places import Place

_ALONE = 1
"""The weight of a guessed entry that shares its rule with no other: what an API server writes where none was given."""


def match(
    dialect: Dialect,
    route: Mapping[str, Any],
    places: Sequence[Place],
    kept: Sequence[Original],
    fallback: tuple[str, int],
) -> list[Original]:
    """The original of each place.

    A place that the user still holds is its own original. Ours are found by content first, since a user may have
    reordered, added and removed rules: the same rule and shape, then weaker likenesses. Where nothing fits, the
    original is guessed: it leads to `fallback`, the replaced backend and its port.
    """
    rules = rules_of(dialect, route)
    found: dict[int, Original] = {}
    unused = list(kept)
    for likeness in _likenesses(dialect):
        for number, place in enumerate(places):
            if not place.ours or number in found:
                continue
            wanted = likeness(described(dialect, rules[place.rule], place.rule, place.entries[0]))
            fitting = next((one for one in unused if likeness(one) == wanted), None)
            if fitting is not None:
                unused.remove(fitting)
                found[number] = fitting
    return [
        described(dialect, rules[place.rule], place.rule, found[number].entry, guessed=found[number].guessed)
        if number in found
        else _unmatched(dialect, route, place, fallback)
        for number, place in enumerate(places)
    ]


def restored(dialect: Dialect, original: Original, place: Place) -> dict[str, Any]:
    """The user's entry as it comes back to a place.

    The weight is the user's. If they changed the place's weight beside other backends meanwhile, that is newer.
    """
    entry = dict(original.entry)
    if not place.alone and place.total != dialect.weight(entry, alone=False):
        return dialect.weighted(entry, place.total)
    return entry


def _unmatched(dialect: Dialect, route: Mapping[str, Any], place: Place, fallback: tuple[str, int]) -> Original:
    rule, entry = rules_of(dialect, route)[place.rule], place.entries[0]
    if not place.ours:
        return described(dialect, rule, place.rule, entry)
    service, port = fallback
    guess = dialect.led_to(entry, service, port, _ALONE if place.alone else place.total)
    return described(dialect, rule, place.rule, guess, guessed=True)


def _likenesses(dialect: Dialect) -> tuple[Callable[[Original], object], ...]:
    return (
        lambda one: (one.rule, dialect.shape(one.entry)),
        lambda one: (one.index, dialect.shape(one.entry)),
        lambda one: dialect.shape(one.entry),
        lambda one: one.rule,
        lambda one: one.index,
    )
