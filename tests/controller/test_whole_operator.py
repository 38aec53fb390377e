"""Lives of a ModelDeployment through the whole operator: hours of them in moments."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from controller.whole import Whole, own_route, whole_operator
from fakes.apiserver import Call, Drop, Fault, Refuse


def run(test: Callable[[Whole], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with whole_operator() as operator:
            await test(operator)

    asyncio.run(whole())


async def healthy(whole: Whole, version: str, name: str = "fraud") -> None:
    """Wait until the version carries all traffic."""

    def condition() -> bool:
        status = whole.status(name)
        return status.get("phase") == "Healthy" and status["version"] == version

    await whole.until(condition)


def outcomes(whole: Whole, name: str = "fraud") -> list[tuple[str, str]]:
    """How its rollouts ended, in the order in which they did."""
    history = whole.status(name).get("history", [])
    return sorted((entry["version"], entry["outcome"]) for entry in history)


def test_a_good_version_is_promoted_step_by_step_and_each_step_has_its_time() -> None:
    async def test(whole: Whole) -> None:
        whole.deploy("1.0.0")
        await healthy(whole, "1.0.0")
        (first,) = whole.split()
        whole.deploy("2.0.0")
        seen: dict[int, float] = {}
        began = whole.time.now()

        def passed() -> float:
            return (whole.time.now() - began).total_seconds()

        def promoted() -> bool:
            candidate = whole.status().get("candidate")
            if candidate:
                seen.setdefault(whole.split().get(f"fraud-{candidate}", 0), passed())
            return whole.status().get("version") == "2.0.0"

        await whole.until(promoted)
        assert list(seen)[-2:] == [20, 50]
        assert seen[50] - seen[20] >= 60
        assert passed() - seen[50] >= 60
        await healthy(whole, "2.0.0")
        assert outcomes(whole) == [("1.0.0", "Deployed"), ("2.0.0", "Promoted")]
        assert whole.split().get(first, 0) == 0

    run(test)


def test_a_version_that_fails_is_rolled_back_and_not_tried_again() -> None:
    async def test(whole: Whole) -> None:
        whole.deploy("1.0.0")
        await healthy(whole, "1.0.0")
        before = whole.split()
        whole.judge.failing = 0.2
        whole.deploy("2.0.0")
        await whole.until(lambda: ("2.0.0", "RolledBack") in outcomes(whole))
        await whole.until(lambda: whole.status()["phase"] == "Degraded")
        assert {name: weight for name, weight in whole.split().items() if weight} == before
        whole.judge.failing = 0.0
        await whole.kill()
        await whole.start()
        later = whole.time.now() + timedelta(minutes=10)
        await whole.pass_until(later)
        assert whole.status()["rejected"]["version"] == "2.0.0"
        assert "candidate" not in whole.status()
        assert whole.status()["version"] == "1.0.0"

    run(test)


def test_without_data_it_holds_and_goes_on_when_they_return() -> None:
    async def test(whole: Whole) -> None:
        whole.deploy("1.0.0")
        await healthy(whole, "1.0.0")
        whole.deploy("2.0.0")
        await whole.until(lambda: whole.status().get("weight") == 20)
        whole.judge.away = True
        later = whole.time.now() + timedelta(minutes=5)
        await whole.pass_until(later)
        assert whole.status()["weight"] == 20
        whole.judge.away = False
        await healthy(whole, "2.0.0")

    run(test)


def test_when_nothing_is_rolling_out_nothing_is_asked() -> None:
    async def test(whole: Whole) -> None:
        whole.deploy("1.0.0", rollback={"keepWarm": "0s", "drain": "0s"})
        await healthy(whole, "1.0.0")
        await whole.settle()
        calls, queries = len(whole.server.log), whole.judge.asked
        for _ in range(24):
            whole.time.advance(3600)
            await whole.settle()
        assert [str(call) for call in whole.server.log[calls:]] == []
        assert whole.judge.asked == queries

    run(test)


def test_a_canary_asks_for_nothing_twice_and_writes_no_status_for_words_alone() -> None:
    async def test(whole: Whole) -> None:
        whole.deploy("1.0.0")
        await healthy(whole, "1.0.0")
        before = len(whole.server.log)
        whole.deploy("2.0.0")
        await healthy(whole, "2.0.0")
        calls = [call for call in whole.server.log[before:] if not call.watch]
        assert [str(call) for call in calls if call.status not in {200, 201}] == []
        assert len([call for call in calls if call.plural == "httproutes"]) == 4, "one for each weight"
        assert len([call for call in calls if call.subresource == "status"]) <= 14
        assert len(calls) <= 32

    run(test)


def test_the_same_manifest_again_starts_nothing() -> None:
    async def test(whole: Whole) -> None:
        whole.deploy("1.0.0")
        await healthy(whole, "1.0.0")
        await whole.settle()
        before = whole.server.store.version
        whole.deploy("1.0.0")
        await whole.settle()
        assert whole.server.store.version == before

    run(test)


def test_rollouts_of_the_same_kind_share_their_looks() -> None:
    async def test(whole: Whole) -> None:
        names = [f"model-{number}" for number in range(4)]
        for name in names:
            whole.deploy("1.0.0", name)
        for name in names:
            await healthy(whole, "1.0.0", name)
        for name in names:
            whole.deploy("2.0.0", name)
        began, asked = whole.time.now(), whole.judge.asked
        for name in names:
            await healthy(whole, "2.0.0", name)
        ticks = (whole.time.now() - began).total_seconds() / 10
        assert whole.judge.asked - asked <= 4 * ticks + 4, "one look for each phase of the grid, however many there are"

    run(test)


@pytest.mark.parametrize("times", [1, 3])
def test_killed_in_the_middle_it_goes_on_and_shortens_no_step(times: int) -> None:
    async def test(whole: Whole) -> None:
        whole.deploy("1.0.0")
        await healthy(whole, "1.0.0")
        whole.deploy("2.0.0")
        await whole.until(lambda: whole.status().get("weight") == 20)
        began = whole.time.now()
        for _ in range(times):
            await whole.kill()
            whole.time.advance(10)
            await whole.start()
            await whole.settle()
        await whole.until(lambda: whole.status().get("weight") == 50)
        assert (whole.time.now() - began).total_seconds() >= 60
        await healthy(whole, "2.0.0")
        assert outcomes(whole) == [("1.0.0", "Deployed"), ("2.0.0", "Promoted")]

    run(test)


@pytest.mark.parametrize(
    "fault",
    [
        Refuse(500),
        Refuse(409, "Conflict"),
        Refuse(429, "TooManyRequests", retry_after=0),
        Refuse(503, "ServiceUnavailable"),
        Drop(),
        Drop(after_effect=True),
    ],
    ids=["500", "409", "429", "503", "dropped", "dropped after the effect"],
)
def test_every_third_write_that_goes_wrong_changes_nothing_but_the_time(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serin.controller.queue.Backoff.delay", lambda *_: 0.01)

    async def test(whole: Whole) -> None:
        count = 0

        def every_third(call: Call) -> bool:
            nonlocal count
            count += call.write and call.query.get("fieldManager") == "serin"
            return bool(call.write) and count % 3 == 0

        whole.server.faults.add(fault, every_third, times=None)
        whole.deploy("1.0.0")
        await healthy(whole, "1.0.0")
        whole.deploy("2.0.0")
        await healthy(whole, "2.0.0")
        assert outcomes(whole) == [("1.0.0", "Deployed"), ("2.0.0", "Promoted")]
        assert count > 20

    run(test)


def test_deleted_in_the_middle_everything_of_it_goes() -> None:
    async def test(whole: Whole) -> None:
        whole.deploy("1.0.0")
        await healthy(whole, "1.0.0")
        whole.deploy("2.0.0")
        await whole.until(lambda: whole.status().get("weight") == 20)
        whole.server.store.delete(whole.server.store.kind("modeldeployments"), ("ml", "fraud"))
        await whole.until(lambda: whole.find("modeldeployments", "fraud") is None)
        for plural in ("deployments", "services", "httproutes", "controllerrevisions"):
            assert whole.server.store.all(whole.server.store.kind(plural)) == []

    run(test)


def test_the_clock_of_the_api_server_makes_a_deletion_no_less_patient() -> None:
    """The Gateway has not accepted the route that is given back: requests would still come to pods that go."""

    async def test(whole: Whole) -> None:
        store = whole.server.store
        store.create(store.kind("httproutes"), own_route("fraud"), manager="kubectl")
        whole.deploy("1.0.0", traffic={"gatewayAPI": {"httpRoute": {"name": "fraud-front"}}}, progressDeadline="5m")
        await healthy(whole, "1.0.0")
        store.now = lambda: whole.time.now() - timedelta(hours=1)
        whole.server.simulation.routes.enabled = False
        store.delete(store.kind("modeldeployments"), ("ml", "fraud"))
        await whole.pass_until(whole.time.now() + timedelta(minutes=2))
        assert whole.find("modeldeployments", "fraud") is not None
        whole.server.simulation.resume()
        await whole.until(lambda: whole.find("modeldeployments", "fraud") is None)

    run(test)
