import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.api.names import ORIGINAL_BACKENDS_ANNOTATION
from serin.traffic import route_problems, user_route
from serin.traffic.routing import Routing
from serin.traffic.user_route import Taking
from traffic.json_patch import TestFailedError, apply_patch
from traffic.routes import (
    BACKEND,
    CANDIDATE,
    DIALECT,
    NEXT,
    PORT,
    STABLE,
    accepted,
    entry,
    header,
    read_split,
    route,
    routes,
    rule,
    splits,
    walk,
)

MODEL = "fraud"
SPLIT = {STABLE: 95, CANDIDATE: 5}


def edit_split(now: dict[str, Any], backend: str, split: dict[str, int], port: int) -> list[dict[str, Any]]:
    return user_route.edit(DIALECT, now, Taking(backend, port), Routing(split))


def give_back(now: dict[str, Any], model: str, *, patient: bool = True) -> list[dict[str, Any]]:
    return user_route.give_back(DIALECT, now, model, patient=patient)


def cannot_give_back(now: dict[str, Any], model: str) -> str | None:
    return user_route.cannot_give_back(DIALECT, now, model)


def problems(now: dict[str, Any], backend: str, port: int, model: str) -> str | None:
    split = {f"{model}-bcdfghjklm": 95, f"{model}-2456789bcd": 5}
    return route_problems.problems(DIALECT, now, Taking(backend, port), model, Routing(split))


def edited(before: dict[str, Any], split: dict[str, int] | None = None, port: int = PORT) -> dict[str, Any]:
    return walk(before, lambda now: edit_split(now, BACKEND, split or SPLIT, port))


def given_back(before: dict[str, Any], model: str = MODEL) -> dict[str, Any]:
    return walk(before, lambda now: give_back(now, model))


def references(document: dict[str, Any], number: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["spec"]["rules"][number]["backendRefs"]
    return found


def is_backend(one: dict[str, Any]) -> bool:
    return bool(one["name"] == BACKEND and one.get("namespace", "ml") == "ml")


def test_a_backend_alone_in_its_rule_is_replaced_by_the_split_in_percent() -> None:
    assert references(edited(route(rule(entry())))) == [entry(CANDIDATE, 5), entry(STABLE, 95)]


def test_a_backend_beside_others_keeps_its_weight_in_sum_and_its_place() -> None:
    before = route(rule(entry("first", 100), entry(BACKEND, 300), entry("last", 600)))
    assert references(edited(before)) == [
        entry("first", 100),
        entry(CANDIDATE, 15),
        entry(STABLE, 285),
        entry("last", 600),
    ]


def test_every_entry_of_ours_bears_the_filters_of_the_backend() -> None:
    before = route(rule(entry(filters=header("a"), namespace="ml")))
    assert [(one["filters"], one["namespace"]) for one in references(edited(before))] == [(header("a"), "ml")] * 2


def test_it_is_taken_over_and_given_back_in_writes_that_leave_no_request_without_a_backend() -> None:
    def next_weights(now: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
        assert operations
        return accepted(apply_patch(now, operations))

    def weights(now: dict[str, Any]) -> dict[str, int]:
        return {one["name"]: one["weight"] for one in references(now)}

    split = {STABLE: 100}
    now = accepted(route(rule(entry())))
    seen = []
    for _ in range(3):
        now = next_weights(now, edit_split(now, BACKEND, split, PORT))
        seen.append(weights(now))
    assert seen == [{BACKEND: 1, STABLE: 0}, {BACKEND: 0, STABLE: 100}, {STABLE: 100}]
    assert edit_split(now, BACKEND, split, PORT) == []
    seen = []
    for _ in range(3):
        now = next_weights(now, give_back(now, MODEL))
        seen.append(weights(now))
    assert seen == [{STABLE: 100, BACKEND: 0}, {STABLE: 0, BACKEND: 1}, {BACKEND: 1}]
    now = next_weights(now, give_back(now, MODEL))
    assert "annotations" not in now["metadata"]
    assert give_back(now, MODEL) == []


def test_the_next_of_these_writes_waits_until_the_one_before_was_accepted() -> None:
    now = route(rule(entry()))
    now = apply_patch(now, edit_split(now, BACKEND, {STABLE: 100}, PORT))
    assert edit_split(accepted(now, at=1), BACKEND, {STABLE: 100}, PORT) == []
    assert edit_split(accepted(now), BACKEND, {STABLE: 100}, PORT) != []
    taken = edited(route(rule(entry())), {STABLE: 100})
    assert give_back(accepted(taken, at=1), MODEL) == []
    assert apply_patch(taken, give_back(taken, MODEL, patient=False)) == route(rule(entry()))


def test_weights_that_move_among_backends_that_are_there_wait_for_nothing() -> None:
    taken = edited(route(rule(entry())))
    assert edit_split(accepted(taken, at=1), BACKEND, {STABLE: 100, CANDIDATE: 0}, PORT) != []


def test_rules_without_the_backend_are_not_touched() -> None:
    before = route(rule(entry("other")), rule(entry(), path="/fraud"), {"filters": header("a")})
    after = edited(before)
    assert after["spec"]["rules"][0] == before["spec"]["rules"][0]
    assert after["spec"]["rules"][2] == before["spec"]["rules"][2]
    assert len(references(after, 1)) == 2


@pytest.mark.parametrize(
    "alien",
    [
        entry(namespace="elsewhere"),
        entry(kind="InferencePool", group="inference.networking.k8s.io"),
        {**entry(), "port": 9090},
    ],
)
def test_only_the_service_of_this_namespace_and_port_is_replaced(alien: dict[str, Any]) -> None:
    assert edit_split(route(rule(alien)), BACKEND, SPLIT, PORT) == []


def test_a_backend_that_its_user_switched_off_stays_off() -> None:
    after = edited(route(rule(entry(weight=0))))
    assert [one["weight"] for one in references(after)] == [0, 0]


def test_the_patch_tests_the_version_and_each_backend_of_the_rule_before_it_writes() -> None:
    operations = edit_split(route(rule(entry("other"), entry(BACKEND, 100))), BACKEND, SPLIT, PORT)
    assert operations[:3] == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "test", "path": "/spec/rules/0/backendRefs/0/name", "value": "other"},
        {"op": "test", "path": "/spec/rules/0/backendRefs/1/name", "value": BACKEND},
    ]
    assert all(operation["op"] != "test" for operation in operations[3:])
    assert {operation["path"] for operation in operations[3:]} == {
        "/spec/rules/0/backendRefs",
        "/metadata/annotations",
    }


