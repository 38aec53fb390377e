"""A GRPCRoute is what an HTTPRoute is, with methods in place of paths."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from serin.api.children import Owner
from serin.api.spec import Traffic
from serin.traffic.gateway_api import GRPCRoutes
from serin.traffic.provider import Claim
from serin.traffic.providers import provider_for, provider_of
from serin.traffic.routing import Audience, Mirror, Routing
from traffic.routes import BACKEND, CANDIDATE, PORT, STABLE, entry, routings, walk

PROVIDER = GRPCRoutes()
OWNER = Owner("ml", "fraud", "uid-1")
ROUTING = Routing(
    {STABLE: 100, CANDIDATE: 0}, (Audience(CANDIDATE, {"x-preview": "true"}),), mirror=Mirror(CANDIDATE, 100)
)


def claim(**traffic: Any) -> Claim:
    return Claim(OWNER, Traffic.model_validate({"gatewayAPI": traffic}), PORT)


MADE = claim(parentRefs=[{"name": "edge"}], protocol="GRPC")
OWN = claim(grpcRoute={"name": "api", "backend": BACKEND})


@pytest.mark.parametrize("asked", [MADE, OWN])
def test_it_is_chosen_where_grpc_is_asked_for(asked: Claim) -> None:
    assert provider_of(asked.traffic).KIND == "GRPCRoute"
    assert provider_for({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute"}).KIND == "GRPCRoute"
    assert provider_of(claim(parentRefs=[{"name": "edge"}]).traffic).KIND == "HTTPRoute"


def test_the_rule_for_all_asks_for_nothing_and_an_audience_for_its_headers_alone() -> None:
    first, last = PROVIDER.make_route(MADE, ROUTING)["spec"]["rules"]
    assert first["matches"] == [{"headers": [{"name": "x-preview", "type": "Exact", "value": "true"}]}]
    assert last == {
        "backendRefs": [entry(CANDIDATE, 0), entry(STABLE, 100)],
        "filters": [
            {
                "type": "RequestMirror",
                "requestMirror": {"backendRef": {"group": "", "kind": "Service", "name": CANDIDATE, "port": 80}},
            }
        ],
    }


@given(routings())
def test_all_that_a_made_route_says_reads_back(asked: Routing) -> None:
    routing = replace(asked, stickiness=None)
    document = PROVIDER.make_route(MADE, routing)
    assert PROVIDER.read_routing(document, routing.split) == routing
    assert PROVIDER.is_as_made(document, PROVIDER.make_route(MADE, routing))


@given(routings())
def test_an_own_route_is_edited_beside_its_methods_and_comes_back_exactly(asked: Routing) -> None:
    routing = replace(asked, stickiness=None)
    method = {"method": {"type": "Exact", "service": "fraud.v1.Scores", "method": "Score"}}
    before = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GRPCRoute",
        "metadata": {"name": "api", "namespace": "ml", "resourceVersion": "7", "generation": 3},
        "spec": {
            "parentRefs": [{"name": "edge"}],
            "rules": [{"matches": [method], "backendRefs": [entry()]}, {"backendRefs": [entry()]}],
        },
    }
    after = walk(before, lambda now: PROVIDER.edit_route(now, OWN, routing))
    assert PROVIDER.read_routing(after, routing.split) == routing
    assert walk(after, lambda now: PROVIDER.give_back(now, "fraud")) == before
    assert "spec.traffic.gatewayAPI.grpcRoute.backend" in (
        PROVIDER.problems({**before, "spec": {"rules": []}}, OWN, routing) or ""
    )
