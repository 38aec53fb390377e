"""How a VirtualService spells what all routes say."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from serin.api.children import REVISION_PORT
from serin.traffic.dialect import Answered, Condition, Cookie, Entry, Rule
from serin.traffic.routing import Mirror

_WHOLE = 100
_SET_COOKIE = "Set-Cookie"


class VirtualServiceRules:
    """The HTTP routes of a VirtualService: the first that matches a request carries it."""

    KIND = "VirtualService"
    FIELD = "traffic.istio.virtualService"
    RULES = "http"
    BACKENDS = "route"
    NAME = "destination/host"
    MOST_BACKENDS = 1000

    def is_pending(self, route: Mapping[str, Any]) -> bool:  # noqa: ARG002 - as every dialect has it
        """Nobody tells, and istiod tells the proxies of clusters before it tells them of routes."""
        return False

    def service(self, entry: Entry, namespace: str | None) -> str | None:
        """A short name is one of the VirtualService's namespace. A subset is chosen by labels that are not ours."""
        destination = entry.get("destination") or {}
        name, _, rest = str(destination.get("host", "")).partition(".")
        if "subset" in destination or (rest and not f"{rest}.".startswith(f"{namespace}.svc.")):
            return None
        return name

    def port(self, entry: Entry) -> int | None:
        return ((entry.get("destination") or {}).get("port") or {}).get("number")

    def weight(self, entry: Entry, *, alone: bool) -> int:
        """One that is alone gets every request, whatever it says; beside others none is 0."""
        return _WHOLE if alone else int(entry.get("weight") or 0)

    def weighted(self, entry: Entry, weight: int) -> dict[str, Any]:
        return {**entry, "weight": weight}

    def led_to(self, entry: Entry, service: str, port: int, weight: int) -> dict[str, Any]:
        return {**self.shape(entry), "destination": _destination(service, port), "weight": weight}

    def shape(self, entry: Entry) -> dict[str, Any]:
        return {key: value for key, value in entry.items() if key not in {"destination", "weight"}}

    def answered(self, entry: Entry) -> Answered | None:
        header = _response(entry).get("add", {}).get(_SET_COOKIE)
        return Answered.in_header(header) if header is not None else None

    def with_answered(self, entry: Entry, answered: Answered | None) -> dict[str, Any]:
        response = dict(_response(entry))
        added = dict(response.pop("add", {}))
        if self.answered(entry) is not None:
            del added[_SET_COOKIE]
        if answered is not None:
            added[_SET_COOKIE] = answered.header
        response |= {"add": added} if added else {}
        headers = {key: value for key, value in (entry.get("headers") or {}).items() if key != "response"}
        headers |= {"response": response} if response else {}
        others = {key: value for key, value in entry.items() if key != "headers"}
        return others | ({"headers": headers} if headers else {})

    def sets_cookies(self, entry: Entry) -> bool:
        names = [name for way in ("add", "set") for name in _response(entry).get(way) or {}]
        return any(name.lower() == _SET_COOKIE.lower() for name in names) and self.answered(entry) is None

    def mirror(self, rule: Rule, ours: Container[str]) -> Mirror | None:
        for one in rule.get("mirrors") or ():
            if one["destination"]["host"] in ours:
                return Mirror(one["destination"]["host"], int((one.get("percentage") or {}).get("value", _WHOLE)))
        return None

    def with_mirror(self, rule: Rule, mirror: Mirror | None, ours: Container[str]) -> dict[str, Any]:
        mirrors = [one for one in rule.get("mirrors") or () if one["destination"]["host"] not in ours]
        if mirror is not None:
            destination = _destination(mirror.service, REVISION_PORT)
            mirrors.append({"destination": destination, "percentage": {"value": mirror.percent}})
        others = {key: value for key, value in rule.items() if key != "mirrors"}
        return others | ({"mirrors": mirrors} if mirrors else {})

    def question(self, rule: Rule) -> object:
        return rule.get("match") or [{}]

    def narrowed(self, rule: Rule, condition: Condition) -> dict[str, Any] | None:
        """It bears no name: that is its user's rule's."""
        asked: dict[str, Any] = {name: {"exact": value} for name, value in sorted(condition.headers.items())}
        if condition.cookie is not None:
            asked["cookie"] = {"regex": condition.cookie.pattern}
        matches = []
        for match in rule.get("match") or [{}]:
            headers = match.get("headers") or {}
            if all(headers.get(name, value) == value for name, value in asked.items()):
                matches.append({**match, "headers": {**headers, **asked}})
        others = {key: value for key, value in rule.items() if key != "name"}
        return {**others, "match": matches} if matches else None

    def condition(self, rule: Rule) -> Condition | None:
        headers: dict[str, str] = {}
        cookie = None
        for name, asked in ((rule.get("match") or [{}])[0].get("headers") or {}).items():
            if "exact" in asked:
                headers[name] = asked["exact"]
            elif name == "cookie" and "regex" in asked:
                cookie = Cookie.in_pattern(asked["regex"])
        return Condition(headers, cookie) if headers or cookie else None

    def too_large(self, rules: Sequence[Rule]) -> str | None:
        """An HTTP route has `mirror` or `mirrors`; Serin writes the latter."""
        if any("mirror" in rule and "mirrors" in rule for rule in rules):
            return "an HTTP route has a mirror of its own in the field mirror: write it as an entry of mirrors"
        return None


def _destination(service: str, port: int) -> dict[str, Any]:
    return {"host": service, "port": {"number": port}}


def _response(entry: Entry) -> Mapping[str, Any]:
    return (entry.get("headers") or {}).get("response") or {}