def test_a_route_that_changed_meanwhile_is_not_written() -> None:
    before = route(rule(entry()))
    operations = edit_split(before, BACKEND, SPLIT, PORT)
    before["metadata"]["resourceVersion"] = "8"
    with pytest.raises(TestFailedError, match="resourceVersion"):
        apply_patch(before, operations)


def test_the_next_revision_takes_the_candidates_place() -> None:
    after = edited(edited(route(rule(entry()))), {STABLE: 100, NEXT: 0})
    assert references(after) == [entry(STABLE, 100), entry(NEXT, 0)]


def test_a_rule_that_the_user_added_meanwhile_is_taken_too_and_given_back() -> None:
    after = edited(route(rule(entry())))
    after["spec"]["rules"].append(rule(entry(weight=5), path="/new"))
    assert read_split(after, SPLIT) == {}
    assert references(edited(after), 1) == [entry(CANDIDATE, 5), entry(STABLE, 95)]
    assert references(given_back(edited(after)), 1) == [entry(weight=5)]


def test_a_route_that_its_user_applied_again_is_taken_again() -> None:
    before = route(rule(entry()))
    reverted = edited(before)
    reverted["spec"] = copy.deepcopy(before["spec"])
    assert given_back(edited(reverted))["spec"] == before["spec"]


def test_filters_that_the_user_changed_meanwhile_stay_until_the_route_is_given_back() -> None:
    after = edited(route(rule(entry(filters=header("a")))))
    for one in references(after):
        one["filters"] = header("b")
    after = edited(after, {STABLE: 50, CANDIDATE: 50})
    assert [one["filters"] for one in references(after)] == [header("b")] * 2
    assert references(given_back(after)) == [entry(filters=header("a"))]


def test_a_weight_that_the_user_balanced_meanwhile_is_kept_when_the_route_is_given_back() -> None:
    after = edited(route(rule(entry(weight=1))))
    references(after).append(entry("shadow", 300))
    assert references(edited(after, {STABLE: 50, CANDIDATE: 50}))[2] == entry("shadow", 300)
    assert references(given_back(after)) == [entry(weight=100), entry("shadow", 300)]


