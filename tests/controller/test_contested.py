"""Somebody reverts the route each second: the whole operator names it, and spares the API server."""

from datetime import timedelta
from typing import Any

from controller.test_whole_operator import healthy, run
from controller.whole import Whole

LONG: dict[str, Any] = {
    "strategy": {"canary": {"steps": [{"weight": 20, "hold": "30m"}, {"weight": 50, "hold": "60s"}]}}
}


def revert(whole: Whole) -> None:
    """What a GitOps tool does that has other weights in its repository."""
    store = whole.server.store
    route = whole.find("httproutes", "fraud")
    assert route is not None
    backends = route["spec"]["rules"][0]["backendRefs"]
    stable = f"fraud-{whole.status()['stable']}"
    for backend in backends:
        backend["weight"] = 100 if backend["name"] == stable else 0
    store.update(store.kind("httproutes"), route, manager="argocd-controller", status=False)


async def fight(whole: Whole, seconds: int) -> None:
    """Somebody reverts the route again and again."""
    for _ in range(seconds):
        if sorted(whole.split().values()) == [20, 80]:
            revert(whole)
        await whole.pass_until(whole.time.now() + timedelta(seconds=1))


def condition(whole: Whole, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in whole.status()["conditions"] if each["type"] == kind)
    return found


def test_ten_minutes_of_reverts_cost_few_calls_and_few_status_writes() -> None:
    async def test(whole: Whole) -> None:
        whole.deploy("1.0.0")
        await healthy(whole, "1.0.0")
        whole.deploy("2.0.0", **LONG)
        await whole.until(lambda: whole.status().get("weight") == 20)
        await whole.pass_until(whole.time.now() + timedelta(minutes=2))
        before = len(whole.server.log)
        await fight(whole, 600)
        calls = [call for call in whole.server.log[before:] if not call.watch]
        statuses = [call for call in calls if call.subresource == "status"]
        assert len(calls) < 25, [str(call) for call in calls]
        assert len(statuses) <= 3
        shifted = condition(whole, "TrafficShifted")
        assert (shifted["status"], shifted["reason"]) == ("False", "Contested")
        assert "argocd-controller" in shifted["message"]
        assert whole.status()["weight"] == 20
        before = len(whole.server.log)
        await healthy(whole, "2.0.0")
        events = [call for call in whole.server.log if call.plural == "events"]
        told = [call.body.get("reason") for call in events if isinstance(call.body, dict)]
        assert told.count("RouteContested") == 1
        assert told.count("ContestOver") == 1

    run(test)


def test_whoever_changes_the_address_of_a_model_is_named() -> None:
    async def test(whole: Whole) -> None:
        whole.deploy("1.0.0")
        await healthy(whole, "1.0.0")
        store = whole.server.store
        for _ in range(8):
            service = whole.find("services", "fraud")
            assert service is not None
            service["spec"]["selector"] = {"app": "mine"}
            store.update(store.kind("services"), service, manager="helm", status=False)
            await whole.pass_until(whole.time.now() + timedelta(seconds=1))
        assert "helm (selector: app=mine)" in whole.status()["message"]
        assert condition(whole, "Stalled")["reason"] == "Contested"
        await whole.until(lambda: condition(whole, "Ready")["status"] == "True")

    run(test)
