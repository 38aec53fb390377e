from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.api.children import Owner
from serin.api.spec import Traffic
from serin.traffic import traefik
from serin.traffic.acceptance import AcceptanceState
from serin.traffic.provider import Claim
from serin.traffic.routing import Audience, Mirror, Routing, Stickiness
from traffic.routes import CANDIDATE, NEXT, STABLE, splits

CLAIM = Claim(Owner("ml", "fraud", "uid-1"), Traffic.model_validate({"traefik": {}}), port=80)
STICKY = Stickiness("serin-fraud", timedelta(hours=1))


def made(routing: Routing) -> dict[str, Any]:
    return traefik.make_route(CLAIM, routing)


def to(service: str) -> dict[str, Any]:
    return {"kind": "Service", "name": service, "port": 80}


def routings() -> st.SearchStrategy[Routing]:
    """Any routing that a rollout decides under this provider."""
    split = st.builds(Routing, splits(), stickiness=st.none() | st.just(STICKY))
    mirrored = st.integers(1, 100).map(lambda percent: Routing({STABLE: 100, CANDIDATE: 0}, mirror=_to(percent)))
    return split | mirrored


def _to(percent: int) -> Mirror:
    return Mirror(CANDIDATE, percent)


def test_the_traefik_service_that_serin_makes_is_weighted() -> None:
    found = made(Routing({STABLE: 95, CANDIDATE: 5}))
    assert (found["apiVersion"], found["kind"]) == ("traefik.io/v1alpha1", "TraefikService")
    assert found["metadata"]["name"] == "fraud"
    assert found["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert found["spec"] == {
        "weighted": {"services": [{**to(CANDIDATE), "weight": 5}, {**to(STABLE), "weight": 95}]},
    }


def test_users_stay_by_traefiks_own_cookie() -> None:
    cookie = made(Routing({STABLE: 95, CANDIDATE: 5}, stickiness=STICKY))["spec"]["weighted"]["sticky"]["cookie"]
    assert (cookie["name"], cookie["maxAge"]) == ("serin-fraud", 3600)


def test_a_mirror_takes_the_place_of_the_weights() -> None:
    assert made(Routing({STABLE: 100, CANDIDATE: 0, NEXT: 0}, mirror=_to(20)))["spec"] == {
        "mirroring": {
            **to(STABLE),
            "mirrors": [{**to(CANDIDATE), "percent": 20}, {**to(NEXT), "percent": 0}],
        }
    }


@pytest.mark.parametrize(
    "routing",
    [
        Routing({STABLE: 50, CANDIDATE: 50}, mirror=_to(20)),
        Routing({STABLE: 100, CANDIDATE: 0}, mirror=_to(20), stickiness=STICKY),
        Routing({STABLE: 100, CANDIDATE: 0}, (Audience(CANDIDATE, {"a": "b"}),)),
    ],
)
def test_what_it_cannot_say_is_refused(routing: Routing) -> None:
    with pytest.raises(ValueError, match="a TraefikService"):
        made(routing)


@given(routings())
def test_what_was_made_reads_back(routing: Routing) -> None:
    assert traefik.read_routing(made(routing), routing.split) == routing


@given(routings(), routings())
def test_what_was_made_for_one_routing_is_not_as_made_for_another(one: Routing, other: Routing) -> None:
    assert traefik.is_as_made(made(one), made(other)) is (one == other)


@pytest.mark.parametrize(
    "spec",
    [
        {"weighted": {"services": [{"name": "other"}]}},
        {"mirroring": {"name": "other"}},
        {"weighted": {}},
        {"highestRandomWeight": {"services": []}},
    ],
)
def test_a_traefik_service_that_leads_elsewhere_says_nothing_of_us(spec: dict[str, Any]) -> None:
    assert traefik.read_routing({**made(Routing({STABLE: 100})), "spec": spec}, {STABLE}) is None


def test_two_ways_at_once_are_no_routing() -> None:
    route = made(Routing({STABLE: 100}))
    route["spec"] |= {"mirroring": {**to(STABLE), "mirrors": []}}
    assert traefik.read_routing(route, {STABLE}) == Routing({})
    assert not traefik.is_as_made(route, made(Routing({STABLE: 100})))


def test_it_is_accepted_as_soon_as_it_is_written() -> None:
    assert traefik.acceptance(made(Routing({STABLE: 100}))).state is AcceptanceState.ACCEPTED


def test_every_service_is_a_backend() -> None:
    assert list(traefik.backends(made(Routing({STABLE: 95, CANDIDATE: 5})))) == [(CANDIDATE, 5), (STABLE, 95)]
    mirrored = made(Routing({STABLE: 100, CANDIDATE: 0}, mirror=_to(20)))
    assert list(traefik.backends(mirrored)) == [(STABLE, 100), (CANDIDATE, 0)]
