"""Lives of a ModelDeployment with the operator killed before and after every single thing that it writes."""

import asyncio
import itertools
import json
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from controller.mortal import DOWN, Kill, Mortal, Record, mortal_operator, remains
from serin.audit import Finding, Head, verify

HOLD = 60.0
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
    audited: list[tuple[Any, ...]]
    findings: tuple[Finding, ...]


Life = Callable[[Mortal], Awaitable[None]]


async def healthy(mortal: Mortal, version: str) -> None:
    """Wait until the version carries all traffic."""
    await mortal.until(lambda: mortal.status().get("phase") == "Healthy" and mortal.status()["version"] == version)


async def in_step(mortal: Mortal, weight: int) -> None:
    """Wait until all is done for the step with this weight."""
    await mortal.until(lambda: mortal.status().get("weight") == weight)


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
    """Killed from the new revision on until it is in its own first step and the pods of the one before have drained."""
    mortal.deploy("1.0.0", **SPEC)
    await healthy(mortal, "1.0.0")
    mortal.deploy("2.0.0", **SPEC)
    await in_step(mortal, 50)
    mortal.arm()
    mortal.deploy("3.0.0", **SPEC)
    await in_step(mortal, 20)
    await mortal.pass_until(mortal.time.now() + timedelta(seconds=5))
    mortal.disarm()
    await in_step(mortal, 50)


async def rebalanced(mortal: Mortal) -> None:
    """Traffic and pods move together, up and back again: four pods, and one more at a time."""
    strategy = {"capacity": "Rebalance", "maxSurgeReplicas": 1, "canary": {"steps": STEPS[1:]}}
    spec = {**SPEC, "replicas": 4, "strategy": strategy}
    mortal.deploy("1.0.0", **spec)
    await healthy(mortal, "1.0.0")
    mortal.arm()
    mortal.deploy("2.0.0", **spec)
    await mortal.until(lambda: mortal.pods() == {"1.0.0": 2, "2.0.0": 2})
    mortal.deploy("1.0.0", **spec)
    await healthy(mortal, "1.0.0")
    await at_rest(mortal)
    assert mortal.pods() == {"1.0.0": 4}
    assert mortal.record.most_pods == 5


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
    left = mortal.find("httproutes", "shop") or {}
    assert (left["spec"], left["metadata"]["annotations"]) == (ROUTE["spec"], ROUTE["metadata"]["annotations"])


LIVES: dict[str, Life] = {
    life.__name__: life for life in (promoted, rolled_back, replaced, rebalanced, without_traffic, deleted)
}


def live(life: Life, kill: Kill | None, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Play a life through.

    A ModelDeployment's looks lie on a grid by its uid: lives are compared, so it is the same in all of them.
    """
    numbers = itertools.count(1)
    monkeypatch.setattr("fakes.apiserver.store.uuid", SimpleNamespace(uuid4=lambda: UUID(int=next(numbers))))

    async def whole(log: Path) -> Told:
        async with mortal_operator(kill, str(log)) as mortal:
            await life(mortal)
            told = audited(log, mortal.status())
            return Told(mortal.record, list(mortal.moments.values()), remains(mortal), *told)

    with TemporaryDirectory() as folder:
        return asyncio.run(whole(Path(folder) / "audit.jsonl"))


def audited(log: Path, status: dict[str, Any]) -> tuple[list[tuple[Any, ...]], tuple[Finding, ...]]:
    """What the audit log says was done, and what is wrong with it; the status tells where the chain ends."""
    lines = log.read_bytes().splitlines(keepends=True)
    records = [json.loads(line) for line in lines]
    parts = ("action", "outcome", "user", "revision", "weightsBefore", "weightsAfter")
    chain = status.get("audit")
    heads = {records[0]["uid"]: Head(chain["sequence"], chain["hash"])} if chain else None
    return [tuple(record.get(part) for part in parts) for record in records], verify({"log": lines}, heads).findings


@pytest.fixture(autouse=True)
def _one_reading_of_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every new client reads the machine's certificates, which takes longer than the rest of its start."""
    monkeypatch.setattr("ssl.create_default_context", cache(ssl.create_default_context))


@pytest.mark.parametrize("life", LIVES)
def test_killed_before_or_after_any_write_it_lives_the_same_life(life: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrong_lives(LIVES[life], DOWN, monkeypatch) == {}


def test_away_for_longer_than_the_deadline_for_pods_it_never_asked_for_turns_no_version_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert wrong_lives(LIVES["without_traffic"], timedelta(minutes=20), monkeypatch) == {}


def wrong_lives(life: Life, down: timedelta, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Kill it at every moment, one at a time: what is not as in the life without a death, by the moment."""
    undisturbed = live(life, None, monkeypatch)
    assert len(undisturbed.moments) > 10
    assert undisturbed.findings == ()
    wrong = {}
    for kill, moment in undisturbed.moments:
        try:
            told = live(life, replace(kill, down=down), monkeypatch)
        except AssertionError as error:
            wrong[f"{kill.write}: {moment}"] = [f"it came to no end: {error}"]
            continue
        problems = [*differences(undisturbed, told), *wrong_times(undisturbed, told, down)]
        if problems:
            wrong[f"{kill.write}: {moment}"] = problems
    return wrong


def differences(undisturbed: Told, told: Told) -> Iterator[str]:
    """What a life has that it should not have, or lacks."""
    expected, seen = undisturbed.record, told.record
    if seen.positions != expected.positions:
        yield f"positions: {seen.positions} instead of {expected.positions}"
    if seen.weights != expected.weights:
        yield f"weights: {seen.weights} instead of {expected.weights}"
    if sorted(seen.made) != sorted(expected.made):
        yield f"made: {seen.made} instead of {expected.made}"
    if told.audited != undisturbed.audited:
        yield f"audited: {told.audited} instead of {undisturbed.audited}"
    for finding in told.findings:
        yield f"audit log: {finding}"
    if told.remains != undisturbed.remains:
        yield f"remains: {told.remains} instead of {undisturbed.remains}"


def wrong_times(undisturbed: Told, told: Told, down: timedelta) -> Iterator[str]:
    """Steps that were skipped, doubled or shortened, or are longer than by the time that the operator was down."""
    expected, seen = undisturbed.record.steps, told.record.steps
    if [step.split for step in seen] != [step.split for step in expected]:
        yield f"steps: {seen} instead of {expected}"
        return
    for mine, other in zip(seen, expected, strict=True):
        if mine.left is None or other.left is None:
            if mine.left is not other.left:
                yield f"left: {mine} instead of {other}"
        elif mine.seconds < min(HOLD, other.seconds):
            yield f"shortened: {mine} instead of {other}"
        elif mine.seconds > other.seconds + down.total_seconds() + 1:
            yield f"lengthened: {mine} instead of {other}"
