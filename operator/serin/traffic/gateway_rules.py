"""How the routes of the Gateway API spell what all routes say."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from serin.api.children import REVISION_PORT
from serin.traffic.acceptance import AcceptanceState
from serin.traffic.dialect import Answered, Condition, Cookie, Entry, Rule
from serin.traffic.route_status import acceptance
from serin.traffic.routing import Mirror

DEFAULT_WEIGHT = 1
"""What the API server writes where a user wrote no weight."""

_MOST_RULES = 16
_MOST_MATCHES = 128
"""Of all rules together; the API server wants fewer."""
_MOST_HEADERS = 16
"""Of one match."""
_WHOLE = 100


class HTTPRules:
    """The rules of an HTTPRoute."""

    KIND = "HTTPRoute"
    FIELD = "traffic.gatewayAPI.httpRoute"
    RULES = "rules"
    BACKENDS = "backendRefs"
    NAME = "name"
    MOST_BACKENDS = 16
    EVERY_REQUEST: Mapping[str, Any] = {"path": {"type": "PathPrefix", "value": "/"}}
    """The match of a rule that has none."""

    def is_pending(self, route: Mapping[str, Any]) -> bool:
        return acceptance(route).state is AcceptanceState.PENDING

    def service(self, entry: Entry, namespace: str | None) -> str | None:
        named = (
            (entry.get("group") or "") == ""
            and entry.get("kind", "Service") == "Service"
            and entry.get("namespace", namespace) == namespace
        )
        return entry["name"] if named else None

    def port(self, entry: Entry) -> int | None:
        return entry.get("port")

    def weight(self, entry: Entry, *, alone: bool) -> int:  # noqa: ARG002 - one that is alone needs a weight as well
        weight = entry.get("weight")
        return DEFAULT_WEIGHT if weight is None else int(weight)

    def weighted(self, entry: Entry, weight: int) -> dict[str, Any]:
        return {**entry, "weight": weight}

    def led_to(self, entry: Entry, service: str, port: int, weight: int) -> dict[str, Any]:
        return {**self.shape(entry), "name": service, "port": port, "weight": weight}

    def shape(self, entry: Entry) -> dict[str, Any]:
        defaults = {"group": "", "kind": "Service"}
        return {key: value for key, value in {**defaults, **entry}.items() if key not in {"name", "port", "weight"}}

    def answered(self, entry: Entry) -> Answered | None:
        return next((found for header in _added_headers(entry) if (found := _answered(header)) is not None), None)

    def with_answered(self, entry: Entry, answered: Answered | None) -> dict[str, Any]:
        others = [one for one in entry.get("filters") or () if one.get("type") != _RESPONSE]
        none: Mapping[str, Any] = {"type": _RESPONSE}
        ours = next((one for one in entry.get("filters") or () if one.get("type") == _RESPONSE), none)
        modifier = dict(ours.get(_MODIFIER) or {})
        headers = [header for header in modifier.pop("add", ()) if _answered(header) is None]
        if answered is not None:
            headers.append({"name": "Set-Cookie", "value": answered.header})
        if headers:
            modifier["add"] = headers
        # Where the user has such a filter it stays where it stands.
        filters = _replaced(entry.get("filters") or (), others, {**ours, _MODIFIER: modifier} if modifier else None)
        return _with_filters(entry, filters)

    def sets_cookies(self, entry: Entry) -> bool:
        return any(
            str(header["name"]).lower() == "set-cookie" and _answered(header) is None
            for header in _added_headers(entry)
        )

    def mirror(self, rule: Rule, ours: Container[str]) -> Mirror | None:
        for one in rule.get("filters") or ():
            if _is_mirror_to(one, ours):
                mirror = one["requestMirror"]
                return Mirror(mirror["backendRef"]["name"], int(mirror.get("percent", _WHOLE)))
        return None

    def with_mirror(self, rule: Rule, mirror: Mirror | None, ours: Container[str]) -> dict[str, Any]:
        filters = [one for one in rule.get("filters") or () if not _is_mirror_to(one, ours)]
        if mirror is not None:
            backend = {"group": "", "kind": "Service", "name": mirror.service, "port": REVISION_PORT}
            # All of the requests is what every version of the API means by none; percent is younger.
            percent = {"percent": mirror.percent} if mirror.percent != _WHOLE else {}
            filters.append({"type": _MIRROR, "requestMirror": {"backendRef": backend, **percent}})
        return _with_filters(rule, filters)

    def question(self, rule: Rule) -> object:
        return rule.get("matches") or [self.EVERY_REQUEST]

    def narrowed(self, rule: Rule, condition: Condition) -> dict[str, Any] | None:
        asked = [{"name": name, "type": "Exact", "value": value} for name, value in sorted(condition.headers.items())]
        if condition.cookie is not None:
            asked.append({"name": "cookie", "type": "RegularExpression", "value": condition.cookie.pattern})
        matches = []
        for match in rule.get("matches") or [self.EVERY_REQUEST]:
            headers = _both(match.get("headers") or (), asked)
            if headers is not None:
                matches.append({**match, "headers": headers})
        return {**rule, "matches": matches} if matches else None

    def condition(self, rule: Rule) -> Condition | None:
        headers: dict[str, str] = {}
        cookie = None
        for match in (rule.get("matches") or ())[:1]:
            for header in match.get("headers") or ():
                if header.get("type", "Exact") == "Exact":
                    headers[header["name"]] = header["value"]
                elif header["name"] == "cookie":
                    cookie = Cookie.in_pattern(header["value"])
        return Condition(headers, cookie) if headers or cookie else None

    def too_large(self, rules: Sequence[Rule]) -> str | None:
        if len(rules) > _MOST_RULES:
            return (
                f"with those that Serin adds it would have {len(rules)} rules of the {_MOST_RULES} that a route may "
                "have: move some to another route, or name fewer audiences"
            )
        matches = sum(len(rule.get("matches") or ()) for rule in rules)
        if matches >= _MOST_MATCHES:
            return (
                f"with those that Serin adds it would have {matches} matches, and a route must have fewer than "
                f"{_MOST_MATCHES}: move some to another route, or name fewer audiences"
            )
        return None


class GRPCRules(HTTPRules):
    """The rules of a GRPCRoute: methods in place of paths, and no cookies."""

    KIND = "GRPCRoute"
    FIELD = "traffic.gatewayAPI.grpcRoute"
    EVERY_REQUEST: Mapping[str, Any] = {}


_RESPONSE = "ResponseHeaderModifier"
_MODIFIER = "responseHeaderModifier"
_MIRROR = "RequestMirror"


def _added_headers(entry: Entry) -> list[Mapping[str, Any]]:
    """What a backend's filters add to its answers."""
    return [
        header
        for one in entry.get("filters") or ()
        if one.get("type") == _RESPONSE
        for header in (one.get(_MODIFIER) or {}).get("add") or ()
    ]


