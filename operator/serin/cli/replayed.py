"""What a policy would have made of the past: pure, from ticks to a decision."""

from dataclasses import dataclass, replace
from datetime import datetime

from serin.api.spec import Analysis
from serin.api.status import AnalysisStatus
from serin.cli.course import Course, Ending, Moved, Word
from serin.cli.past import Past
from serin.judge import Counts, Judge, Pair, Tick, explain, freeze, in_step
from serin.judge.split import totals
from serin.rollout.schedule import Schedule
from serin.rollout.stages import Stage


@dataclass(frozen=True)
class Look:
    """One tick that was judged.

    stage: the step that its window lies in. share: the candidate's share of the requests, as it really was; None
        without any.
    verdict: what was said then, with every number.
    """

    tick: Tick
    stage: Stage
    share: float | None
    verdict: AnalysisStatus


@dataclass(frozen=True)
class Rollout:
    """What is tried on the past.

    start: when the candidate gets its first weight. end: up to when the past is known.
    split_is_believed: it is taken for the one asked for: it was what it was then, whatever the plan says.
    """

    analysis: Analysis
    plan: Schedule
    candidate: str
    start: datetime
    end: datetime
    split_is_believed: bool


@dataclass(frozen=True)
class Replay:
    """What became of it.

    weights: by the plan, as it would have moved. unread: ticks after the decision, which nobody would have judged.
    """

    analysis: Analysis
    looks: tuple[Look, ...]
    weights: tuple[Moved, ...]
    ending: Ending
    unread: int


def replayed(rollout: Rollout, past: Past) -> Replay:
    """Judge the past tick by tick, and move through the plan by time and verdicts."""
    analysis = rollout.analysis
    course = Course(analysis, rollout.plan, rollout.start)
    judge = Judge()
    trial = judge.open(
        analysis,
        budget=freeze(analysis, steps=rollout.plan.blocks),
        candidate=rollout.candidate,
        began=rollout.start + analysis.initial_delay,
    )
    trial.learn(past.history)
    looks: list[Look] = []
    for tick in past.ticks:
        before = course.stage
        course.until(tick.at)
        if course.ending is not None:
            break
        trial.enter(course.step)
        stage = course.stage if in_step(tick.at, course.step, analysis.interval) else before
        judge.hear([(trial, _as_asked_for(tick, course.stage.weight) if rollout.split_is_believed else tick)])
        verdict = explain(trial)
        looks.append(Look(tick, stage, _share(tick.requests), verdict))
        course.hear(word_of(verdict))
    course.until(rollout.end)
    trial.close()
    ending = course.close()
    return Replay(analysis, tuple(looks), tuple(course.moves), ending, len(past.ticks) - len(looks))


def word_of(verdict: AnalysisStatus) -> Word:
    """What of a verdict moves a rollout."""
    return Word(verdict.verdict, verdict.ticks, verdict.samples, verdict.message, lambda: verdict.is_within_limits)


def _as_asked_for(tick: Tick, weight: int) -> Tick:
    """The tick with its requests split by the weight. A version without any requests stays so: that is missing data."""
    to_candidate, to_stable = totals(tick.requests)
    if to_candidate == 0 or (to_stable == 0 and weight < 100):
        return tick
    requests, share = to_candidate + to_stable, weight / 100
    split = Pair(Counts(0.0, requests * share), Counts(0.0, requests * (1 - share)))
    return replace(tick, requests=split)


def _share(requests: Pair | None) -> float | None:
    candidate, stable = totals(requests)
    return candidate / (candidate + stable) if candidate + stable else None
