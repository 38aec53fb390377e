"""A server that fails is spared, and asked in full as soon as it answers again."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from fakes.prometheus import FakePrometheus, Fault
from metrics.subjects import NOW
from serin.metrics import Meters, MetricsError, Server, ServerPool
from serin.metrics.breaker import Breaker
from serin.metrics.provider import (
    CircuitOpenError,
    PartialAnswerError,
    RangeQuery,
    RefusedError,
    Series,
    TooLargeError,
    UnknownServerError,
    UnreachableError,
)

SECOND = timedelta(seconds=1)
QUERY = RangeQuery("up", NOW, NOW, SECOND, 2 * SECOND)


@dataclass
class Patient:
    """A provider that fails as it is told, and waits as long as it is told."""

    error: MetricsError | None = None
    asked: int = 0
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answers.set()

    async def query_range(self, query: RangeQuery) -> tuple[Series, ...]:
        self.asked += 1
        await self.answers.wait()
        if self.error is not None:
            raise type(self.error)(str(self.error))
        return ()


@dataclass
class Ward:
    """A breaker with a clock that stands still."""

    patient: Patient = field(default_factory=Patient)
    now: float = 100.0
    told: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.patient, self.told.append, lambda: self.now)

    async def ask(self) -> str:
        try:
            await self.breaker.query_range(QUERY)
        except MetricsError as error:
            return f"{type(error).__name__}: {error}"
        return "answered"

    async def fail(self, times: int) -> None:
        self.patient.error = UnreachableError("gone")
        for _ in range(times):
            assert await self.ask() == "UnreachableError: gone"


def test_after_three_failures_in_a_row_nothing_is_asked_for_a_second() -> None:
    async def story() -> None:
        ward = Ward()
        await ward.fail(3)
        assert (await ward.ask(), ward.patient.asked) == ("CircuitOpenError: gone", 3)
        ward.now += 0.99
        assert (await ward.ask(), ward.patient.asked, ward.told) == ("CircuitOpenError: gone", 3, [True])

    asyncio.run(story())


def test_failures_between_answers_open_nothing() -> None:
    async def story() -> None:
        ward = Ward()
        for _ in range(3):
            await ward.fail(2)
            ward.patient.error = None
            assert await ward.ask() == "answered"
        assert ward.told == []

    asyncio.run(story())


@pytest.mark.parametrize("error", [RefusedError, TooLargeError, PartialAnswerError])
def test_what_tells_of_the_query_alone_opens_nothing(error: type[MetricsError]) -> None:
    async def story() -> None:
        ward = Ward(Patient(error("no")))
        for _ in range(9):
            assert await ward.ask() == f"{error.__name__}: no"

    asyncio.run(story())


def test_probes_are_sent_less_and_less_often_up_to_once_a_minute() -> None:
    async def story() -> None:
        ward = Ward()
        await ward.fail(3)
        sent: list[float] = []
        while len(sent) < 9:
            before = ward.patient.asked
            ward.now += 0.25
            await ward.ask()
            if ward.patient.asked > before:
                sent.append(ward.now)
        waits = [later - earlier for earlier, later in zip([100.0, *sent], sent, strict=False)]
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]

    asyncio.run(story())


def test_while_one_probe_is_under_way_the_others_wait_and_are_answered_with_it() -> None:
    async def story() -> None:
        ward = Ward()
        await ward.fail(3)
        ward.now += 1
        ward.patient.answers.clear()
        ward.patient.error = None
        asking = [asyncio.create_task(ward.ask()) for _ in range(5)]
        await asyncio.sleep(0)
        assert ward.patient.asked == 4
        ward.patient.answers.set()
        assert (await asyncio.gather(*asking), ward.patient.asked) == (["answered"] * 5, 8)
        assert ward.told == [True, False]
        await ward.fail(3)
        assert (await ward.ask(), ward.told) == ("CircuitOpenError: gone", [True, False, True])

    asyncio.run(story())


def test_who_waited_for_a_probe_that_fails_is_not_asked_for() -> None:
    async def story() -> None:
        ward = Ward()
        await ward.fail(3)
        ward.now += 1
        ward.patient.answers.clear()
        asking = [asyncio.create_task(ward.ask()) for _ in range(3)]
        await asyncio.sleep(0)
        ward.patient.answers.set()
        assert await asyncio.gather(*asking) == ["UnreachableError: gone", *["CircuitOpenError: gone"] * 2]
        assert ward.patient.asked == 4

    asyncio.run(story())


def test_a_probe_that_is_cut_off_leaves_nobody_waiting() -> None:
    async def story() -> None:
        ward = Ward()
        await ward.fail(3)
        ward.now += 1
        ward.patient.answers.clear()
        probe, other = asyncio.create_task(ward.ask()), asyncio.create_task(ward.ask())
        await asyncio.sleep(0)
        probe.cancel()
        await asyncio.sleep(0)
        ward.patient.answers.set()
        assert await other == "UnreachableError: gone"

    asyncio.run(story())


def test_of_two_servers_one_that_is_down_does_not_concern_the_other() -> None:
    async def story(pool: ServerPool) -> None:
        for number in range(4):
            with pytest.raises(UnreachableError if number < 3 else CircuitOpenError, match="Connection refused"):
                await pool.query_range(on("second"))
        with pytest.raises(CircuitOpenError, match="Connection refused"):
            await pool.query_range(on("second", own=True))
        assert await pool.query_range(on("first")) == ()

    registry = CollectorRegistry()
    with FakePrometheus() as first, FakePrometheus() as second:
        second.stop()
        pool = pool_of(registry, Server(name="first", url=first.url), Server(name="second", url=second.url))
        asyncio.run(story(pool))
        pool.close()
    circuits = [registry.get_sample_value("serin_prometheus_circuit_open", {"server": name}) for name in known]
    assert circuits == [0, 1]


known = ("first", "second")


def on(server: str, *, own: bool = False) -> RangeQuery:
    return RangeQuery("up", NOW, NOW, SECOND, 2 * SECOND, server=server, own=own)


def pool_of(registry: CollectorRegistry, *servers: Server) -> ServerPool:
    return ServerPool(servers, 2 * SECOND, Meters(registry))


def test_users_own_queries_that_are_slow_do_not_make_a_server_ill() -> None:
    async def story(pool: ServerPool, fake: FakePrometheus) -> None:
        fake.fault, fake.faulty = Fault.SLOW, {"slow"}
        slow = RangeQuery("slow", NOW, NOW, SECOND, 0.2 * SECOND, server="first", own=True)
        asked = await asyncio.gather(*(pool.query_range(slow) for _ in range(6)), return_exceptions=True)
        assert [str(error).partition(":")[0] for error in asked] == [
            *["Prometheus did not answer within 0.2s"] * 2,
            *["Prometheus was not asked within 0.2s"] * 4,
        ]
        assert len(fake.queries) == 2
        assert await pool.query_range(on("first")) == ()

    with FakePrometheus() as fake:
        pool = pool_of(CollectorRegistry(), Server(name="first", url=fake.url))
        asyncio.run(story(pool, fake))
        pool.close()


def test_what_waits_for_its_turn_is_asked_for_no_longer_than_it_has_left() -> None:
    """Nobody listens after the deadline: a thread that went on until then would be missing for the next tick."""

    async def story(pool: ServerPool, fake: FakePrometheus) -> None:
        fake.fault, fake.faulty = Fault.SLOW, {"slow"}
        quick, slow = (
            RangeQuery("slow", NOW, NOW, SECOND, wait * SECOND, server="first", own=True) for wait in (1, 1.2)
        )
        begun = time.monotonic()
        await asyncio.gather(*(pool.query_range(each) for each in (quick, quick, slow, slow)), return_exceptions=True)
        fake.fault = None
        assert await pool.query_range(on("first", own=True)) == ()
        assert time.monotonic() - begun < 2.1

    with FakePrometheus() as fake:
        pool = pool_of(CollectorRegistry(), Server(name="first", url=fake.url))
        asyncio.run(story(pool, fake))
        pool.close()


def test_a_server_that_nobody_named_is_told_with_those_that_are_known() -> None:
    pool = pool_of(CollectorRegistry(), Server(name="b", url="http://x"), Server(name="a", url="http://x"))
    with pytest.raises(UnknownServerError) as raised:
        asyncio.run(pool.query_range(on("c")))
    assert str(raised.value) == ("no Prometheus of the operator's settings is called 'c': write one of a, b")
    pool.close()
