"""Audiences, mirrors and sticky users: beside a rule that Serin makes, and beside a user's own."""

import copy
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.api.children import Owner
from serin.api.names import ORIGINAL_BACKENDS_ANNOTATION
from serin.api.spec import Traffic
from serin.traffic.dialect import Answered, Cookie
from serin.traffic.provider import Claim
from serin.traffic.routing import Audience, Mirror, Routing, Stickiness
from traffic.json_patch import apply_patch
from traffic.routes import (
    BACKEND,
    CANDIDATE,
    NEXT,
    PORT,
    PROVIDER,
    STABLE,
    accepted,
    entry,
    header,
    route,
    routes,
    routings,
    rule,
    walk,
)

MODEL = "fraud"
OWNER = Owner("ml", MODEL, "uid-1")
MADE = Claim(OWNER, Traffic.model_validate({"gatewayAPI": {"parentRefs": [{"name": "edge"}]}}), PORT)
OWN = Claim(OWNER, Traffic.model_validate({"gatewayAPI": {"httpRoute": {"name": "api", "backend": BACKEND}}}), PORT)

PREVIEW = Audience(CANDIDATE, {"x-preview": "true"})
PREVIEWED = Routing({STABLE: 100, CANDIDATE: 0}, audiences=(PREVIEW,))
STICKY = Routing({STABLE: 95, CANDIDATE: 5}, stickiness=Stickiness("serin-fraud", timedelta(hours=1)))
EVERYTHING = Routing(
    {STABLE: 100, CANDIDATE: 0}, (PREVIEW,), Mirror(CANDIDATE, 20), Stickiness("serin-fraud", timedelta(hours=1))
)


def made(routing: Routing) -> dict[str, Any]:
    return PROVIDER.make_route(MADE, routing)


def edited(before: dict[str, Any], routing: Routing, claim: Claim = OWN) -> dict[str, Any]:
    return walk(before, lambda now: PROVIDER.edit_route(now, claim, routing))


def given_back(before: dict[str, Any], model: str = MODEL) -> dict[str, Any]:
    return walk(before, lambda now: PROVIDER.give_back(now, model))


