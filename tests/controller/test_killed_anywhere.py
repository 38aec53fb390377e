"""Lives of a ModelDeployment with the operator killed before and after every single thing that it writes."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from controller.mortal import DOWN, Kill, Mortal, Record, mortal_operator, remains

HOLD = 30.0
INTERVAL = 10.0
STEPS = [{"weight": 20, "hold": f"{HOLD:g}s"}, {"weight": 50, "hold": f"{HOLD:g}s"}]
SPEC: dict[str, Any] = {
    "strategy": {"canary": {"steps": STEPS}},
    "rollback": {"keepWarm": "30s", "drain": "1s"},
}
ROUTE: dict[str, Any] = {
    "metadata": {"name": "shop", "namespace": "ml", "annotations": {"owner": "somebody"}},
    "spec": {
        "parentRefs": [{"name": "public"}],
        "rules": [{"backendRefs": [{"name": "fraud", "port": 80, "weight": 1}]}],
    },
}


@dataclass(frozen=True)
class Told:
    """What a life came to."""

    record: Record
    moments: list[tuple[Kill, str]]
    remains: dict[str, list[Any]]


Life = Callable[[Mortal], Awaitable[None]]


async def healthy(mortal: Mortal, version: str) -> None:
    """Wait until the version carries all traffic."""
    await mortal.until(lambda: mortal.status().get("phase") == "Healthy" and mortal.status()["version"] == version)


async def in_step(mortal: Mortal, weight: int) -> None:
    """Wait until the time of the step with this weight runs."""
    await mortal.until(lambda: mortal.status().get("weight") == weight and mortal.status()["step"].get("since"))


async def at_rest(mortal: Mortal) -> None:
    """Let pass what old pods are kept for."""
    await mortal.pass_until(mortal.time.now() + timedelta(minutes=3))


async def promoted(mortal: Mortal) -> None:
    """From a first version that serves to the last pod of it."""
    mortal.deploy("1.0.0", **SPEC)
    await healthy(mortal, "1.0.0")
    mortal.arm()
    mortal.deploy("2.0.0", **SPEC)
    await healthy(mortal, "2.0.0")
    await at_rest(mortal)


async def rolled_back(mortal: Mortal) -> None:
    """Up to its first step it is like one that is promoted: killed from there on."""
    mortal.deploy("1.0.0", **SPEC)
    await healthy(mortal, "1.0.0")
    mortal.judge.failing = 0.2
    mortal.deploy("2.0.0", **SPEC)
    await in_step(mortal, 20)
    mortal.arm()
    await mortal.until(lambda: mortal.status().get("phase") == "Degraded")
    await at_rest(mortal)


async def replaced(mortal: Mortal) -> None:
    """Killed from the new revision in the middle until its own first step; the rest is like one that is promoted."""
    mortal.deploy("1.0.0", **SPEC)
    await healthy(mortal, "1.0.0")
    mortal.deploy("2.0.0", **SPEC)
    await in_step(mortal, 50)
    mortal.arm()
    mortal.deploy("3.0.0", **SPEC)
    await in_step(mortal, 20)
    await in_step(mortal, 50)
    mortal.disarm()
    await healthy(mortal, "3.0.0")


async def without_traffic(mortal: Mortal) -> None:
    """From nothing, so that the first deployment is in it."""
    spec = {"rollback": SPEC["rollback"], "traffic": None, "strategy": None, "analysis": None}
    mortal.arm()
    mortal.deploy("1.0.0", **spec)
    await healthy(mortal, "1.0.0")
    mortal.deploy("2.0.0", **spec)
    await healthy(mortal, "2.0.0")
    await at_rest(mortal)


async def deleted(mortal: Mortal) -> None:
    """With a route of the user's own, which is taken over and given back."""
    store = mortal.server.store
    store.create(store.kind("httproutes"), ROUTE, manager="kubectl")
    mortal.arm()
    spec = {**SPEC, "traffic": {"gatewayAPI": {"httpRoute": {"name": "shop"}}}}
    mortal.deploy("1.0.0", **spec)
    await healthy(mortal, "1.0.0")
    mortal.deploy("2.0.0", **spec)
    await in_step(mortal, 20)
    store.delete(store.kind("modeldeployments"), ("ml", "fraud"))
    await mortal.until(lambda: mortal.find("modeldeployments", "fraud") is None)
    await mortal.settle()


LIVES: dict[str, Life] = {life.__name__: life for life in (promoted, rolled_back, replaced, without_traffic, deleted)}


def live(life: Life, kill: Kill | None, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Play a life through.

    A ModelDeployment's looks lie on a grid by its uid: lives are compared, so it is the same in all of them.
    """
    numbers = itertools.count(1)
    monkeypatch.setattr("fakes.apiserver.store.uuid", SimpleNamespace(uuid4=lambda: UUID(int=next(numbers))))

    async def whole() -> Told:
        async with mortal_operator(kill) as mortal:
            await life(mortal)
            return Told(mortal.record, list(mortal.moments.values()), remains(mortal))

    return asyncio.run(whole())


@pytest.mark.parametrize("life", LIVES)
def test_killed_before_or_after_any_write_it_lives_the_same_life(life: str, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = live(LIVES[life], None, monkeypatch)
    assert len(undisturbed.moments) > 10
    wrong: dict[str, list[str]] = {}
    for kill, moment in undisturbed.moments:
        try:
            problems = list(differences(undisturbed, live(LIVES[life], kill, monkeypatch)))
        except AssertionError as error:
            problems = [f"it came to no end: {error}"]
        if problems:
            wrong[f"{kill.write}: {moment}"] = problems
    assert wrong == {}


def differences(undisturbed: Told, told: Told) -> Iterator[str]:
    """What a life has that it should not have, or lacks."""
    expected, seen = undisturbed.record, told.record
    if seen.positions != expected.positions:
        yield f"positions: {seen.positions} instead of {expected.positions}"
    if seen.weights != expected.weights:
        yield f"weights: {seen.weights} instead of {expected.weights}"
    if len(set(seen.made)) != len(seen.made) or set(seen.made) != set(expected.made):
        yield f"made: {seen.made} instead of {expected.made}"
    if told.remains != undisturbed.remains:
        yield f"remains: {told.remains} instead of {undisturbed.remains}"
    if len(seen.steps) != len(expected.steps):
        yield f"steps: {seen.steps} instead of {expected.steps}"
    for mine, other in zip(seen.steps, expected.steps, strict=False):
        if (mine.version, mine.index) != (other.version, other.index):
            yield f"steps: {mine} instead of {other}"
        if other.left is None or mine.left is None:
            continue
        if other.seconds >= HOLD and mine.seconds < HOLD:
            yield f"shortened: {mine.seconds} s, {mine}"
        if mine.seconds > other.seconds + DOWN.total_seconds() + 1:
            yield f"lengthened: {mine.seconds} s instead of {other.seconds}"
