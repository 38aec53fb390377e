"""What a user's own route said before Serin, kept in an annotation of the route until it is given back.

And what Serin added to it, so that a rule of the user's is never taken for one of those.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from serin.api.children import revision_in
from serin.api.names import API_VERSION, KIND, ORIGINAL_BACKENDS_ANNOTATION
from serin.traffic.dialect import Dialect, Entry, Rule, backends_of, rules_of
from serin.traffic.routing import Audience


@dataclass(frozen=True)
class Original:
    """One entry of the user's whose place Serin took.

    rule: a digest of the rule without its backends, by which it is found after the user reordered the rules.
    index: the rule's index at the last edit, without the rules that Serin added.
    guessed: the user's own entry is not known; this one leads to the same backend.
    """

    rule: str
    index: int
    entry: Entry
    guessed: bool = False


@dataclass(frozen=True)
class Originals:
    """What one ModelDeployment replaced: which backend at which port, by which Services, and what stood there.

    added: digests of what the rules ask that Serin added for it. audiences: those that these rules are for.
    """

    backend: str
    port: int
    services: tuple[str, ...]
    places: tuple[Original, ...]
    added: tuple[str, ...] = ()
    audiences: tuple[Audience, ...] = ()

    def ports(self, dialect: Dialect) -> frozenset[int | None]:
        """The ports at which the backend stood."""
        return frozenset((self.port, *(dialect.port(place.entry) for place in self.places)))


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
    document = {name: _written(one) for name, one in kept.items() if one is not None}
    return json.dumps(document, sort_keys=True, separators=(",", ":")) if document else None


def annotation(route: Mapping[str, Any]) -> str | None:
    """The annotation's value as it is."""
    value = (route["metadata"].get("annotations") or {}).get(ORIGINAL_BACKENDS_ANNOTATION)
    return value if isinstance(value, str) else None


def maker_of(route: Mapping[str, Any]) -> str | None:
    """The ModelDeployment for which Serin made a route; None if it is a user's own."""
    references = route["metadata"].get("ownerReferences") or ()
    makers = (one for one in references if one.get("controller"))
    return next((one["name"] for one in makers if (one["apiVersion"], one["kind"]) == (API_VERSION, KIND)), None)


def added_by(dialect: Dialect, route: Mapping[str, Any]) -> dict[int, str]:
    """Which rules Serin added, by their index, and for which ModelDeployment.

    In a route that Serin made the last rule alone is for every request. In a user's own, the annotation tells; and as
    no user writes the Services of revisions, a rule that does not lead to one is no such rule, whatever it asks.
    """
    rules, maker = rules_of(dialect, route), maker_of(route)
    if maker is not None:
        return dict.fromkeys(range(len(rules) - 1), maker)
    added = {model: kept for model, kept in (read_originals(route) or {}).items() if kept.added}
    if not added:
        return {}
    namespace = route["metadata"].get("namespace")
    found = {}
    for index, rule in enumerate(rules):
        services = [dialect.service(entry, namespace) or "" for entry in backends_of(dialect, rule)]
        digest = digest_of(dialect.question(rule))
        for model, kept in added.items():
            if digest in kept.added and any(
                revision_in(model, service) or service in kept.services for service in services
            ):
                found[index] = model
    return found


def digest_of(document: object) -> str:
    """By what something is known again, whatever stands around it."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def described(dialect: Dialect, rule: Rule, index: int, entry: Entry, *, guessed: bool = False) -> Original:
    """An entry of a rule, with what the rule is found by again."""
    rest = {key: value for key, value in rule.items() if key != dialect.BACKENDS}
    return Original(rule=digest_of(rest), index=index, entry=entry, guessed=guessed)


def _read(document: Mapping[str, Any]) -> Originals:
    return Originals(
        backend=document["backend"],
        port=document["port"],
        services=tuple(document["services"]),
        places=tuple(Original(**place) for place in document["places"]),
        added=tuple(document.get("added") or ()),
        audiences=tuple(Audience(**audience) for audience in document.get("audiences") or ()),
    )


def _written(originals: Originals) -> dict[str, Any]:
    document = asdict(originals)
    return {key: value for key, value in document.items() if value or key not in {"added", "audiences"}}
