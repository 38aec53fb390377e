"""Two operators on one API server: the leader dies, ends or freezes in the middle of a rollout, and nothing is lost."""

import asyncio
import gc
import itertools
import ssl
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from uuid import UUID

import pytest

from controller.mortal import Kill, remains
from controller.relay import Relay, relay
from controller.test_killed_anywhere import (
    HOLD,
    LIVES,
    SPEC,
    Told,
    differences,
    healthy,
    in_step,
    wrong_times,
)
from fakes.apiserver import Hold, on
from fakes.waiting import until
from serin.cluster.errors import NotLeading
from serin.cluster.resources import ObjectKey

DOWN = timedelta(seconds=17)
SAMPLES = 4
KEY = ObjectKey("ml", "fraud")


# In one process the end of one operator's kopf is that of the other's too: its watch breaks off, and is begun anew.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _leave_no_sessions() -> Iterator[None]:
    """What one operator's end leaves of the other's kopf is collected here, and in no other test."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every new client reads the machine's certificates, which takes longer than the rest of its start."""
    monkeypatch.setattr("ssl.create_default_context", cache(ssl.create_default_context))
    monkeypatch.setattr("serin.cluster.primary.RETRY_SECONDS", 0.05)


def live(life: str, kill: Kill | None, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Play a life through with two operators."""
    numbers = itertools.count(1)
    monkeypatch.setattr("fakes.apiserver.store.uuid", SimpleNamespace(uuid4=lambda: UUID(int=next(numbers))))

    async def whole() -> Told:
        async with relay(kill) as both:
            await LIVES[life](both)
            assert both.leader.identity == ("first" if kill is None else "second")
            return Told(both.record, list(both.moments.values()), remains(both), [], ())

    return asyncio.run(whole())


@pytest.mark.parametrize("life", ["promoted", "rolled_back"])
def test_whenever_the_leader_is_killed_the_other_one_leads_the_same_life(
    life: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = live(life, None, monkeypatch)
    every = max(1, len(undisturbed.moments) // SAMPLES)
    wrong = {}
    for kill, moment in undisturbed.moments[::every]:
        told = live(life, Kill(kill.write, kill.after, DOWN), monkeypatch)
        problems = [*differences(undisturbed, told), *wrong_times(undisturbed, told, DOWN)]
        if problems:
            wrong[f"{kill.write}: {moment}"] = problems
    assert wrong == {}


def test_a_standby_sees_everything_and_does_nothing() -> None:
    async def whole() -> None:
        async with relay() as both:
            first, second = both.replicas
            both.deploy("1.0.0", **SPEC)
            await healthy(both, "1.0.0")
            both.deploy("2.0.0", **SPEC)
            await in_step(both, 20)
            assert not [call for call in both.server.log if second.sent(call) and call.write]
            assert second.operator._store.model_deployments().keys() == first.operator._store.model_deployments().keys()
            assert not second.operator._desk.courses
            assert not len(second.operator._clock)

    asyncio.run(whole())


def test_told_to_stop_the_leader_finishes_and_then_the_other_one_goes_on_at_once() -> None:
    async def whole() -> None:
        async with relay() as both:
            first, second = both.replicas
            both.deploy("1.0.0", **SPEC)
            await healthy(both, "1.0.0")
            hold = both.server.faults.add(Hold(), on("PATCH", "httproutes"))
            assert isinstance(hold, Hold)
            both.deploy("2.0.0", **SPEC)
            await asyncio.wait_for(hold.reached.wait(), 20)
            first.operator.stop()
            await asyncio.sleep(0.1)
            assert first.elector.leads, "what is being written is finished first"
            assert not second.elector.leads
            hold.released.set()
            await asyncio.wait_for(first.task, 20)
            await until(lambda: second.operator._acting)
            (release,) = [call for call in both.server.log if call.body and _holder(call.body) == ""]
            assert all(call.ended for call in both.server.log[: both.server.log.index(release)] if not call.watch)
            await _goes_on(both)

    asyncio.run(whole())


def test_what_a_frozen_leader_had_decided_is_not_sent_any_more_when_it_wakes() -> None:
    """Frozen as by SIGSTOP after its status write, before what follows from that; the other one leads meanwhile."""

    async def whole() -> None:
        async with relay() as both:
            first, _ = both.replicas
            both.deploy("1.0.0", **SPEC)
            await healthy(both, "1.0.0")
            hold = both.server.faults.add(Hold(after_effect=True), on("PUT", "modeldeployments", subresource="status"))
            assert isinstance(hold, Hold)
            both.deploy("2.0.0", **SPEC)
            await asyncio.wait_for(hold.reached.wait(), 20)
            before = len(both.server.log)
            both.steady.advance(11)  # its loop did not turn, as far as it knows
            with pytest.raises(NotLeading):
                first.elector.check()
            hold.released.set()
            await until(lambda: not first.operator._queue._running)
            assert not [call for call in both.server.log[before:] if first.sent(call) and _changes(call)]
            assert not first.operator._queue._failures
            both.steady.advance(5)  # and now all turn; nobody had taken the Lease yet
            await until(lambda: any(it.operator._acting and it.elector.leads for it in both.replicas))
            await _goes_on(both)

    asyncio.run(whole())


def test_a_write_that_the_api_server_carries_out_late_has_no_effect() -> None:
    """Sent in time and held up on the way, longer than the Lease lasts: the weights do not go back."""

    async def whole() -> None:
        async with relay() as both:
            both.deploy("1.0.0", **SPEC)
            await healthy(both, "1.0.0")
            hold = both.server.faults.add(Hold(), on("PATCH", "httproutes"))
            assert isinstance(hold, Hold)
            both.deploy("2.0.0", **SPEC)
            await asyncio.wait_for(hold.reached.wait(), 20)
            await _freeze(both)
            both.operator, both._task = both.leader.operator, both.leader.task
            await in_step(both, 50)
            splits = list(both.record.weights)
            hold.released.set()
            await asyncio.sleep(0.2)
            await both.settle()
            assert both.record.weights == splits
            await _goes_on(both)

    asyncio.run(whole())


def test_who_takes_over_decides_nothing_by_what_is_older_than_the_last_leaders_last_word() -> None:
    async def whole() -> None:
        async with relay() as both:
            both.deploy("1.0.0", **SPEC)
            await healthy(both, "1.0.0")
            _, second = both.replicas
            version = int((both.find("modeldeployments", "fraud") or {})["metadata"]["resourceVersion"])
            asked: list[ObjectKey] = []

            async def reconcile(key: ObjectKey) -> None:
                asked.append(key)

            second.operator._loop.reconcile = reconcile  # type: ignore[method-assign]
            both.replicas[0].operator.stop()
            await asyncio.wait_for(both.replicas[0].task, 20)
            await until(lambda: second.operator._acting and asked)
            assert second.operator._newest == {KEY: version}
            asked.clear()
            second.operator._newest = {KEY: version + 1}  # the watch has not come so far
            await second.operator._reconcile(KEY)
            assert not asked
            both.deploy("2.0.0", **SPEC)
            await until(lambda: asked == [KEY])

    asyncio.run(whole())


async def _freeze(both: Relay) -> None:
    """Keep the leader from renewing until the other one leads."""
    first, second = both.replicas
    mute = both.server.faults.add(Hold(), lambda call: first.sent(call) and call.plural == "leases", times=None)
    assert isinstance(mute, Hold)
    await both.take_over()
    assert second.elector.leads
    both.server.faults.remove(mute)
    mute.released.set()


async def _goes_on(both: Relay) -> None:
    """The rollout ends well, and no step was shorter than it should be."""
    both.operator, both._task = both.leader.operator, both.leader.task
    await healthy(both, "2.0.0")
    assert [dict(split).get("2.0.0", 0) for split in both.record.weights] == [0, 20, 50, 100]
    assert all(step.seconds >= HOLD for step in both.record.steps)


def _holder(body: object) -> object:
    spec = body.get("spec") if isinstance(body, dict) else None
    return spec.get("holderIdentity") if isinstance(spec, dict) else None


def _changes(call: object) -> bool:
    return bool(getattr(call, "write", False)) and getattr(call, "plural", "") != "leases"
