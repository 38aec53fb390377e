"""Routes as users write them, and as the API server stores them."""

import copy
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from serin.traffic.gateway_api import HTTPRoutes
from serin.traffic.gateway_rules import HTTPRules
from serin.traffic.routing import Audience, Mirror, Routing, Stickiness
from traffic.json_patch import apply_patch

BACKEND = "fraud"
PORT = 80
STABLE = "fraud-bcdfghjklm"
CANDIDATE = "fraud-2456789bcd"
NEXT = "fraud-zzzzzzzzzz"
DIALECT = HTTPRules()
PROVIDER = HTTPRoutes()


def entry(name: str = BACKEND, weight: int | None = 1, **more: Any) -> dict[str, Any]:
    """One of backendRefs, with the API server's defaults."""
    result = {"group": "", "kind": "Service", "name": name, "port": PORT, "weight": weight, **more}
    return {key: value for key, value in result.items() if value is not None}


def rule(*entries: dict[str, Any], path: str = "/") -> dict[str, Any]:
    """One rule."""
    return {"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": list(entries)}


def route(*rules: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A user's own HTTPRoute."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "api", "namespace": "ml", "resourceVersion": "7", "generation": 3, **metadata},
        "spec": {"parentRefs": [{"name": "edge"}], "hostnames": ["api.example"], "rules": list(rules)},
    }


def accepted(document: dict[str, Any], *, at: int = 0) -> dict[str, Any]:
    """The route as its Gateway has accepted it; `at` generations before the present one."""
    generation = document["metadata"]["generation"] - at
    conditions = [
        {"type": kind, "status": "True", "reason": kind, "observedGeneration": generation}
        for kind in ("Accepted", "ResolvedRefs")
    ]
    parents = [{"parentRef": ref, "conditions": conditions} for ref in document["spec"]["parentRefs"]]
    return {**document, "status": {"parents": parents}}


def read_split(document: dict[str, Any], services: Collection[str]) -> dict[str, int] | None:
    """The split that a route has among the revisions' Services."""
    routing = PROVIDER.read_routing(document, services)
    return None if routing is None else dict(routing.split)


def walk(before: dict[str, Any], next_patch: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> dict[str, Any]:
    """The route after all patches, each made when the one before was accepted."""
    after = copy.deepcopy(before)
    for _ in range(10):
        operations = next_patch(accepted(after))
        if not operations:
            return after
        after = apply_patch(after, operations)
    raise AssertionError(f"the patches come to no end: {operations}")


def header(value: str) -> list[dict[str, Any]]:
    """Filters that set one header."""
    return [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": value}]}}]


_weights = st.one_of(st.none(), st.integers(0, 1000))
_filters = st.one_of(st.none(), st.sampled_from(["a", "b"]).map(header))
entries = st.builds(
    lambda name, weight, filters, namespace: entry(name, weight, filters=filters, namespace=namespace),
    st.sampled_from([BACKEND, BACKEND, "other", "fraudulent", "fraud-x"]),
    _weights,
    _filters,
    st.sampled_from([None, None, "ml", "elsewhere"]),
)
_spelled = st.builds(
    lambda one, group, kind: {
        key: value
        for key, value in one.items()
        if not (key == "group" and not group) and not (key == "kind" and not kind)
    },
    entries,
    st.booleans(),
    st.booleans(),
)


@st.composite
def routes(draw: st.DrawFn) -> dict[str, Any]:
    """Any route whose rules have different matches; some rules have no backends, some not our backend."""
    paths = draw(st.lists(st.sampled_from(["/", "/a", "/b", "/c", "/d"]), min_size=1, max_size=4, unique=True))
    rules = [rule(*draw(st.lists(_spelled, max_size=4)), path=path) for path in paths]
    for one in rules:
        if not one["backendRefs"] and draw(st.booleans()):
            del one["backendRefs"]
    annotations = draw(st.sampled_from([None, {"team": "risk"}]))
    return route(*rules, **({"annotations": annotations} if annotations else {}))


@st.composite
def splits(draw: st.DrawFn) -> dict[str, int]:
    """A split over one to three revisions."""
    names = draw(st.lists(st.sampled_from([STABLE, CANDIDATE, NEXT]), min_size=1, max_size=3, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=len(names) - 1, max_size=len(names) - 1)))
    edges = [0, *cuts, 100]
    return {name: high - low for name, low, high in zip(names, edges[:-1], edges[1:], strict=True)}


@st.composite
def routings(draw: st.DrawFn) -> Routing:
    """Everything that may be asked of a route at once, so that each has to get along with the others."""
    split = draw(splits())
    services = st.sampled_from(sorted(split))
    headers = st.dictionaries(
        st.sampled_from(["x-preview", "x-team", "x-a.b"]), st.sampled_from(["true", "a b"]), min_size=1
    )
    audiences = draw(
        st.lists(st.builds(Audience, services, headers), max_size=2, unique_by=lambda one: str(one.headers))
    )
    mirror = draw(st.none() | st.builds(Mirror, services, st.integers(1, 100)))
    age = st.integers(1, 100_000).map(lambda seconds: timedelta(seconds=seconds))
    sticky = draw(st.none() | st.builds(Stickiness, st.sampled_from(["serin-fraud", "a.b+c", "x_1"]), age))
    return Routing(split, tuple(audiences), mirror, sticky)