def _answered(header: Mapping[str, Any]) -> Answered | None:
    return Answered.in_header(header["value"]) if header["name"] == "Set-Cookie" else None


def _is_mirror_to(one: Mapping[str, Any], ours: Container[str]) -> bool:
    return one.get("type") == _MIRROR and (one.get("requestMirror") or {}).get("backendRef", {}).get("name") in ours


def _replaced(
    old: Iterable[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], new: Mapping[str, Any] | None
) -> list[Mapping[str, Any]]:
    """The filters with the response's in the place where it stood, else at the end."""
    position = next((number for number, one in enumerate(old) if one.get("type") == _RESPONSE), len(others))
    return [*others[:position], *([new] if new is not None else ()), *others[position:]]


def _with_filters(holder: Mapping[str, Any], filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if filters:
        return {**holder, "filters": list(filters)}
    return {key: value for key, value in holder.items() if key != "filters"}


def _both(has: Sequence[Mapping[str, Any]], asked: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]] | None:
    """The headers of a match with further ones; None if no request, or no match, can have both."""
    values = {header["name"].lower(): (header.get("type", "Exact"), header["value"]) for header in has}
    more = []
    for header in asked:
        known = values.get(header["name"])
        if known is None:
            more.append(header)
        elif known != (header["type"], header["value"]):
            return None
    both = [*has, *more]
    return both if len(both) <= _MOST_HEADERS else None
