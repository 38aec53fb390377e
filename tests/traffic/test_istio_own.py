"""A user's own VirtualService: one destination's place is taken, everything else stays, and all of it comes back."""

import copy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.api.children import Owner
from serin.api.spec import Traffic
from serin.traffic import istio
from serin.traffic.provider import Claim
from serin.traffic.routing import Audience, Mirror, Routing, Stickiness
from traffic.json_patch import apply_patch
from traffic.routes import CANDIDATE, STABLE, splits

CLAIM = Claim(
    Owner("ml", "fraud", "uid-1"), Traffic.model_validate({"istio": {"virtualService": {"name": "api"}}}), port=80
)
PREVIEW = Audience(CANDIDATE, {"canary": "true"})
STICKY = Stickiness("serin-fraud", timedelta(hours=1))


def to(host: str = "fraud", **more: Any) -> dict[str, Any]:
    """One destination."""
    return {"destination": {"host": host, "port": {"number": 80}}, **more}


def own(*http: dict[str, Any]) -> dict[str, Any]:
    """A VirtualService of the user's own, as the API server has it."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "api", "namespace": "ml", "resourceVersion": "7", "generation": 3},
        "spec": {"hosts": ["api.example.com"], "gateways": ["public"], "http": list(http)},
    }


def taken(route: dict[str, Any], routing: Routing) -> dict[str, Any]:
    """The VirtualService once Serin has written a routing."""
    return _walk(route, lambda it: istio.edit_route(it, CLAIM, routing))


def given_back(route: dict[str, Any]) -> dict[str, Any]:
    """The VirtualService once Serin has left it."""
    return _walk(route, lambda it: istio.give_back(it, "fraud"))


def _walk(route: dict[str, Any], next_patch: Any) -> dict[str, Any]:
    after = copy.deepcopy(route)
    for _ in range(10):
        operations = next_patch(after)
        if not operations:
            return after
        after = apply_patch(after, operations)
    raise AssertionError(f"the patches come to no end: {operations}")


PRIMARY = {
    "name": "primary",
    "match": [{"uri": {"prefix": "/fraud"}}],
    "timeout": "2s",
    "retries": {"attempts": 2},
    "route": [to(headers={"request": {"set": {"x": "y"}}})],
}
OTHER = {"name": "other", "match": [{"uri": {"prefix": "/other"}}], "route": [to("other", weight=100)]}
AWAY = {"name": "away", "redirect": {"uri": "/"}}


def test_the_versions_take_the_place_of_the_destination_and_everything_else_stays() -> None:
    after = taken(own(AWAY, PRIMARY, OTHER), Routing({STABLE: 95, CANDIDATE: 5}))
    headers = {"headers": {"request": {"set": {"x": "y"}}}}
    entries = [to(CANDIDATE, weight=5, **headers), to(STABLE, weight=95, **headers)]
    assert after["spec"]["http"] == [AWAY, {**PRIMARY, "route": entries}, OTHER]
    assert istio.read_routing(after, {STABLE}) == Routing({STABLE: 95, CANDIDATE: 5})


def test_an_audience_stands_before_its_rule_and_asks_what_that_asks_too() -> None:
    after = taken(own(AWAY, PRIMARY), Routing({STABLE: 100, CANDIDATE: 0}, (PREVIEW,)))
    away, preview, primary = after["spec"]["http"]
    assert (away, primary["name"]) == (AWAY, "primary")
    assert preview["match"] == [{"uri": {"prefix": "/fraud"}, "headers": {"canary": {"exact": "true"}}}]
    assert preview["timeout"] == "2s"
    assert [each["destination"]["host"] for each in preview["route"]] == [CANDIDATE]
    assert "name" not in preview


@pytest.mark.parametrize("host", ["fraud", "fraud.ml.svc.cluster.local"])
def test_a_destination_is_known_by_its_short_name_and_by_its_long_one(host: str) -> None:
    assert istio.problems(own({"route": [to(host)]}), CLAIM, Routing({STABLE: 100})) is None


@pytest.mark.parametrize(
    "destination", [{"host": "fraud", "subset": "v1"}, {"host": "fraud.other.svc.cluster.local"}, {"host": "other"}]
)
def test_a_destination_that_is_another_service_is_no_place(destination: dict[str, Any]) -> None:
    problem = istio.problems(own({"route": [{"destination": destination}]}), CLAIM, Routing({STABLE: 100}))
    assert problem is not None
    assert "VirtualService ml/api" in problem
    assert "traffic.istio.virtualService" in problem


def test_a_mirror_beside_one_of_the_users_in_the_older_field_is_refused() -> None:
    route = own({"route": [to()], "mirror": {"host": "audit"}})
    asked = Routing({STABLE: 100, CANDIDATE: 0}, mirror=Mirror(CANDIDATE, 20))
    assert istio.problems(route, CLAIM, Routing({STABLE: 100})) is None
    assert "write it as an entry of mirrors" in (istio.problems(route, CLAIM, asked) or "")


def own_routes() -> st.SearchStrategy[dict[str, Any]]:
    """VirtualServices in which our destination stands, alone or beside others."""
    weights = st.integers(100, 1000)
    headers: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
        [{}, {"headers": {"response": {"set": {"x": "y"}, "add": {"z": "1"}}}}]
    )
    alone = headers.map(lambda more: [to(**more)])
    beside = st.tuples(weights, weights).map(lambda pair: [to(weight=pair[0]), to("other", weight=pair[1])])
    paths = st.lists(st.sampled_from(["/a", "/b", "/c"]), min_size=1, max_size=3, unique=True)

    def rules(names: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
        return st.tuples(*(st.builds(_rule, st.just(name), alone | beside) for name in names)).map(list)

    mirrors = st.sampled_from([None, [{"destination": {"host": "audit"}}]])
    return st.tuples(paths.flatmap(rules), mirrors).map(
        lambda drawn: own(*({**one, **({"mirrors": drawn[1]} if drawn[1] else {})} for one in drawn[0]), AWAY)
    )


def _rule(path: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": path, "match": [{"uri": {"prefix": path}}], "route": entries}


def routings() -> st.SearchStrategy[Routing]:
    """Any routing that a rollout decides."""
    led = st.sampled_from([(), (PREVIEW,)])
    return st.builds(
        lambda split, audiences, sticky: Routing({STABLE: 0, CANDIDATE: 0} | split, audiences, stickiness=sticky),
        splits(),
        led,
        st.none() | st.just(STICKY),
    ) | st.builds(
        lambda percent: Routing({STABLE: 100, CANDIDATE: 0}, mirror=Mirror(CANDIDATE, percent)), st.integers(1, 100)
    )


@given(own_routes(), routings(), routings())
def test_what_was_written_reads_back_and_the_route_comes_back_exactly(
    route: dict[str, Any], first: Routing, second: Routing
) -> None:
    after = taken(taken(route, first), second)
    assert istio.read_routing(after, second.split) == second
    back = given_back(after)
    back["metadata"].pop("annotations", None)
    assert back == route
