"""What Serin adds to the rules in which it holds a place, and takes away again.

- An audience is a rule of its own: what the rule beside it asks, and the headers.
- Stickiness is a rule for each version, which asks for the cookie that names it; and the rule itself gives every
  answer such a cookie along.
- A mirror is a filter of the rule.

An added rule stands directly before the rule from which it is derived: so it is tried first both where the first match
decides (Istio) and where the most specific does (Gateway API, in which the order decides between equals).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from serin.api.children import REVISION_PORT, revision_in
from serin.traffic.dialect import Answered, Condition, Cookie, Dialect, Rule, backends_of, rules_of
from serin.traffic.originals import added_by, digest_of, maker_of, read_originals
from serin.traffic.places import Ours, Place, find_places
from serin.traffic.routing import Audience, Routing, Stickiness
from serin.traffic.split import apportion


@dataclass(frozen=True)
class Plain:
    """A route without what Serin added to it for one ModelDeployment.

    numbers: the index in the real route, of each rule.
    """

    route: Mapping[str, Any]
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Dressed:
    """Rules with what Serin adds. added: digests of what the added rules ask."""

    rules: list[Rule]
    added: tuple[str, ...]


def plain(dialect: Dialect, route: Mapping[str, Any], ours: Ours) -> Plain:
    """The route without rules, mirrors and cookies that Serin added for one ModelDeployment."""
    added = added_by(dialect, route)
    kept = {
        # A rule that was added for another ModelDeployment is that one's affair alone, or the two would never agree.
        number: rule if number in added else _undressed(dialect, rule, route, ours)
        for number, rule in enumerate(rules_of(dialect, route))
        if added.get(number) != ours.model
    }
    return Plain(with_rules(dialect, route, list(kept.values())), tuple(kept))


def dress(dialect: Dialect, route: Mapping[str, Any], ours: Ours, routing: Routing) -> Dressed:
    """The rules of a plain route with all that a routing asks for besides its split.

    A rule that nobody can meet is not added, nor one that asks what a rule of the user's own asks.
    """
    rules = rules_of(dialect, route)
    others, held = added_by(dialect, route), _held(dialect, route, ours)
    known = {digest_of(dialect.question(rule)) for rule in rules}
    dressed: list[tuple[Rule, str | None]] = []
    added: list[str] = []
    for number, rule in enumerate(rules):
        if number in held:
            new = [one for one in _derived(dialect, rule, held[number], ours, routing) if one[0] not in known]
            # Rules of other ModelDeployments may stand before the same rule: in the order of the names, whoever writes.
            start = len(dressed)
            while start > 0 and (dressed[start - 1][1] or "") > ours.model:
                start -= 1
            dressed[start:start] = [(derived, ours.model) for _, derived in new]
            added += [digest for digest, _ in new]
            rule = _decorated(dialect, rule, held[number], ours, routing)  # noqa: PLW2901 - it is the same rule
        dressed.append((rule, others.get(number)))
    return Dressed([rule for rule, _ in dressed], tuple(sorted(set(added))))


def undressable(dialect: Dialect, route: Mapping[str, Any], ours: Ours, routing: Routing) -> str | None:
    """Why a plain route cannot be dressed, and what to do; None if it can. It completes `HTTPRoute ml/api: `."""
    rules, held = rules_of(dialect, route), _held(dialect, route, ours)
    known = {digest_of(dialect.question(rule)): number for number, rule in enumerate(rules)}
    for number, places in held.items():
        for digest, _ in _derived(dialect, rules[number], places, ours, routing):
            if digest in known:
                return (
                    f"a rule of its own asks for the very requests that Serin would lead by an audience or a cookie "
                    f"(rule {known[digest] + 1}, beside rule {number + 1}): name another header or cookie, or remove it"
                )
        if routing.stickiness and any(dialect.sets_cookies(entry) for place in places for entry in place.entries):
            return (
                f"the backend in rule {number + 1} adds a Set-Cookie header of its own, so there is no place for the "
                "cookie of stickiness: add it to the rule's filters instead, or go without stickiness"
            )
    return dialect.too_large(dress(dialect, route, ours, routing).rules)


def make(dialect: Dialect, namespace: str, rule: Rule, routing: Routing) -> list[Rule]:
    """The rules of a route that Serin makes: `rule`, which divides by the weights, stands last."""
    route = {"metadata": {"namespace": namespace}, "spec": {dialect.RULES: [rule]}}
    return dress(dialect, route, Ours.of(routing.split), routing).rules


def read(dialect: Dialect, route: Mapping[str, Any], services: Collection[str]) -> Routing | None:
    """What a route says of the revisions' Services; None if none of them is in it.

    The split is empty if the rules disagree, in weights or in what was added to them, or if the replaced backend is
    back in one of them.
    """
    ours = Ours.of(services)
    kept = (read_originals(route) or {}).get(ours.model)
    bare = plain(dialect, route, ours)
    taken = (kept.backend, kept.ports(dialect)) if kept else ()
    places = find_places(dialect, bare.route, ours, *taken)
    if not any(place.ours for place in places):
        return None
    carrying = [place for place in places if place.total > 0] or places
    splits = [_percent(place) for place in carrying]
    names = {frozenset(place.services) for place in places}
    if len(names) > 1 or any(split != splits[0] for split in splits):
        return Routing({})
    found = _said(dialect, route, bare, carrying[0], ours)
    routing = replace(found, split=splits[0])
    return routing if dress(dialect, bare.route, ours, routing).rules == list(rules_of(dialect, route)) else Routing({})


def divided(dialect: Dialect, route: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Each Service of the route's namespace among which a rule divides its requests, and its weight."""
    namespace, added = route["metadata"].get("namespace"), added_by(dialect, route)
    for number, rule in enumerate(rules_of(dialect, route)):
        entries = backends_of(dialect, rule)
        for entry in entries:
            service = dialect.service(entry, namespace)
            if service is not None and number not in added:
                yield service, dialect.weight(entry, alone=len(entries) == 1)


