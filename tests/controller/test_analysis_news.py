"""Of a rollout that goes well there is little to tell: each word of the desk is a write of the status."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from fakes.manual_time import ManualTime
from fakes.waiting import until
from judge.streams import binomial, pair
from rollout.simulator import manifest
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus, Phase, StepKind, StepStatus, Verdict
from serin.cluster.resources import ObjectKey
from serin.controller.analysis import AnalysisDesk
from serin.judge import Step, Summary, Tick, summarize
from serin.metrics import Subject, SubjectKey
from serin.rollout.world import Judgement

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ObjectKey("ml", "fraud")
DELAY = timedelta(seconds=1)
INTERVAL = timedelta(seconds=10)
REFRESH = timedelta(minutes=1)
TICKS = 60
METRICS = ("error-rate", "latency", "accuracy")
SPEC = ModelDeploymentSpec.model_validate(
    manifest(
        analysis={
            "interval": "10s",
            "metrics": [
                {"name": "error-rate", "threshold": "2%"},
                {"name": "latency", "threshold": "250ms"},
                {"name": "accuracy", "delta": "1%"},
            ],
        }
    )
)
FIRST = StepStatus(index=1, of=2, kind=StepKind.WEIGHT, weight=20, plan="plan", since=START)
SECOND = StepStatus(index=2, of=2, kind=StepKind.WEIGHT, weight=40, plan="plan", since=START + 30 * INTERVAL)


@dataclass
class QuietCollector:
    """Sixty requests a second, of which both versions fail one in two hundred."""

    source: random.Random = field(default_factory=lambda: random.Random(5))
    weight: int = 20

    async def collect(self, subjects: Sequence[Subject]) -> dict[SubjectKey, tuple[Tick, ...]]:
        """Every tick that is due."""
        return {subject.key: tuple(self._tick(at) for at in subject.due) for subject in subjects}

    def _tick(self, at: datetime) -> Tick:
        candidate = binomial(self.source, 600, self.weight / 100)
        totals = candidate, 600 - candidate
        metrics = {name: pair(*((binomial(self.source, total, 0.005), total) for total in totals)) for name in METRICS}
        return Tick(at, metrics, pair((0, totals[0]), (0, totals[1])))


def status_of(step: StepStatus, judgement: Judgement | None) -> ModelDeploymentStatus:
    """A rollout in a step, with what was said of it last."""
    return ModelDeploymentStatus(
        phase=Phase.PROGRESSING,
        candidate="new",
        stable="old",
        step=step,
        weight=step.weight,
        analysis=judgement.analysis if judgement else None,
    )


def test_a_rollout_that_goes_well_is_told_of_once_a_minute_and_when_something_changes() -> None:
    async def story() -> tuple[int, list[tuple[Summary, Step | None]]]:
        told: list[ObjectKey] = []
        time, collector = ManualTime(START), QuietCollector()
        desk = AnalysisDesk(collector, told.append, time, delay=DELAY, refresh=REFRESH)
        task = asyncio.create_task(desk.run())
        seen = []
        try:
            desk.follow(KEY, "uid", SPEC, status_of(FIRST, None))
            trial = desk.courses[KEY].trial
            for number in range(1, TICKS + 1):
                if number == 31:
                    collector.weight = 40
                    desk.follow(KEY, "uid", SPEC, status_of(SECOND, desk.judgement(KEY)))
                time.set(START + number * INTERVAL + timedelta(seconds=5))
                await until(lambda: min(time.sleepers, default=START) > time.now())
                assert trial.look is not None
                assert trial.look.at == START + number * INTERVAL
                seen.append((summarize(trial), trial.step))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return len(told), seen

    words, seen = asyncio.run(story())
    changes = 1 + sum(before != after for before, after in pairwise(seen))
    refreshes = TICKS * INTERVAL // REFRESH
    assert seen[-1][0].verdict is Verdict.PASS
    assert not any(summary.verdict is Verdict.FAIL for summary, _ in seen)
    assert changes <= words <= changes + refreshes
    assert changes + refreshes < TICKS / 2
