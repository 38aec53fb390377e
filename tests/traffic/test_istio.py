from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.api.children import Owner
from serin.api.spec import Traffic
from serin.traffic import istio
from serin.traffic.acceptance import AcceptanceState
from serin.traffic.provider import Claim
from serin.traffic.routing import Audience, Mirror, Routing, Stickiness
from traffic.routes import CANDIDATE, NEXT, STABLE, splits

OWNER = Owner("ml", "fraud", "uid-1")
PREVIEW = Audience(CANDIDATE, {"x-serin-preview": "true"})
STICKY = Stickiness("serin-fraud", timedelta(hours=1))


def claim(**traffic: Any) -> Claim:
    return Claim(OWNER, Traffic.model_validate({"istio": {"hosts": ["fraud.example.com"], **traffic}}), port=80)


def made(routing: Routing, **traffic: Any) -> dict[str, Any]:
    return istio.make_route(claim(**traffic), routing)


def http(routing: Routing) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made(routing)["spec"]["http"]
    return found


def to(service: str) -> dict[str, Any]:
    return {"destination": {"host": service, "port": {"number": 80}}}


def routings() -> st.SearchStrategy[Routing]:
    """Any routing that a rollout decides."""
    services = st.sampled_from([STABLE, CANDIDATE])
    headers = st.dictionaries(st.sampled_from(["X-Serin-Preview", "X-Team"]), st.text(max_size=3), min_size=1)
    return st.builds(
        Routing,
        splits(),
        st.lists(st.builds(Audience, services, headers), max_size=2).map(tuple),
        st.none() | st.builds(Mirror, services, st.integers(1, 100)),
        st.none() | st.builds(Stickiness, st.just("serin-fraud"), st.sampled_from([timedelta(1), timedelta(hours=1)])),
    )


def test_the_virtual_service_that_serin_makes_leads_every_request_to_the_split() -> None:
    found = made(Routing({STABLE: 95, CANDIDATE: 5}), gateways=["infra/public", "mesh"])
    assert (found["apiVersion"], found["kind"]) == ("networking.istio.io/v1", "VirtualService")
    assert found["metadata"]["name"] == "fraud"
    assert found["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert found["spec"] == {
        "hosts": ["fraud.example.com"],
        "gateways": ["infra/public", "mesh"],
        "http": [{"name": "serin-fraud", "route": [{**to(CANDIDATE), "weight": 5}, {**to(STABLE), "weight": 95}]}],
    }


def test_without_gateways_it_is_for_the_sidecars() -> None:
    assert made(Routing({STABLE: 100}))["spec"]["gateways"] == ["mesh"]


def test_an_audience_is_asked_about_before_the_weights() -> None:
    first, last = http(Routing({STABLE: 100, CANDIDATE: 0}, (PREVIEW,)))
    assert first == {
        "match": [{"headers": {"x-serin-preview": {"exact": "true"}}}],
        "route": [{**to(CANDIDATE), "weight": 100}],
    }
    assert last["route"] == [{**to(CANDIDATE), "weight": 0}, {**to(STABLE), "weight": 100}]


def test_a_mirror_copies_so_many_percent_of_what_the_split_gets() -> None:
    (only,) = http(Routing({STABLE: 100, CANDIDATE: 0}, mirror=Mirror(CANDIDATE, 25)))
    assert only["mirrors"] == [{**to(CANDIDATE), "percentage": {"value": 25}}]


def test_a_user_bears_a_cookie_that_leads_back_to_the_version_that_answered_first() -> None:
    candidate, stable, last = http(Routing({STABLE: 95, CANDIDATE: 5}, stickiness=STICKY))
    assert [each["destination"]["host"] for each in (*candidate["route"], *stable["route"])] == [CANDIDATE, STABLE]
    added = {entry["destination"]["host"]: entry["headers"]["response"]["add"]["Set-Cookie"] for entry in last["route"]}
    assert added[STABLE] == f"serin-fraud={STABLE[6:]}; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax"
    assert added[CANDIDATE].startswith(f"serin-fraud={CANDIDATE[6:]};")


