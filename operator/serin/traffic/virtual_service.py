"""The HTTP routes of a VirtualService: those that a routing needs beside one of the user's, or of Serin's own.

A routing is one HTTP route over the revisions' Services, and before it one for each audience and for each version
with sticky users: the first route that matches a request carries it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any

from serin.api.children import REVISION_PORT, revision_in
from serin.traffic.routing import Audience, Mirror, Routing, Stickiness

HTTPRoute = Mapping[str, Any]
"""An entry of `spec.http`."""

_COOKIE = "cookie"
_SET_COOKIE = "Set-Cookie"


def render(model: str, base: HTTPRoute, routing: Routing) -> list[dict[str, Any]]:
    """The HTTP routes that carry the requests of `base` as the routing says; the last of them is `base` itself.

    base: an HTTP route without a destination. Whatever else it says (matches, timeouts, retries, a rewrite) holds in
        all of them.
    """
    return [
        *(
            {
                **_matching(base, audience.headers, "exact"),
                "name": f"{prefix(model)}audience-{number}",
                "route": [_destination(audience.service)],
            }
            for number, audience in enumerate(routing.audiences)
        ),
        *_sticky(model, base, routing),
        {
            **base,
            "route": [
                {**_destination(service), "weight": weight, **_cookie(routing, service)}
                for service, weight in sorted(routing.split.items())
            ],
            **_mirror(routing),
        },
    ]


def prefix(model: str) -> str:
    """How the names of HTTP routes begin that Serin adds."""
    return f"serin-{model}-"


def read(model: str, http: Sequence[HTTPRoute], services: Collection[str]) -> Routing | None:
    """The routing of some HTTP routes, as `render` wrote them; None if they lead to none of the revisions' Services.

    An empty one if they contradict themselves: what was changed by another hand is no routing of ours.
    """
    if not any(_is_ours(model, service, services) for route in http for service, _ in destinations(route)):
        return None
    base = {key: value for key, value in http[-1].items() if key not in {"route", "mirror", "mirrorPercentage"}}
    try:
        routing = _parsed(model, http, base)
    except (KeyError, ValueError, CookieError, IndexError):
        return Routing({})
    return routing if render(model, base, routing) == list(http) else Routing({})


def destinations(route: HTTPRoute) -> Iterator[tuple[str, int]]:
    """The hosts that an HTTP route splits its requests among, as they are written, and their weights."""
    entries = route.get("route") or ()
    for entry in entries:
        weight = entry.get("weight")
        yield entry["destination"]["host"], (1 if len(entries) == 1 else 0) if weight is None else int(weight)


def _parsed(model: str, http: Sequence[HTTPRoute], base: HTTPRoute) -> Routing:
    last = http[-1]
    own = f"{prefix(model)}audience-"
    headers = (base.get("match") or [{}])[0].get("headers", {})
    audiences = [
        Audience(
            route["route"][0]["destination"]["host"],
            {
                name: condition["exact"]
                for name, condition in route["match"][0]["headers"].items()
                if name not in headers
            },
        )
        for route in http[:-1]
        if str(route.get("name")).startswith(own)
    ]
    mirror = last.get("mirror")
    return Routing(
        split=dict(destinations(last)) if len(last["route"]) > 1 else {last["route"][0]["destination"]["host"]: 100},
        audiences=tuple(audiences),
        mirror=Mirror(mirror["host"], last["mirrorPercentage"]["value"]) if mirror else None,
        stickiness=_read_stickiness(last),
    )


def _is_ours(model: str, service: str, services: Collection[str]) -> bool:
    return service in services or revision_in(model, service) is not None


def _destination(service: str) -> dict[str, Any]:
    return {"destination": {"host": service, "port": {"number": REVISION_PORT}}}


def _matching(base: HTTPRoute, headers: Mapping[str, str], how: str) -> dict[str, Any]:
    """The HTTP route for the requests of `base` that bear these headers, too."""
    conditions = {name: {how: value} for name, value in sorted(headers.items())}
    matches = base.get("match") or [{}]
    return {**base, "match": [{**each, "headers": {**each.get("headers", {}), **conditions}} for each in matches]}


def _mirror(routing: Routing) -> dict[str, Any]:
    if routing.mirror is None:
        return {}
    return {
        "mirror": _destination(routing.mirror.service)["destination"],
        "mirrorPercentage": {"value": routing.mirror.percent},
    }


def _sticky(model: str, base: HTTPRoute, routing: Routing) -> Iterator[dict[str, Any]]:
    """An HTTP route for the users of each version that has a weight."""
    if routing.stickiness is None:
        return
    for service, weight in sorted(routing.split.items()):
        if weight > 0:
            # The expression has to match the whole header.
            cookie = rf"(.*;\s*)?{re.escape(routing.stickiness.cookie)}={re.escape(service)}(;.*)?"
            yield {
                **_matching(base, {_COOKIE: cookie}, "regex"),
                "name": f"{prefix(model)}sticky-{service}",
                "route": [_destination(service)],
            }


def _cookie(routing: Routing, service: str) -> dict[str, Any]:
    """Tells a user who had no version yet which one it was."""
    sticky = routing.stickiness
    if sticky is None:
        return {}
    seconds = round(sticky.max_age.total_seconds())
    words = f"{sticky.cookie}={service}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    return {"headers": {"response": {"add": {_SET_COOKIE: words}}}}


def _read_stickiness(route: HTTPRoute) -> Stickiness | None:
    words = next(
        (
            entry["headers"]["response"]["add"][_SET_COOKIE]
            for entry in route["route"]
            if _SET_COOKIE in entry.get("headers", {}).get("response", {}).get("add", {})
        ),
        None,
    )
    if words is None:
        return None
    name, cookie = next(iter(SimpleCookie(words).items()))
    return Stickiness(name, timedelta(seconds=int(cookie["max-age"])))
