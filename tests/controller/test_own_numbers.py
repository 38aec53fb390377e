"""A candidate is judged by what itself did once it was warm: not by its warm-up, nor by the candidate before it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fakes.manual_time import ManualTime
from fakes.waiting import until
from judge.streams import pair
from rollout.simulator import manifest
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import AnalysisStatus, CountsStatus, ModelDeploymentStatus, Phase, StepKind, StepStatus, Verdict
from serin.cluster.resources import ObjectKey
from serin.controller.analysis import AnalysisDesk
from serin.judge import Tick
from serin.metrics import Subject, SubjectKey

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ObjectKey("ml", "fraud")
DELAY = timedelta(seconds=1)
INTERVAL = timedelta(seconds=10)


@dataclass
class Failing:
    """Every request of the candidate fails until a time, and while it is the revision `bad`; none of stable's."""

    warm_at: datetime = START
    asked: list[Subject] = field(default_factory=list)

    async def collect(self, subjects: Sequence[Subject]) -> dict[SubjectKey, tuple[Tick, ...]]:
        """Every tick that is due; a window that begins before the warm-up is over has some of its errors."""
        self.asked += subjects
        return {subject.key: tuple(self._tick(subject, at) for at in subject.due) for subject in subjects}

    def _tick(self, subject: Subject, at: datetime) -> Tick:
        fails = subject.candidate == "bad" or at - INTERVAL < self.warm_at
        return Tick(at, {"error-rate": pair((100 if fails else 0, 100), (0, 900))}, pair((0, 100), (0, 900)))


@asynccontextmanager
async def running(collector: Failing) -> AsyncIterator[tuple[AnalysisDesk, ManualTime]]:
    """A desk at work, and its time."""
    time = ManualTime(START)
    desk = AnalysisDesk(collector, lambda _: None, time, delay=DELAY, refresh=timedelta(0))
    task = asyncio.create_task(desk.run())
    try:
        yield desk, time
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def follow(desk: AnalysisDesk, candidate: str, *, since: datetime = START, initial_delay: str = "0s") -> None:
    """The candidate is in its first step."""
    metric = {"name": "error-rate", "threshold": "5%"}
    policy = {"interval": "10s", "initialDelay": initial_delay, "metrics": [metric]}
    step = StepStatus(index=1, of=2, kind=StepKind.WEIGHT, weight=10, plan="plan", since=since)
    known = desk.judgement(KEY)
    status = ModelDeploymentStatus(
        phase=Phase.PROGRESSING,
        candidate=candidate,
        stable="stable",
        step=step,
        weight=10,
        analysis=known.analysis if known else None,
    )
    desk.follow(KEY, "uid", ModelDeploymentSpec.model_validate(manifest(analysis=policy)), status)


async def told_at(desk: AnalysisDesk, time: ManualTime, seconds: float) -> AnalysisStatus:
    """What is known when the time has come to this many seconds, step by step."""
    while time.now() < START + timedelta(seconds=seconds):
        time.advance(1)
        await until(lambda: min(time.sleepers, default=START) > time.now())
    judgement = desk.judgement(KEY)
    assert judgement is not None
    return judgement.analysis


def test_errors_of_the_candidate_before_are_not_held_against_the_next() -> None:
    async def story() -> tuple[AnalysisStatus, AnalysisStatus]:
        collector = Failing()
        async with running(collector) as (desk, time):
            follow(desk, "bad")
            first = await told_at(desk, time, 45)
            follow(desk, "good", since=START + timedelta(seconds=45))
            return first, await told_at(desk, time, 95)

    first, second = asyncio.run(story())
    assert (first.revision, first.verdict) == ("bad", Verdict.FAIL)
    assert (second.revision, second.verdict) == ("good", Verdict.PASS)
    assert second.metrics[0].candidate == CountsStatus(bad=0, total=400)
    assert second.started_at == START + timedelta(seconds=45)


def test_a_revision_that_comes_back_is_judged_anew() -> None:
    async def story() -> AnalysisStatus:
        async with running(Failing(warm_at=START + timedelta(seconds=40))) as (desk, time):
            follow(desk, "good")
            assert (await told_at(desk, time, 45)).verdict is Verdict.FAIL
            desk.forget(KEY)
            follow(desk, "good", since=START + timedelta(seconds=45))
            return await told_at(desk, time, 95)

    status = asyncio.run(story())
    assert status.metrics[0].candidate == CountsStatus(bad=0, total=400)
    assert status.verdict is Verdict.PASS


def test_a_warm_up_is_not_judged() -> None:
    async def story(initial_delay: str) -> tuple[AnalysisStatus, list[datetime]]:
        collector = Failing(warm_at=START + timedelta(seconds=25))
        async with running(collector) as (desk, time):
            follow(desk, "good", initial_delay=initial_delay)
            status = await told_at(desk, time, 75)
            return status, [at for it in collector.asked for at in it.due if it.candidate == "good"]

    patient, asked = asyncio.run(story("25s"))
    assert patient.verdict is Verdict.PASS
    assert patient.metrics[0].candidate == CountsStatus(bad=0, total=400)
    assert patient.started_at == START + timedelta(seconds=25)
    assert min(asked) - INTERVAL >= START + timedelta(seconds=25)
    hasty, _ = asyncio.run(story("0s"))
    assert hasty.metrics[0].candidate is not None
    assert hasty.metrics[0].candidate.bad == 300