@pytest.mark.parametrize(
    ("cookie", "led"),
    [
        (f"serin-fraud={CANDIDATE[6:]}", True),
        (f"a=b; serin-fraud={CANDIDATE[6:]}; c=d", True),
        (f"a=b;serin-fraud={CANDIDATE[6:]}", True),
        (f"serin-fraud={CANDIDATE[6:]}x", False),
        (f"my-serin-fraud={CANDIDATE[6:]}", False),
        (f"serin-fraud={STABLE[6:]}", False),
    ],
)
def test_only_the_whole_cookie_counts(cookie: str, *, led: bool) -> None:
    import re

    candidate, *_ = http(Routing({STABLE: 95, CANDIDATE: 5}, stickiness=STICKY))
    assert bool(re.fullmatch(candidate["match"][0]["headers"]["cookie"]["regex"], cookie)) is led


def test_a_version_without_weight_keeps_no_users() -> None:
    routes = http(Routing({STABLE: 100, CANDIDATE: 0}, stickiness=STICKY))
    assert [route["route"][0]["destination"]["host"] for route in routes[:-1]] == [STABLE]


@given(routings())
def test_what_was_made_reads_back(routing: Routing) -> None:
    assert istio.read_routing(made(routing), routing.split) == routing


@given(routings(), routings())
def test_what_was_made_for_one_routing_is_not_as_made_for_another(one: Routing, other: Routing) -> None:
    assert istio.is_as_made(made(one), made(other)) is (one == other)


def test_what_another_hand_changed_is_no_routing() -> None:
    changed = made(Routing({STABLE: 95, CANDIDATE: 5}, (PREVIEW,)))
    assert istio.read_routing(changed, {STABLE}) == Routing({STABLE: 95, CANDIDATE: 5}, (PREVIEW,))
    changed["spec"]["http"][0]["match"][0]["headers"]["x-serin-preview"] = {"prefix": "t"}
    assert istio.read_routing(changed, {STABLE}) == Routing({})


@pytest.mark.parametrize("routes", [[], [{"route": [to("other")]}], [{"redirect": {"uri": "/"}}]])
def test_a_virtual_service_that_leads_elsewhere_says_nothing_of_us(routes: list[dict[str, Any]]) -> None:
    route = made(Routing({STABLE: 100}))
    route["spec"]["http"] = routes
    assert istio.read_routing(route, {STABLE}) is None


def test_gateways_that_another_hand_added_are_put_right_and_what_stands_beside_is_left() -> None:
    wanted = made(Routing({STABLE: 100}))
    more = {**wanted, "spec": {**wanted["spec"], "gateways": ["mesh", "infra/open"]}}
    assert not istio.is_as_made(more, wanted)
    assert istio.is_as_made({**wanted, "spec": {**wanted["spec"], "tls": []}}, wanted)


def test_it_is_accepted_as_soon_as_it_is_written() -> None:
    assert istio.acceptance(made(Routing({STABLE: 100}))).state is AcceptanceState.ACCEPTED


@pytest.mark.parametrize(
    ("level", "observed", "state"),
    [
        ("ERROR", "3", AcceptanceState.REFUSED),
        ("ERROR", 2, AcceptanceState.ACCEPTED),
        ("WARNING", "3", AcceptanceState.ACCEPTED),
    ],
)
def test_what_istiods_analysis_calls_an_error_of_this_generation_is_a_refusal(
    level: str, observed: object, state: AcceptanceState
) -> None:
    route = made(Routing({STABLE: 100}))
    route["metadata"]["generation"] = 3
    message = {"type": {"name": "ReferencedResourceNotFound", "code": "IST0101"}, "level": level}
    route["status"] = {"observedGeneration": observed, "validationMessages": [message]}
    answer = istio.acceptance(route)
    assert answer.state is state
    assert ("IST0101" in answer.message) is (state is AcceptanceState.REFUSED)


def test_every_destination_is_a_backend() -> None:
    route = made(Routing({STABLE: 95, CANDIDATE: 5}, (Audience(NEXT, {"a": "b"}),)))
    assert list(istio.backends(route)) == [(CANDIDATE, 5), (STABLE, 95)]
