"""Leader election on the fake API server: never two, soon one, whatever goes wrong."""

import asyncio
import random
import re

import pytest

from cluster_room.contest import NAME, NAMESPACE, TERMS, Contest, contest, play
from fakes.apiserver import Drop, Fault, Hold, Refuse, Silence, on
from serin.cluster.errors import NotLeading

SOON = 4.5
"""A standby whose watch is dead looks at the Lease after two renewals that it should have heard of."""


def test_the_first_leads_and_the_lease_says_since_when_and_how_often_it_changed_hands() -> None:
    async def test(it: Contest) -> None:
        spec = it.lease["spec"]
        assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("a", 15, 0)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", spec["renewTime"])
        await it.passes(30)
        renewed = it.lease["spec"]
        assert renewed["acquireTime"] == spec["acquireTime"]
        assert renewed["renewTime"] > spec["renewTime"]
        await it.candidates[0].exit()
        await it.settle()
        assert it.lease["spec"]["leaseTransitions"] == 1
        assert it.lease["spec"]["acquireTime"] > renewed["acquireTime"]

    play("a", "b", test=test)


def test_idle_the_leader_renews_every_two_seconds_and_a_standby_asks_nothing() -> None:
    async def test(it: Contest) -> None:
        before = len(it.server.log)
        await it.passes(60)
        calls = it.server.log[before:]
        assert {(call.method, call.name) for call in calls} == {("PUT", NAME)}
        assert len(calls) == 30

    play("a", "b", test=test)


def test_one_that_ends_well_is_followed_at_once() -> None:
    async def test(it: Contest) -> None:
        first, second = it.candidates
        began = it.time.now()
        await first.exit()
        await it.settle()
        assert it.leaders == ["b"]
        assert it.time.now() == began
        assert (first.told, second.told) == (["gained", "lost"], ["gained"])
        with pytest.raises(NotLeading, match=f"a does not hold the Lease {NAMESPACE}/{NAME}"):
            first.elector.check()

    play("a", "b", test=test)


def test_one_that_is_killed_is_followed_when_its_lease_runs_out_and_not_before() -> None:
    async def test(it: Contest) -> None:
        first, second = it.candidates
        await it.passes(7)
        await first.kill()
        took = await it.seconds_until(lambda: second.leads)
        assert TERMS.duration - TERMS.retry <= took <= TERMS.duration + 1

    play("a", "b", test=test)


@pytest.mark.parametrize(
    "fault",
    [
        Hold(),
        Refuse(500),
        Refuse(403, "Forbidden"),
        Refuse(429, "TooManyRequests", retry_after=1),
        Refuse(409, "Conflict"),
        Drop(),
    ],
    ids=["no answer", "500", "403", "429", "409", "connection cut"],
)
def test_a_leader_that_cannot_renew_stops_after_ten_seconds_and_before_the_next_one_begins(fault: Fault) -> None:
    async def test(it: Contest) -> None:
        first, second = it.candidates
        it.server.faults.add(fault, first.sent, times=None)
        lost = await it.seconds_until(lambda: "lost" in first.told)
        assert TERMS.renew_deadline - TERMS.retry <= lost <= TERMS.renew_deadline
        took = lost + await it.seconds_until(lambda: second.leads)
        assert took >= TERMS.duration - TERMS.retry
        it.server.faults.clear()
        if isinstance(fault, Hold):
            fault.released.set()
        await it.passes(20)
        assert it.leaders == ["b"]
        assert first.told == ["gained", "lost"]

    play("a", "b", test=test)


def test_while_the_api_server_is_away_nobody_leads_and_afterwards_one() -> None:
    async def test(it: Contest) -> None:
        it.server.faults.add(Drop(), lambda _: True, times=None)
        it.server.watches.cut()
        await it.passes(40)
        assert it.leaders == []
        it.server.faults.clear()
        await it.passes(5)
        assert len(it.leaders) == 1

    play("a", "b", test=test)


@pytest.mark.parametrize("said", ["1970-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z"])
def test_what_time_it_is_for_others_does_not_matter(said: str) -> None:
    async def test(it: Contest) -> None:
        await it.candidates[0].kill()
        it.edit(renewTime=said, holderIdentity="somebody whose clock is wrong")
        await it.settle()
        took = await it.seconds_until(lambda: it.candidates[1].leads)
        assert TERMS.duration <= took <= TERMS.duration + 1

    play("a", "b", test=test)


def test_of_many_that_begin_at_the_same_moment_one_leads() -> None:
    async def whole() -> None:
        async with contest(*"abcdef") as it:
            for candidate in it.candidates:
                candidate.start()
            await it.passes(3)
            assert len(it.leaders) == 1
            assert any(call.status == 409 for call in it.server.log)
            (leader,) = (candidate for candidate in it.candidates if candidate.leads)
            await leader.exit()
            await it.settle()
            assert len(it.leaders) == 1

    asyncio.run(whole())