def rules(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["spec"]["rules"]
    return found


def headers(one: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(it["name"], it["type"], it["value"]) for match in one["matches"] for it in match.get("headers", ())]


def services(one: dict[str, Any]) -> dict[str, int]:
    return {it["name"]: it["weight"] for it in one["backendRefs"]}


def _canonical(one: dict[str, Any]) -> str:
    return json.dumps(one, sort_keys=True)


def test_an_audience_has_a_rule_of_its_own_before_the_rule_for_all() -> None:
    first, last = rules(made(PREVIEWED))
    assert first["matches"] == [
        {
            "path": {"type": "PathPrefix", "value": "/"},
            "headers": [{"name": "x-preview", "type": "Exact", "value": "true"}],
        }
    ]
    assert services(first) == {CANDIDATE: 100}
    assert (headers(last), services(last)) == ([], {STABLE: 100, CANDIDATE: 0})


def test_copies_go_by_a_filter_of_the_rule_for_all_and_say_their_percent_only_where_it_is_not_all() -> None:
    def mirror(percent: int) -> Any:
        return rules(made(Routing({STABLE: 100, CANDIDATE: 0}, mirror=Mirror(CANDIDATE, percent))))[-1]["filters"]

    backend = {"group": "", "kind": "Service", "name": CANDIDATE, "port": 80}
    assert mirror(100) == [{"type": "RequestMirror", "requestMirror": {"backendRef": backend}}]
    assert mirror(20) == [{"type": "RequestMirror", "requestMirror": {"backendRef": backend, "percent": 20}}]


def test_who_was_answered_by_a_version_is_led_to_it_by_a_cookie_that_names_it() -> None:
    one, other, last = rules(made(STICKY))
    assert services(one) == {CANDIDATE: 100}
    assert services(other) == {STABLE: 100}
    for it in last["backendRefs"]:
        (added,) = it["filters"][0]["responseHeaderModifier"]["add"]
        revision = it["name"].removeprefix("fraud-")
        assert added == {
            "name": "Set-Cookie",
            "value": f"serin-fraud={revision}; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax",
        }


@pytest.mark.parametrize(
    ("sent", "meets"),
    [
        ("serin-fraud=bcdfghjklm", True),
        ("a=b; serin-fraud=bcdfghjklm", True),
        ("a=b;serin-fraud=bcdfghjklm; c=d", True),
        ("serin-fraud=bcdfghjklmx", False),
        ("xserin-fraud=bcdfghjklm", False),
        ("a=serin-fraud=bcdfghjklm", False),
        ("serin-fraud=2456789bcd", False),
    ],
)
def test_the_cookie_is_found_among_others_and_no_other_is_taken_for_it(sent: str, meets: bool) -> None:
    pattern = next(value for _, kind, value in headers(rules(made(STICKY))[1]) if kind == "RegularExpression")
    assert (re.fullmatch(pattern, sent) is not None) is meets


@given(routings())
def test_all_that_a_made_route_says_reads_back(routing: Routing) -> None:
    document = made(routing)
    assert PROVIDER.read_routing(document, routing.split) == routing
    assert PROVIDER.is_as_made(document, made(routing))


@pytest.mark.parametrize("left", [PREVIEWED, STICKY, EVERYTHING])
def test_a_made_route_that_says_more_than_is_wanted_is_not_as_made(left: Routing) -> None:
    assert not PROVIDER.is_as_made(made(left), made(Routing(left.split)))
    assert not PROVIDER.is_as_made(made(Routing(left.split)), made(left))


@given(st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}", fullmatch=True), st.integers(0, 10**9))
def test_a_cookie_of_any_name_reads_back(name: str, seconds: int) -> None:
    answered = Answered(Cookie(name, "bcdfghjklm"), timedelta(seconds=seconds))
    assert Answered.in_header(answered.header) == answered
    assert Cookie.in_pattern(answered.cookie.pattern) == answered.cookie
    assert re.fullmatch(answered.cookie.pattern, f"a=b; {name}=bcdfghjklm")


@given(routes(), st.lists(routings(), min_size=1, max_size=3))
def test_any_own_route_comes_back_exactly_whatever_was_added(before: dict[str, Any], history: list[Routing]) -> None:
    after = before
    for routing in history:
        after = edited(after, routing)
    assert PROVIDER.cannot_give_back(after, MODEL) is None
    assert given_back(after) == before
    operations = PROVIDER.give_back(after, MODEL, patient=False)
    assert (apply_patch(after, operations) if operations else after) == before


@given(routes(), routings())
def test_what_was_written_to_an_own_route_without_a_problem_reads_back(
    before: dict[str, Any], routing: Routing
) -> None:
    if PROVIDER.problems(before, OWN, routing) is None:
        after = edited(before, routing)
        assert PROVIDER.read_routing(after, routing.split) == routing
        assert PROVIDER.problems(after, OWN, routing) is None
        assert PROVIDER.edit_route(accepted(after), OWN, routing) == []


@given(routes(), routings(), st.data())
def test_an_own_route_comes_back_though_its_rules_were_reordered_and_added(
    before: dict[str, Any], routing: Routing, data: st.DataObject
) -> None:
    after = edited(before, routing)
    order = data.draw(st.permutations(range(len(rules(after)))))
    stranger = rule(entry("stranger"), path="/stranger")
    after["spec"]["rules"] = [stranger, *(rules(after)[number] for number in order)]
    back = rules(given_back(after))
    assert back[0] == stranger
    assert sorted(map(_canonical, back[1:])) == sorted(map(_canonical, rules(before)))


def test_an_added_rule_keeps_all_that_the_users_rule_says() -> None:
    before = route({**rule(entry(filters=header("a")), path="/v1"), "timeouts": {"request": "9s"}}, rule(entry("x")))
    first, second, third = rules(edited(before, PREVIEWED))
    assert first["timeouts"] == {"request": "9s"}
    assert first["backendRefs"] == [entry(CANDIDATE, 100, filters=header("a"))]
    assert first["matches"][0]["path"]["value"] == "/v1"
    assert headers(second) == []
    assert third == rule(entry("x"))


def test_what_other_backends_get_beside_ours_stays_the_same_for_sticky_users() -> None:
    before = route(rule(entry(BACKEND, 300), entry("other", 100)))
    one, other, _ = rules(edited(before, STICKY))
    assert services(one) == {CANDIDATE: 300, "other": 100}
    assert services(other) == {STABLE: 300, "other": 100}


def test_a_cookie_stands_beside_the_users_own_headers_and_goes_without_them() -> None:
    theirs = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "x", "value": "1"}]}}]
    before = route(rule(entry(filters=theirs)))
    after = edited(before, STICKY)
    added = rules(after)[-1]["backendRefs"][0]["filters"][0]["responseHeaderModifier"]["add"]
    assert [it["name"] for it in added] == ["x", "Set-Cookie"]
    assert rules(edited(after, Routing(STICKY.split)))[-1]["backendRefs"][0]["filters"] == theirs
    assert given_back(after) == before


