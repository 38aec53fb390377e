from typing import Any

import pytest

from serin.traffic.acceptance import AcceptanceState
from serin.traffic.route_status import acceptance
from traffic.routes import entry, route, rule


def condition(kind: str, status: str = "True", generation: int = 3, **more: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "observedGeneration": generation, "reason": "R", **more}


def parent(*conditions: dict[str, Any], name: str = "edge", **more: str) -> dict[str, Any]:
    reference = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name, **more}
    return {"parentRef": reference, "controllerName": "example/c", "conditions": list(conditions)}


GOOD = (condition("Accepted"), condition("ResolvedRefs"))
OLD = (condition("Accepted", generation=2), condition("ResolvedRefs", generation=2))
OLD_BAD = (condition("Accepted", "False", generation=2), condition("ResolvedRefs"))
BAD = (condition("Accepted"), condition("ResolvedRefs", "False", message="Service x not found"))
UNKNOWN = (condition("Accepted", "Unknown"), condition("ResolvedRefs"))

ONE = [{"name": "edge"}]
TWO = [{"name": "edge"}, {"name": "inner", "namespace": "infra"}]
INNER = parent(*GOOD, name="inner", namespace="infra")


@pytest.mark.parametrize(
    ("named", "told", "state"),
    [
        (ONE, [], AcceptanceState.PENDING),
        (ONE, [parent(*GOOD)], AcceptanceState.ACCEPTED),
        (ONE, [parent(*GOOD, namespace="ml")], AcceptanceState.ACCEPTED),
        (ONE, [parent(*GOOD, namespace="elsewhere")], AcceptanceState.PENDING),
        (ONE, [parent(*GOOD, sectionName="https")], AcceptanceState.PENDING),
        ([{"name": "edge", "sectionName": "https"}], [parent(*GOOD, sectionName="https")], AcceptanceState.ACCEPTED),
        (ONE, [parent(GOOD[0])], AcceptanceState.PENDING),
        (ONE, [parent(*OLD)], AcceptanceState.PENDING),
        (ONE, [parent(*OLD_BAD)], AcceptanceState.PENDING),
        (ONE, [parent(*UNKNOWN)], AcceptanceState.PENDING),
        (ONE, [parent(*BAD)], AcceptanceState.REFUSED),
        (ONE, [parent(*OLD), parent(*GOOD)], AcceptanceState.ACCEPTED),
        (TWO, [parent(*GOOD)], AcceptanceState.PENDING),
        (TWO, [parent(*GOOD), INNER], AcceptanceState.ACCEPTED),
        (TWO, [parent(*BAD), INNER], AcceptanceState.REFUSED),
        (TWO, [parent(*OLD), parent(*BAD, name="inner", namespace="infra")], AcceptanceState.REFUSED),
        ([], [], AcceptanceState.REFUSED),
    ],
)
def test_a_route_is_accepted_when_all_gateways_say_so_of_this_generation(
    named: list[dict[str, Any]], told: list[dict[str, Any]], state: AcceptanceState
) -> None:
    document = route(rule(entry()))
    document["spec"]["parentRefs"] = named
    document["status"] = {"parents": told}
    assert acceptance(document).state is state


def test_a_refusal_has_the_controllers_words() -> None:
    document = {**route(rule(entry())), "status": {"parents": [parent(*BAD)]}}
    assert acceptance(document).message == "Gateway ml/edge says ResolvedRefs=False, R: Service x not found"


def test_a_pending_route_says_whom_it_waits_for() -> None:
    assert acceptance(route(rule(entry()))).message == "waiting for Gateway ml/edge to take it up"