def test_rules_that_were_swapped_and_changed_at_once_are_told_apart_by_their_filters() -> None:
    one, other = entry(weight=2, filters=header("a")), entry(weight=3, filters=header("b"))
    after = edited(route(rule(one, path="/a"), rule(other, path="/b")))
    first, second = after["spec"]["rules"]
    after["spec"]["rules"] = [rule(*second["backendRefs"], path="/d"), rule(*first["backendRefs"], path="/c")]
    restored = given_back(after)
    assert (references(restored, 0), references(restored, 1)) == ([other], [one])


def test_another_service_port_leaves_the_route_to_the_revisions_alone_and_the_old_one_comes_back() -> None:
    before = route(rule(entry()))
    after = edited(edited(before), port=8080)
    assert [one["port"] for one in references(after)] == [80, 80]
    assert given_back(after) == before


def test_two_places_in_one_rule_are_told_apart() -> None:
    before = route(rule(entry(weight=300, filters=header("a")), entry(weight=100, filters=header("b"))))
    after = edited(before)
    assert [one["weight"] for one in references(after)] == [15, 285, 5, 95]
    assert edit_split(after, BACKEND, SPLIT, PORT) == []
    assert given_back(after) == before


def test_of_two_places_in_one_rule_the_one_that_is_left_is_given_back() -> None:
    after = edited(route(rule(entry(weight=300), entry("other"), entry(weight=100))))
    del references(after)[:2]
    assert references(given_back(after)) == [entry("other"), entry(weight=100)]


def test_a_copied_rule_whose_past_is_not_known_leads_to_the_backend_and_is_told() -> None:
    after = edited(route(rule(entry(filters=header("a")))))
    after["spec"]["rules"].append(rule(entry(STABLE, 95), entry(CANDIDATE, 5), path="/copy"))
    after = edited(after)
    assert "rules[1]" in (cannot_give_back(after, MODEL) or "")
    assert references(given_back(after), 1) == [entry(weight=1)]
    assert references(given_back(after), 0) == [entry(filters=header("a"))]


def test_a_lost_annotation_is_written_again_as_well_as_can_be() -> None:
    after = edited(route(rule(entry(weight=7))))
    del after["metadata"]["annotations"]
    assert give_back(after, MODEL) == []
    after = edited(after)
    assert "rules[0]" in (cannot_give_back(after, MODEL) or "")
    assert references(given_back(after)) == [entry(weight=1)]


@pytest.mark.parametrize("garbage", ["{", "[]", "null", '{"backend":"fraud"}', '{"places":[{"x":1}]}', ""])
def test_a_garbled_annotation_stops_nothing_and_is_told(garbage: str) -> None:
    after = edited(route(rule(entry())))
    after["metadata"]["annotations"][ORIGINAL_BACKENDS_ANNOTATION] = garbage
    assert give_back(after, MODEL) == []
    assert "cannot be read" in (cannot_give_back(after, MODEL) or "")
    assert references(given_back(edited(after))) == [entry()]


def test_two_models_share_a_route_and_each_gives_its_own_place_back() -> None:
    before = route(rule(entry(weight=300), entry("spam", 100)), rule(entry("spam", 9), path="/spam"))
    spam = {"spam-bcdfghjklm": 50, "spam-2456789bcd": 50}
    both = edited(before)
    both = walk(both, lambda now: edit_split(now, "spam", spam, PORT))
    assert edit_split(both, BACKEND, SPLIT, PORT) == edit_split(both, "spam", spam, PORT) == []
    assert [one["weight"] for one in references(both)] == [15, 285, 50, 50]
    assert read_split(both, SPLIT) == SPLIT
    assert read_split(both, spam) == spam
    assert given_back(given_back(both, "spam")) == before
    assert given_back(given_back(both), "spam") == before


def test_a_backend_whose_place_another_model_took_is_told() -> None:
    taken = edited(route(rule(entry())))
    assert "the ModelDeployment fraud has taken" in (problems(taken, BACKEND, PORT, "other") or "")
    assert edit_split(taken, BACKEND, {"other-bcdfghjklm": 100}, PORT) == []


def test_an_annotation_that_an_older_serin_wrote_is_read_by_a_newer_one() -> None:
    written = (
        '{"fraud":{"backend":"fraud","places":[{"entry":{"group":"","kind":"Service","name":"fraud","port":80,"weight":7},'
        '"guessed":false,"index":0,"rule":"173829584f74275c"}],"port":80,'
        '"services":["fraud-2456789bcd","fraud-bcdfghjklm"]}}'
    )
    before = route(rule(entry(weight=7)))
    after = edited(before)
    assert after["metadata"]["annotations"] == {ORIGINAL_BACKENDS_ANNOTATION: written}
    assert given_back(after) == before