def test_no_rule_leads_to_a_version_before_the_proxy_knows_it_and_it_leaves_after_its_rules() -> None:
    now = edited(route(rule(entry())), Routing({STABLE: 100}))
    seen = []
    for routing in (PREVIEWED, Routing({STABLE: 100})):
        for _ in range(2):
            now = apply_patch(now, PROVIDER.edit_route(accepted(now), OWN, routing))
            assert PROVIDER.edit_route(accepted(now, at=1), OWN, routing) == [] or routing is not PREVIEWED
            seen.append([services(one) for one in rules(now)])
    both = {STABLE: 100, CANDIDATE: 0}
    assert seen == [[both], [{CANDIDATE: 100}, both], [both], [{STABLE: 100}]]


def test_a_rule_of_the_users_own_is_never_taken_for_one_that_was_added() -> None:
    theirs = rule(entry(), path="/")
    theirs["matches"][0]["headers"] = [{"name": "x-preview", "type": "Exact", "value": "true"}]
    before = route(theirs, rule(entry()))
    assert "a rule of its own asks for the very requests" in (PROVIDER.problems(before, OWN, PREVIEWED) or "")
    assert given_back(edited(before, PREVIEWED)) == before


def test_a_rule_that_no_request_of_an_audience_can_meet_gets_none_beside_it() -> None:
    theirs = rule(entry(), path="/a")
    theirs["matches"][0]["headers"] = [{"name": "X-Preview", "type": "Exact", "value": "false"}]
    after = edited(route(theirs, rule(entry())), PREVIEWED)
    assert [len(headers(one)) for one in rules(after)] == [1, 1, 0]
    assert PROVIDER.read_routing(after, PREVIEWED.split) == PREVIEWED


def test_an_added_rule_that_somebody_took_away_or_changed_is_put_right() -> None:
    whole = edited(route(rule(entry())), PREVIEWED)
    without, other = copy.deepcopy(whole), copy.deepcopy(whole)
    del without["spec"]["rules"][0]
    other["spec"]["rules"][0]["backendRefs"][0]["weight"] = 7
    for spoilt in (without, other):
        assert PROVIDER.read_routing(spoilt, PREVIEWED.split) == Routing({})
        assert edited(spoilt, PREVIEWED) == whole


def test_two_models_add_to_one_route_without_a_fight_and_each_takes_its_own_away() -> None:
    spam = Claim(
        Owner("ml", "spam", "uid-2"), Traffic.model_validate({"gatewayAPI": {"httpRoute": {"name": "api"}}}), PORT
    )
    other = Routing(
        {"spam-bcdfghjklm": 50, "spam-2456789bcd": 50},
        (Audience("spam-bcdfghjklm", {"x-spam": "a"}),),
        stickiness=Stickiness("serin-spam", timedelta(hours=1)),
    )
    before = route(rule(entry(weight=300), entry("spam", 100)), rule(entry("spam", 9), path="/spam"))
    both = edited(edited(edited(before, STICKY), other, spam), STICKY)
    assert PROVIDER.edit_route(accepted(both), OWN, STICKY) == PROVIDER.edit_route(accepted(both), spam, other) == []
    assert PROVIDER.read_routing(both, STICKY.split) == STICKY
    assert PROVIDER.read_routing(both, other.split) == other
    assert given_back(given_back(both, "spam")) == before
    assert given_back(given_back(both), "spam") == before


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (route(*(rule(entry(), path=f"/{number}") for number in range(6))), "18 rules of the 16"),
        (
            route(rule(entry()), *({**rule(entry("x")), "matches": rule(entry())["matches"] * 42} for _ in range(3))),
            "129 matches",
        ),
        (
            route(
                rule(
                    entry(
                        filters=[
                            {
                                "type": "ResponseHeaderModifier",
                                "responseHeaderModifier": {"add": [{"name": "set-cookie", "value": "a=b"}]},
                            }
                        ]
                    )
                )
            ),
            "adds a Set-Cookie header of its own",
        ),
    ],
)
def test_where_there_is_no_room_that_is_told_with_what_to_do(document: dict[str, Any], told: str) -> None:
    assert told in (PROVIDER.problems(document, OWN, STICKY) or "")
    assert PROVIDER.problems(document, OWN, Routing(STICKY.split)) is None


def test_an_annotation_that_an_older_serin_wrote_bears_nothing_that_it_did_not_know() -> None:
    plain = edited(route(rule(entry())), Routing(STICKY.split))
    kept = json.loads(plain["metadata"]["annotations"][ORIGINAL_BACKENDS_ANNOTATION])[MODEL]
    assert kept.keys() == {"backend", "port", "services", "places"}


def test_a_mirror_of_the_users_own_stays() -> None:
    theirs = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}}
    before = route({**rule(entry()), "filters": [theirs]})
    after = edited(before, Routing({STABLE: 100, NEXT: 0}, mirror=Mirror(NEXT, 100)))
    assert [it["requestMirror"]["backendRef"]["name"] for it in rules(after)[0]["filters"]] == ["audit", NEXT]
    assert given_back(after) == before