def test_somebody_elses_change_to_the_lease_is_kept_and_costs_nothing() -> None:
    async def test(it: Contest) -> None:
        for number in range(10):
            store, lease = it.server.store, it.lease
            lease["metadata"]["annotations"] = {"note": str(number)}
            store.update(store.kind("leases"), lease, manager="kubectl", status=False)
            await it.passes(2)
        assert it.candidates[0].told == ["gained"]
        assert it.lease["metadata"]["annotations"] == {"note": "9"}
        assert any(call.status == 409 for call in it.server.log)

    play("a", "b", test=test)


def test_a_renewal_whose_answer_was_lost_is_made_good_at_once() -> None:
    async def test(it: Contest) -> None:
        first, second = it.candidates
        for _ in range(10):
            it.server.faults.add(Drop(after_effect=True), lambda call: first.sent(call) and call.method == "PUT")
            await it.passes(4)
        assert (first.told, second.told) == (["gained"], [])
        it.server.faults.add(Drop(after_effect=True), lambda call: first.sent(call) and call.method == "PUT")
        await it.passes(2)
        await first.exit()
        await it.settle()
        assert it.leaders == ["b"]

    play("a", "b", test=test)


def test_frozen_beyond_its_time_it_leads_no_more_before_it_has_turned_once() -> None:
    async def test(it: Contest) -> None:
        first, second = it.candidates
        it.time.advance(TERMS.renew_deadline)  # nobody's loop turns, as under SIGSTOP
        assert not first.leads
        with pytest.raises(NotLeading):
            first.elector.check()
        it.time.advance(60)
        await it.settle()
        assert "lost" in first.told
        await it.passes(20)
        assert len(it.leaders) == 1
        assert first.told[:2] == ["gained", "lost"]
        assert second.told in ([], ["gained"])

    play("a", "b", test=test)


def test_frozen_alone_it_leads_anew_as_if_it_had_just_begun() -> None:
    async def test(it: Contest) -> None:
        it.time.advance(60)
        await it.settle()
        assert it.leaders == ["a"]
        assert it.candidates[0].told == ["gained", "lost", "gained"]
        registry = it.candidates[0].registry
        assert registry.get_sample_value("serin_leader") == 1.0
        assert registry.get_sample_value("serin_leader_changes_total", {"change": "gained"}) == 2.0

    play("a", test=test)


def test_a_lease_that_is_deleted_by_hand_stays_its_leaders() -> None:
    async def test(it: Contest) -> None:
        store = it.server.store
        store.delete(store.kind("leases"), (NAMESPACE, NAME))
        await it.settle()
        assert it.leaders == ["a"]
        await it.passes(20)
        assert it.leaders == ["a"]
        assert it.candidates[0].told == ["gained"]
        assert it.lease["spec"]["holderIdentity"] == "a"

    play("a", "b", test=test)


def test_a_lease_that_is_taken_by_hand_is_lost_at_the_next_renewal() -> None:
    async def test(it: Contest) -> None:
        it.edit(holderIdentity="somebody")
        await it.seconds_until(lambda: it.candidates[0].told == ["gained", "lost"], within=TERMS.retry + 0.5)

    play("a", test=test)


def test_a_standby_whose_watch_is_silent_takes_over_a_little_later() -> None:
    async def whole() -> None:
        async with contest("a", "b") as it:
            it.server.faults.add(Silence(), on("GET", "leases", watch=True), times=None)
            first, second = it.candidates
            first.start()
            await it.settle()
            second.start()
            await it.passes(6)
            assert second.told == []
            await first.exit()
            assert await it.seconds_until(lambda: second.leads) <= SOON

    asyncio.run(whole())


def test_a_lease_that_could_not_be_given_back_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def test(it: Contest) -> None:
        it.server.faults.add(Refuse(500), it.candidates[0].sent, times=None)
        await it.candidates[0].exit()
        assert "The Lease could not be given back" in caplog.text
        assert it.leaders == []

    play("a", test=test)


def test_one_that_believes_to_lead_beyond_its_time_can_be_noticed() -> None:
    async def test(it: Contest) -> None:
        (only,) = it.candidates
        await only.kill()
        assert only.elector.overdue == 0
        it.time.advance(TERMS.renew_deadline + 7)
        assert only.elector.overdue == pytest.approx(7, abs=TERMS.retry)
        assert not only.leads

    play("a", test=test)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_never_two_lead_and_in_the_end_one(seed: int) -> None:
    """`Contest.leaders` fails if two lead; it is looked at after each half second and while anything is answered."""
    chance = random.Random(seed)

    async def test(it: Contest) -> None:
        for _ in range(25):
            who = chance.choice(it.candidates)
            fault = chance.choice([Drop(), Drop(after_effect=True), Refuse(500), Refuse(409, "Conflict")])
            event = chance.randrange(6)
            if event < 3:
                it.server.faults.add(fault, who.sent, times=chance.choice([1, 3, None]))
            elif event == 3:
                it.server.faults.clear()
            elif event == 4:
                it.time.advance(chance.choice([1.0, 9.0, 16.0]))
            else:
                it.server.watches.cut()
            await it.passes(chance.choice([0.5, 2.0, 6.0]))
        it.server.faults.clear()
        await it.passes(20)
        assert len(it.leaders) == 1

    play("a", "b", "c", test=test)