def _said(dialect: Dialect, route: Mapping[str, Any], bare: Plain, place: Place, ours: Ours) -> Routing:
    """Audiences, mirror and stickiness, as one of the rules says them."""
    rule = rules_of(dialect, route)[bare.numbers[place.rule]]
    entries = backends_of(dialect, rule)[place.start : place.start + len(place.entries)]
    answered = next((found for entry in entries if (found := dialect.answered(entry)) is not None), None)
    return Routing(
        {},
        audiences=_audiences(dialect, route, ours),
        mirror=dialect.mirror(rule, ours),
        stickiness=Stickiness(answered.cookie.name, answered.max_age) if answered else None,
    )


def _percent(place: Place) -> dict[str, int]:
    return apportion(place.split, 100) if place.total else place.split


def with_rules(dialect: Dialect, route: Mapping[str, Any], rules: Sequence[Rule]) -> dict[str, Any]:
    """The route with other rules."""
    return {**route, "spec": {**(route.get("spec") or {}), dialect.RULES: list(rules)}}


def _undressed(dialect: Dialect, rule: Rule, route: Mapping[str, Any], ours: Ours) -> Rule:
    if not backends_of(dialect, rule):
        return rule
    namespace = route["metadata"].get("namespace")
    entries = [
        dialect.with_answered(entry, None) if _bears_cookie(dialect, entry, namespace, ours) else entry
        for entry in backends_of(dialect, rule)
    ]
    bare = dialect.with_mirror(rule, None, ours) if dialect.mirror(rule, ours) else dict(rule)
    return {**bare, dialect.BACKENDS: entries}


def _bears_cookie(dialect: Dialect, entry: Mapping[str, Any], namespace: str | None, ours: Ours) -> bool:
    service, answered = dialect.service(entry, namespace), dialect.answered(entry)
    return service is not None and answered is not None and answered.cookie.value == _value(ours, service)


def _held(dialect: Dialect, route: Mapping[str, Any], ours: Ours) -> dict[int, list[Place]]:
    """The places through which requests come, by their rule."""
    held: dict[int, list[Place]] = {}
    for place in find_places(dialect, route, ours):
        if place.ours and place.total > 0:
            held.setdefault(place.rule, []).append(place)
    return held


def _derived(
    dialect: Dialect, rule: Rule, places: Sequence[Place], ours: Ours, routing: Routing
) -> Iterator[tuple[str, Rule]]:
    """The rules that stand before one, with the digests of what they ask."""
    for audience in routing.audiences:
        place = places[0]
        entry = dialect.led_to(place.entries[0], audience.service, REVISION_PORT, place.total)
        yield from _narrowed(dialect, rule, Condition(headers=audience.headers), [entry])
    for service in _sticky(routing):
        entries = list(backends_of(dialect, rule))
        for place in reversed(places):
            # What other backends get beside ours is their user's decision.
            stop = place.start + len(place.entries)
            entries[place.start : stop] = [dialect.led_to(place.entries[0], service, REVISION_PORT, place.total)]
        yield from _narrowed(dialect, rule, Condition(cookie=_cookie(routing, ours, service)), entries)


def _narrowed(
    dialect: Dialect, rule: Rule, condition: Condition, entries: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Rule]]:
    narrowed = dialect.narrowed(rule, condition)
    if narrowed is not None:
        yield digest_of(dialect.question(narrowed)), {**narrowed, dialect.BACKENDS: list(entries)}


def _decorated(dialect: Dialect, rule: Rule, places: Sequence[Place], ours: Ours, routing: Routing) -> Rule:
    """The rule with the mirror, and with cookies in the answers of our entries."""
    entries = list(backends_of(dialect, rule))
    if routing.stickiness is not None:
        for place in places:
            for offset, (entry, service) in enumerate(zip(place.entries, place.services, strict=True)):
                if service in ours:
                    answered = Answered(_cookie(routing, ours, service), routing.stickiness.max_age)
                    entries[place.start + offset] = dialect.with_answered(entry, answered)
    decorated = {**rule, dialect.BACKENDS: entries}
    return dialect.with_mirror(decorated, routing.mirror, ours) if routing.mirror is not None else decorated


def _sticky(routing: Routing) -> list[str]:
    """The Services to which users may be bound."""
    return [service for service, weight in sorted(routing.split.items()) if weight > 0 and routing.stickiness]


def _cookie(routing: Routing, ours: Ours, service: str) -> Cookie:
    name = routing.stickiness.cookie if routing.stickiness else ""
    return Cookie(name, _value(ours, service))


def _value(ours: Ours, service: str) -> str:
    """What names a version to a user's client."""
    return revision_in(ours.model, service) or service


def _audiences(dialect: Dialect, route: Mapping[str, Any], ours: Ours) -> tuple[Audience, ...]:
    """In a user's own route the annotation tells them, since a rule there may ask for headers of its own."""
    kept = (read_originals(route) or {}).get(ours.model)
    if kept is not None:
        return kept.audiences
    if maker_of(route) is None:
        return ()
    namespace = route["metadata"].get("namespace")
    found: list[Audience] = []
    for rule in rules_of(dialect, route)[:-1]:
        condition = dialect.condition(rule)
        services = [dialect.service(entry, namespace) for entry in backends_of(dialect, rule)]
        if condition is not None and condition.headers and services[0] is not None:
            found.append(Audience(services[0], condition.headers))
    return tuple(found)
