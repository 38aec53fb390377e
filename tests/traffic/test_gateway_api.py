from typing import Any

import pytest
from hypothesis import given

from serin.api.children import Owner
from serin.api.spec import Traffic
from serin.traffic.provider import Claim
from serin.traffic.routing import Routing
from traffic.routes import CANDIDATE, NEXT, PROVIDER, STABLE, entry, read_split, route, rule, splits

OWNER = Owner("ml", "fraud", "uid-1")


def made(split: dict[str, int], **traffic: Any) -> dict[str, Any]:
    asked = Traffic.model_validate({"gatewayAPI": {"parentRefs": [{"name": "edge"}], **traffic}})
    return PROVIDER.make_route(Claim(OWNER, asked, port=80), Routing(split))


def test_the_route_that_serin_makes_writes_out_what_the_api_server_would_fill_in() -> None:
    assert made(
        {STABLE: 100, CANDIDATE: 0},
        parentRefs=[{"name": "edge", "namespace": "infra", "sectionName": "https"}],
        hostnames=["fraud.example"],
    ) == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": "fraud",
            "namespace": "ml",
            "labels": {"app.kubernetes.io/managed-by": "serin", "serin.dev/model": "fraud"},
            "ownerReferences": [
                {
                    "apiVersion": "serin.dev/v1alpha1",
                    "kind": "ModelDeployment",
                    "name": "fraud",
                    "uid": "uid-1",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "parentRefs": [
                {
                    "group": "gateway.networking.k8s.io",
                    "kind": "Gateway",
                    "namespace": "infra",
                    "name": "edge",
                    "sectionName": "https",
                }
            ],
            "hostnames": ["fraud.example"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "backendRefs": [entry(CANDIDATE, 0), entry(STABLE, 100)],
                }
            ],
        },
    }


def test_a_route_for_every_host_names_none() -> None:
    # Said as an empty list: left out, hostnames that were there before would stay.
    assert made({STABLE: 100})["spec"]["hostnames"] == []


def test_the_order_of_the_split_makes_no_difference_to_the_route() -> None:
    assert made({STABLE: 95, CANDIDATE: 5}) == made({CANDIDATE: 5, STABLE: 95})


@given(splits())
def test_the_split_of_a_route_that_serin_made_reads_back(split: dict[str, int]) -> None:
    assert read_split(made(split), split) == split


@pytest.mark.parametrize(
    ("rules", "read"),
    [
        ([rule(entry())], None),
        ([rule(entry(STABLE, 95), entry(CANDIDATE, 5))], {STABLE: 95, CANDIDATE: 5}),
        ([rule(entry(STABLE, 285), entry(CANDIDATE, 15), entry("other", 50))], {STABLE: 95, CANDIDATE: 5}),
        ([rule(entry(STABLE, 0), entry(NEXT, 0))], {STABLE: 0, NEXT: 0}),
        ([rule(entry(STABLE, 0)), rule(entry(STABLE, 3), path="/a")], {STABLE: 100}),
        ([rule(entry(STABLE, 9), entry(NEXT, 1)), rule(entry(STABLE, 1), entry(NEXT, 1), path="/a")], {}),
        ([rule(entry(STABLE)), rule(entry(NEXT), path="/a")], {}),
        ([rule(entry(STABLE, 0)), rule(entry(STABLE, 3), entry(NEXT, 1), path="/a")], {}),
        ([rule(entry(STABLE, namespace="elsewhere"))], None),
    ],
)
def test_a_split_is_read_only_where_all_rules_agree(rules: list[dict[str, Any]], read: dict[str, int] | None) -> None:
    assert read_split(route(*rules), {STABLE, CANDIDATE}) == read


def test_a_service_of_another_model_that_is_named_alike_is_not_ours() -> None:
    other = "fraud-x-bcdfghjklm"
    assert read_split(route(rule(entry(STABLE, 40), entry(other, 60))), {STABLE}) == {STABLE: 100}
