"""The desk asks for every tick once it is due, again after a failure, and for nobody twice."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from fakes.manual_time import ManualTime
from fakes.waiting import until
from rollout.simulator import manifest
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus, Phase, StepKind, StepStatus, Verdict
from serin.cluster.resources import ObjectKey
from serin.controller import analysis as desk_module
from serin.controller.analysis import AnalysisDesk
from serin.judge import Counts, Pair, Tick, summarize
from serin.metrics import Subject, SubjectKey

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ObjectKey("ml", "fraud")
DELAY = timedelta(seconds=1)
REFRESH = timedelta(0)
SPEC = ModelDeploymentSpec.model_validate(
    manifest(
        analysis={
            "interval": "4s",
            "confirm": 1,
            "minSamples": 1,
            "metrics": [{"name": "error-rate", "threshold": "5%"}],
        }
    )
)
CLEAN = Pair(Counts(0, 100), Counts(0, 900))
FAILING = Pair(Counts(100, 100), Counts(0, 900))


def status_of(candidate: str, since: datetime = START) -> ModelDeploymentStatus:
    """A rollout in its first step."""
    step = StepStatus(index=1, of=2, kind=StepKind.WEIGHT, weight=10, plan="plan", since=since)
    return ModelDeploymentStatus(phase=Phase.PROGRESSING, candidate=candidate, stable="stable", step=step, weight=10)


@dataclass
class ScriptedCollector:
    """Answers well, unless a time is `broken`; `gate` lets a test hold an answer back."""

    asked: list[Subject] = field(default_factory=list)
    broken: Callable[[datetime], bool] = lambda at: False
    counted: Callable[[str, datetime], Pair] = lambda candidate, at: CLEAN
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def collect(self, subjects: Sequence[Subject]) -> dict[SubjectKey, tuple[Tick, ...]]:
        """Every due tick of every subject."""
        self.asked += subjects
        await self.gate.wait()
        return {subject.key: tuple(self._tick(subject, at) for at in subject.due) for subject in subjects}

    def _tick(self, subject: Subject, at: datetime) -> Tick:
        if self.broken(at):
            return Tick(at, problem="Prometheus cannot be reached")
        return Tick(at, {"error-rate": self.counted(subject.candidate, at)}, CLEAN)

    @property
    def times(self) -> list[list[float]]:
        """What was asked for, in seconds since the start."""
        due = [[(at - START).total_seconds() for at in subject.due] for subject in self.asked]
        return [seconds for seconds in due if seconds[-1] > 0]  # what stable did before is asked for apart


@asynccontextmanager
async def running(
    collector: ScriptedCollector, refresh: timedelta = REFRESH
) -> AsyncIterator[tuple[AnalysisDesk, ManualTime, list[ObjectKey]]]:
    """A desk at work, its time, and whom it told of."""
    told: list[ObjectKey] = []
    time = ManualTime(START)
    collector.gate.set()
    desk = AnalysisDesk(collector, told.append, time, delay=DELAY, refresh=refresh)
    task = asyncio.create_task(desk.run())
    try:
        yield desk, time, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def known_until(desk: AnalysisDesk) -> float:
    """The newest tick that was answered like all before it, in seconds since the start."""
    until = desk.courses[KEY].known_until
    return (until - START).total_seconds() if until else 0.0


async def look(desk: AnalysisDesk, time: ManualTime, seconds: float) -> None:
    """Let the time come to this many seconds, and wait until all that is due was looked at."""
    time.set(START + timedelta(seconds=seconds))
    asleep = START + timedelta(seconds=seconds)
    await until(lambda: time.sleepers and min(time.sleepers) > asleep)


async def come(desk: AnalysisDesk, time: ManualTime, told: list[ObjectKey], seconds: float) -> None:
    """Let the time come to this many seconds, and wait for the verdict."""
    before = len(told)
    time.set(START + timedelta(seconds=seconds))
    await until(lambda: len(told) > before)


def test_a_tick_is_asked_for_when_its_last_scrape_is_in() -> None:
    async def story() -> None:
        collector = ScriptedCollector()
        async with running(collector) as (desk, time, told):
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            await until(lambda: time.sleepers == [START + timedelta(seconds=4) + DELAY])
            assert collector.asked == []
            await come(desk, time, told, 5)
            await come(desk, time, told, 9)
        assert collector.times == [[4.0], [8.0]]

    asyncio.run(story())


def test_what_was_not_answered_is_asked_for_again_in_one_query_and_holds_meanwhile() -> None:
    async def story() -> None:
        collector = ScriptedCollector(broken=lambda at: at > START + timedelta(seconds=4))
        async with running(collector) as (desk, time, told):
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            for seconds in (5, 9, 13):
                await come(desk, time, told, seconds)
            judgement = desk.judgement(KEY)
            assert judgement is not None
            assert (judgement.analysis.verdict, judgement.analysis.reason) == (Verdict.HOLD, "PrometheusUnavailable")
            collector.broken = lambda at: False
            await come(desk, time, told, 17)
            assert known_until(desk) == 16.0
            judgement = desk.judgement(KEY)
            assert judgement is not None
            assert judgement.analysis.verdict is Verdict.PASS
            assert judgement.analysis.ticks == 4
        assert collector.times == [[4.0], [8.0], [8.0, 12.0], [8.0, 12.0, 16.0]]

    asyncio.run(story())


def test_an_answer_behind_a_gap_is_shown_and_asked_for_again_so_that_the_log_has_no_holes() -> None:
    async def story() -> None:
        collector = ScriptedCollector(broken=lambda at: at == START + timedelta(seconds=8))
        async with running(collector) as (desk, time, told):
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            await come(desk, time, told, 13)
            assert known_until(desk) == 4.0
            collector.broken = lambda at: False
            await come(desk, time, told, 17)
            assert known_until(desk) == 16.0

    asyncio.run(story())


def test_an_operator_that_starts_in_the_middle_asks_for_the_whole_analysis() -> None:
    async def story() -> None:
        collector = ScriptedCollector()
        async with running(collector) as (desk, time, told):
            time.set(START + timedelta(seconds=13))
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            await until(lambda: told)
        assert collector.times == [[4.0, 8.0, 12.0]]

    asyncio.run(story())


def test_a_long_gap_is_filled_in_pieces_and_judged_when_all_of_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "MOST_TICKS_AT_ONCE", 2)

    async def story() -> None:
        collector = ScriptedCollector()
        async with running(collector) as (desk, time, told):
            time.set(START + timedelta(seconds=21))
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            await until(lambda: told)
            assert told == [KEY]
        assert collector.times == [[4.0, 8.0], [12.0, 16.0], [20.0]]

    asyncio.run(story())


def test_a_long_gap_that_cannot_be_filled_is_tried_once_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "MOST_TICKS_AT_ONCE", 2)

    async def story() -> None:
        collector = ScriptedCollector(broken=lambda at: at > START)
        async with running(collector) as (desk, time, told):
            time.set(START + timedelta(seconds=21))
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            await until(lambda: told)
            await until(lambda: time.sleepers == [START + timedelta(seconds=24) + DELAY])
        assert collector.times == [[4.0, 8.0]]

    asyncio.run(story())


def test_nothing_is_judged_before_all_that_stable_did_before_is_known() -> None:
    async def story() -> None:
        collector = ScriptedCollector(broken=lambda at: at == START - timedelta(seconds=4))
        async with running(collector) as (desk, time, told):
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            await come(desk, time, told, 5)
            judgement = desk.judgement(KEY)
            assert judgement is not None
            assert (judgement.analysis.reason, judgement.analysis.ticks) == ("PrometheusUnavailable", 0)
            assert collector.times == []
            collector.broken = lambda at: False
            await come(desk, time, told, 9)
            judgement = desk.judgement(KEY)
            assert judgement is not None
            assert judgement.analysis.ticks == 2
        assert collector.times == [[4.0, 8.0]]

    asyncio.run(story())


def test_an_answer_for_one_candidate_says_nothing_of_the_next() -> None:
    async def story() -> None:
        collector = ScriptedCollector()
        async with running(collector) as (desk, time, told):
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            collector.gate.clear()
            time.set(START + timedelta(seconds=5))
            await until(lambda: collector.asked)
            desk.follow(KEY, "uid", SPEC, status_of("second", since=START + timedelta(seconds=6)))
            collector.gate.set()
            await until(lambda: time.sleepers)
            assert desk.courses[KEY].rollout.candidate == "second"
            assert desk.courses[KEY].known_until is None
            assert told == []

    asyncio.run(story())


def test_stable_alone_is_asked_for_what_it_did_before_and_nothing_is_judged_until_that_is_known() -> None:
    async def story() -> None:
        collector = ScriptedCollector(broken=lambda at: at <= START)
        async with running(collector) as (desk, time, told):
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            await come(desk, time, told, 5)
            assert [subject.candidate for subject in collector.asked] == ["stable"]
            assert max(collector.asked[0].due) <= START
            judgement = desk.judgement(KEY)
            assert judgement is not None
            assert (judgement.analysis.verdict, judgement.analysis.reason) == (Verdict.HOLD, "PrometheusUnavailable")
            assert known_until(desk) == 0
            collector.broken = lambda at: False
            await come(desk, time, told, 9)
            assert [subject.candidate for subject in collector.asked] == ["stable", "stable", "first"]
            assert collector.asked[0].due == collector.asked[1].due
            assert known_until(desk) == 8.0

    asyncio.run(story())


def test_while_it_warms_up_a_candidate_is_not_judged() -> None:
    assert SPEC.analysis is not None
    patient = SPEC.analysis.model_copy(update={"initial_delay": timedelta(seconds=20)})

    def counted(candidate: str, at: datetime) -> Pair:
        return FAILING if candidate == "first" and at <= START + timedelta(seconds=20) else CLEAN

    async def story() -> None:
        collector = ScriptedCollector(counted=counted)
        async with running(collector) as (desk, time, told):
            desk.follow(KEY, "uid", SPEC.model_copy(update={"analysis": patient}), status_of("first"))
            await until(lambda: time.sleepers == [START + timedelta(seconds=24) + DELAY])
            assert told == []
            await come(desk, time, told, 25)
            judgement = desk.judgement(KEY)
            assert judgement is not None
            assert judgement.analysis.started_at == START + timedelta(seconds=20)
            (metric,) = judgement.analysis.metrics
            assert metric.candidate is not None
            assert (metric.candidate.bad, metric.candidate.total) == (0, 100)
        asked = [subject.due for subject in collector.asked if subject.candidate == "first"]
        assert asked == [(START + timedelta(seconds=24),)]

    asyncio.run(story())


def test_what_the_candidate_before_failed_is_not_held_against_the_next() -> None:
    def counted(candidate: str, at: datetime) -> Pair:
        return FAILING if candidate == "first" else CLEAN

    async def story() -> None:
        collector = ScriptedCollector(counted=counted)
        async with running(collector) as (desk, time, told):
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            await come(desk, time, told, 5)
            failed = desk.judgement(KEY)
            assert failed is not None
            assert (failed.analysis.revision, failed.analysis.verdict) == ("first", Verdict.FAIL)
            desk.follow(KEY, "uid", SPEC, status_of("second", since=START + timedelta(seconds=6)))
            assert desk.judgement(KEY) is None
            await come(desk, time, told, 13)
            judgement = desk.judgement(KEY)
            assert judgement is not None
            assert judgement.analysis.revision == "second"
            assert judgement.analysis.verdict is not Verdict.FAIL
            (metric,) = judgement.analysis.metrics
            assert metric.candidate is not None
            assert (metric.candidate.bad, metric.candidate.total) == (0, 100)

    asyncio.run(story())


@pytest.mark.parametrize("seed", range(3))
def test_sixty_quiet_looks_are_told_of_when_something_changed_and_otherwise_only_now_and_then(seed: int) -> None:
    refresh, looks = timedelta(seconds=80), 60

    def counted(candidate: str, at: datetime) -> Pair:
        source = random.Random(f"{seed} {at}")
        stable, failed = (sum(source.random() < 0.01 for _ in range(total)) for total in (900, 100))
        return Pair(Counts(failed, 100), Counts(stable, 900))

    async def story() -> None:
        collector = ScriptedCollector(counted=counted)
        async with running(collector, refresh) as (desk, time, told):
            desk.follow(KEY, "uid", SPEC, status_of("first"))
            seen, ages = [], []
            for number in range(1, looks + 1):
                await look(desk, time, 4 * number + 1)
                trial = desk.courses[KEY].trial
                assert trial.newest is not None
                seen.append(summarize(trial))
                judgement = desk.judgement(KEY)
                assert judgement is not None
                assert judgement.analysis.verdict is seen[-1].verdict
                ages.append(trial.newest.at - judgement.analysis.at)
            changes = 1 + sum(before != now for before, now in pairwise(seen))
            assert len(told) <= changes + looks * timedelta(seconds=4) // refresh
            assert len(told) < looks / 4
            assert max(ages) < refresh

    asyncio.run(story())