def test_a_route_that_was_never_edited_needs_nothing_back() -> None:
    assert give_back(route(rule(entry())), MODEL) == []
    assert cannot_give_back(route(rule(entry())), MODEL) is None


@given(routes(), st.lists(splits(), min_size=1, max_size=3))
def test_any_route_comes_back_exactly(before: dict[str, Any], history: list[dict[str, int]]) -> None:
    after = before
    for split in history:
        after = edited(after, split)
    assert cannot_give_back(after, MODEL) is None
    assert given_back(after) == before


@given(routes(), splits(), st.data())
def test_any_route_comes_back_though_its_rules_were_reordered_removed_and_added(
    before: dict[str, Any], split: dict[str, int], data: st.DataObject
) -> None:
    numbers = range(len(before["spec"]["rules"]))
    kept = data.draw(st.lists(st.sampled_from(numbers), unique=True))
    stranger = rule(entry("stranger"), path="/stranger")
    after = edited(before, split)
    for document in (before, after):
        rules = document["spec"]["rules"]
        document["spec"]["rules"] = [stranger, *(rules[number] for number in kept)]
    assert given_back(after) == before


@given(routes(), splits())
def test_an_edit_touches_nothing_but_the_backends_places(before: dict[str, Any], split: dict[str, int]) -> None:
    after = edited(before, split)
    after["metadata"] = before["metadata"]
    for number, one in enumerate(before["spec"]["rules"]):
        if "backendRefs" not in one:
            continue
        ours = [found for found in references(after, number) if found["name"] in split]
        theirs = [found for found in references(after, number) if found["name"] not in split]
        assert theirs == [found for found in one["backendRefs"] if not is_backend(found)]
        weights = [found.get("weight", 1) for found in one["backendRefs"] if is_backend(found)]
        alone = len(one["backendRefs"]) == 1
        assert sum(found["weight"] for found in ours) == (100 if alone and sum(weights) else sum(weights))
        after["spec"]["rules"][number]["backendRefs"] = one["backendRefs"]
    assert after == before


@given(routes(), splits())
def test_an_edit_that_was_made_is_not_made_again(before: dict[str, Any], split: dict[str, int]) -> None:
    after = edited(before, split)
    assert edit_split(after, BACKEND, split, PORT) == []


@given(routes(), splits())
def test_a_route_without_a_problem_reads_back_the_split_that_was_written(
    before: dict[str, Any], split: dict[str, int]
) -> None:
    if problems(before, BACKEND, PORT, MODEL) is None:
        assert read_split(edited(before, split), split) == split


@pytest.mark.parametrize(
    ("unusable", "told"),
    [
        (route(rule(entry("other"))), "no rule has the backend fraud"),
        (route(), "no rule has the backend fraud"),
        (route(rule({**entry(), "port": 8000})), "at port 8000, but spec.service.port is 80"),
        (route(rule(entry(), entry("other"))), "rules[0] gives fraud the weight 1 beside other backends"),
        (route(rule(entry(weight=0))), "the weight 0"),
        (route(rule(entry(weight=100), *[entry(f"o-{n}") for n in range(14)])), "has 15 backends"),
    ],
)
def test_a_route_that_cannot_be_used_is_told_with_what_to_do(unusable: dict[str, Any], told: str) -> None:
    problem = problems(unusable, BACKEND, PORT, MODEL)
    assert problem is not None
    assert problem.startswith("HTTPRoute ml/api: ")
    assert told in problem


@pytest.mark.parametrize(
    "usable",
    [
        route(rule(entry())),
        route(rule(entry(weight=100), entry("other", 1))),
        route(rule(entry("other")), rule(entry(weight=0), entry("x", 1)), rule(entry(), path="/a")),
        edited(route(rule(entry()))),
        edited(route(rule(entry(weight=100), *[entry(f"o-{n}") for n in range(13)]))),
    ],
)
def test_a_route_that_can_be_used_has_no_problem(usable: dict[str, Any]) -> None:
    assert problems(usable, BACKEND, PORT, MODEL) is None


def test_an_edited_route_that_lost_its_annotation_is_still_known_by_its_names() -> None:
    after = edited(route(rule(entry())))
    del after["metadata"]["annotations"]
    assert problems(after, BACKEND, PORT, MODEL) is None
