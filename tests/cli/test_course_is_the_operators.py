"""The commands move a rollout as the operator's own plan does, whatever the verdicts."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.simulator import ANALYSIS, Simulator, roll_out
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import AnalysisStatus, MetricStatus, Phase, Verdict
from serin.cli.course import Course, Decision, Word
from serin.rollout.schedule import schedule
from serin.rollout.world import Judgement

TICK = timedelta(seconds=20)
WEIGHTS = [{"weight": 10, "hold": "50s"}, {"weight": 30}, {"weight": 50, "hold": "1m"}]
PAUSES = [{"weight": 10, "hold": "1m"}, {"pause": {"duration": "45s"}}, {"ramp": {"from": 20, "to": 60, "over": "4m"}}]
PLANS = {
    "weights": (WEIGHTS, {"maxDuration": "4m"}),
    "promoted": (WEIGHTS, {"maxDuration": "4m", "onInconclusive": "Promote"}),
    "rolled back": (WEIGHTS, {"maxDuration": "4m", "onInconclusive": "Rollback"}),
    "pauses": (PAUSES, {"maxDuration": "1h"}),
    "long pause": ([{"weight": 10}, {"pause": {"duration": "5m"}}, {"weight": 50}], {"maxDuration": "3m"}),
    "watch": (WEIGHTS, {"maxDuration": "1h", "watch": "70s"}),
    "shadow": ({"type": "Shadow", "shadow": {"duration": "2m"}}, {"maxDuration": "4m"}),
    "shadow that takes over": (
        {"type": "Shadow", "shadow": {"duration": "1m", "then": "Promote"}},
        {"maxDuration": "5m", "watch": "70s"},
    ),
    "blue-green": (
        {"type": "BlueGreen", "blueGreen": {"mirror": 100, "hold": "1m"}},
        {"maxDuration": "1h", "watch": "1m"},
    ),
}

words = st.builds(
    Word,
    verdict=st.sampled_from([Verdict.PASS] * 6 + [Verdict.CONTINUE] * 3 + [Verdict.HOLD] * 2 + [Verdict.FAIL]),
    ticks=st.sampled_from([2, 3, 9]),
    samples=st.sampled_from([49.0, 50.0, 500.0]),
    message=st.just("so it is"),
    is_within_limits=st.booleans().map(lambda within: lambda: within),
)


@dataclass
class Judged(Simulator):
    """The operator's plan, told a verdict at each tick."""

    word: Judgement | None = None

    def hear(self, word: Word, started_at: Any) -> None:
        """The verdict of a tick."""
        step, candidate = self.status.step, self.status.candidate
        assert step is not None
        assert candidate is not None
        estimate = 0.01 if word.is_within_limits() else 0.03
        metric = MetricStatus(
            name="error-rate", verdict=word.verdict, reason="Simulated", message="", limit=0.02, estimate=estimate
        )
        seen = AnalysisStatus(
            revision=candidate,
            started_at=started_at,
            at=self.now,
            verdict=word.verdict,
            reason="Simulated",
            message=word.message,
            ticks=word.ticks,
            samples=word.samples,
            metrics=(metric,),
        )
        self.word = Judgement(seen, step.since)
        self.settle()

    def _judgement(self) -> Judgement | None:
        return self.word


def operator(name: str) -> Judged:
    """A rollout that has just begun."""
    steps, fields = PLANS[name]
    world = Judged()
    world.settle()
    strategy = {"canary": {"steps": steps}} if isinstance(steps, list) else steps
    roll_out(world, strategy=strategy, analysis=ANALYSIS | {"confirm": 3} | fields)
    return world


def decided(world: Judged) -> Decision | None:
    """How it ended; None while it goes on."""
    if world.status.rejected is not None:
        return Decision.ROLLED_BACK if world.status.rejected.is_failure else Decision.COMPARED
    if world.status.paused is not None:
        return Decision.PAUSED
    return None if world.status.phase in {Phase.PROGRESSING, Phase.PAUSED} else Decision.PROMOTED


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=60, deadline=None)
@given(heard=st.lists(words, min_size=1, max_size=30))
def test_a_rollout_moves_as_the_operator_moves_it(name: str, heard: list[Word]) -> None:
    world = operator(name)
    spec = ModelDeploymentSpec.model_validate(world.spec)
    plan, start = schedule(spec), world.now
    assert spec.analysis is not None
    assert plan is not None
    course = Course(spec.analysis, plan, start)
    for word in heard:
        world.pass_time(TICK.total_seconds())
        course.until(world.now)
        if decided(world) is None:
            world.hear(word, start)
        course.hear(word)
        assert (course.ending.decision if course.ending else None) == decided(world)
        if course.ending is not None:
            return
        step = world.status.step
        assert step is not None
        assert (step.index, step.block, step.since) == (course.stage.step, course.stage.block, course.since)
