"""Looks at the candidates on the grid, and keeps the trial of each rollout that is analyzed.

Evidence lives in memory. It is a function of the ticks, and they are a function of Prometheus' history: after a restart
they are asked for again, like those of an outage, in the same queries.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Protocol

from serin.api.spec import Analysis, ModelDeploymentSpec
from serin.api.status import BudgetStatus, ModelDeploymentStatus, Phase, StepKind
from serin.cluster.resources import ObjectKey
from serin.controller.clock import TimeSource
from serin.judge import (
    ABTestPlan,
    Expected,
    Judge,
    Step,
    Summary,
    Tick,
    Trial,
    ab_test_plan,
    explain,
    freeze,
    in_step,
    summarize,
)
from serin.metrics import Subject, SubjectKey
from serin.metrics.grid import before_first, history, next_tick, phase, ticks_between
from serin.metrics.subject import gateway_of
from serin.rollout.ratio import shares_by_replicas
from serin.rollout.schedule import schedule
from serin.rollout.world import Judgement

logger = logging.getLogger(__name__)

ANALYZED = frozenset({Phase.PROGRESSING, Phase.PAUSED})
MOST_TICKS_AT_ONCE = 500
"""Of a long gap so many ticks are asked for at a time: Prometheus refuses more than 11,000 points a series. Nothing is
judged before all of them are there: the verdict on half a log is that of a time gone by."""
MOST_HISTORIES_AT_ONCE = 100
"""Where hundreds of rollouts begin in one tick, others need the event loop and the memory, too."""


class Collector(Protocol):
    """Counts requests; `serin.metrics` has the real one."""

    async def collect(self, subjects: Sequence[Subject]) -> dict[SubjectKey, tuple[Tick, ...]]:
        """The ticks that each subject is due. One with a `problem` is to be asked for again."""


@dataclass(frozen=True)
class Rollout:
    """What evidence is about. An edited analysis is judged anew from its start: the same ticks, by other rules.

    versions: what a user's own queries call the revisions.
    """

    uid: str
    candidate: str
    stable: str
    server: str
    gateway: str
    analysis: Analysis
    budget: BudgetStatus
    started_at: datetime
    ab_test: ABTestPlan | None = None
    versions: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def phase(self) -> int:
        """Which of the grid's phases it is looked at in."""
        return phase(self.started_at, self.analysis.interval)

    @property
    def before_first(self) -> datetime:
        """Just before the first tick whose window lies in the analysis."""
        return before_first(self.started_at, self.analysis.interval)


@dataclass
class Course:
    """One candidate under analysis.

    known_until: the newest tick that was answered, like all before it; asked_until: the newest that was asked for.
    problem: why the history is not known yet, from which stable's habits are learned before anything is judged.
    told: what was last passed on, and at which tick.
    """

    key: ObjectKey
    rollout: Rollout
    trial: Trial
    known_until: datetime | None = None
    asked_until: datetime | None = None
    has_learned: bool = False
    problem: str | None = None
    told: tuple[Summary, Step | None] | None = None
    told_at: datetime | None = None
    judgement: Judgement | None = None

    def next_look(self, delay: timedelta) -> datetime:
        """When the next tick can be asked for."""
        after = self.asked_until or self.rollout.before_first
        return next_tick(after, self.rollout.analysis.interval, self.rollout.phase) + delay

    def missing(self, now: datetime, delay: timedelta) -> tuple[datetime, ...]:
        """The ticks of the analysis that are missing by now, oldest first; an unanswered one is asked for again."""
        rollout = self.rollout
        known_until = self.known_until or rollout.before_first
        return ticks_between(known_until, now - delay, rollout.analysis.interval, rollout.phase)

    def learn(self, ticks: Sequence[Tick]) -> None:
        """Learn stable's habits, once all of the history is known: after a restart the same must be learned."""
        self.problem = next((tick.problem for tick in ticks if tick.problem is not None), None)
        if self.problem is None:
            self.has_learned = True
            self.trial.learn(ticks)

    def missed(self, step: Step | None) -> bool:
        """Whether a tick of this step was taken for one of the step before: it was told of too late."""
        if step is None or step == self.trial.step or self.known_until is None:
            return False
        return in_step(self.known_until, step, self.rollout.analysis.interval)


@dataclass
class AnalysisDesk:
    """Every rollout that is analyzed, and when each is looked at next.

    on_verdict: told of each ModelDeployment whose judgement is new.
    delay: how long after a tick's end it is asked for, so that its last scrape is in.
    refresh: how often the numbers of a judgement that stays the same are brought up to date.
    """

    collector: Collector
    on_verdict: Callable[[ObjectKey], None]
    time: TimeSource
    delay: timedelta
    refresh: timedelta
    courses: dict[ObjectKey, Course] = field(default_factory=dict)
    _judge: Judge = field(default_factory=Judge)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def judgement(self, key: ObjectKey) -> Judgement | None:
        """The last word on a ModelDeployment's candidate."""
        course = self.courses.get(key)
        return course.judgement if course else None

    def follow(self, key: ObjectKey, uid: str, spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> None:
        """Begin, go on or end, as the status says now."""
        course = self.courses.get(key)
        rollout = _rollout(uid, spec, status, course)
        if rollout is None:
            self.forget(key)
            return
        step = _step(spec, status)
        if course is None or course.rollout != rollout or course.missed(step):
            self.forget(key)
            trial = self._judge.open(
                rollout.analysis,
                budget=rollout.budget,
                candidate=rollout.candidate,
                began=rollout.started_at,
                ab_test=rollout.ab_test,
            )
            course = self.courses[key] = Course(key, rollout, trial)
            self._changed.set()
        course.trial.enter(step)

    def forget(self, key: ObjectKey) -> None:
        """The ModelDeployment is gone, or its rollout is over."""
        course = self.courses.pop(key, None)
        if course is not None:
            course.trial.close()

    async def run(self) -> None:
        """Look whenever a tick is due, until cancelled."""
        while True:
            self._changed.clear()
            looks = [course.next_look(self.delay) for course in self.courses.values()]
            earliest = min(looks, default=None)
            if earliest is not None and earliest <= self.time.now():
                await self._look()
                continue
            await self._sleep(earliest)

    async def _sleep(self, until: datetime | None) -> None:
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._changed.wait())]
        if until is not None:
            waits.append(asyncio.create_task(self.time.sleep_until(until)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _look(self) -> None:
        """One round for all that are due: their number does not change the number of queries."""
        now = self.time.now()
        asked = [
            (course, missing)
            for course in self.courses.values()
            if course.next_look(self.delay) <= now and (missing := course.missing(now, self.delay))
        ]
        await self._learn([course for course, _ in asked if not course.has_learned])
        answers = await self._collect(
            [_subject(course, missing[:MOST_TICKS_AT_ONCE]) for course, missing in asked if course.has_learned]
        )
        # What was asked for one candidate says nothing of another that took its place meanwhile.
        heard = [(course, missing) for course, missing in asked if self.courses.get(course.key) is course]
        await self._take(
            [
                (course, missing, answers.get(course.key) or (Tick(missing[-1], problem=course.problem),))
                for course, missing in heard
            ]
        )

    async def _learn(self, newcomers: Sequence[Course]) -> None:
        """What stable did before: asked apart, for it is long, and no query of the others' must become as long."""
        for start in range(0, len(newcomers), MOST_HISTORIES_AT_ONCE):
            some = newcomers[start : start + MOST_HISTORIES_AT_ONCE]
            answers = await self._collect([_history_of(course) for course in some])
            for course in some:
                if self.courses.get(course.key) is course:
                    course.learn(answers[course.key])

    async def _collect(self, subjects: Sequence[Subject]) -> Mapping[SubjectKey, Sequence[Tick]]:
        """The answers for these; what goes wrong while looking is missing data, and the next tick looks again."""
        if not subjects:
            return {}
        try:
            return await self.collector.collect(subjects)
        except Exception as error:
            logger.exception("The metrics of %d rollouts could not be collected", len(subjects))
            problem = f"{type(error).__name__}: {error}"
            return {subject.key: tuple(Tick(at=at, problem=problem) for at in subject.due) for subject in subjects}

    async def _take(self, heard: Sequence[tuple[Course, Sequence[datetime], Sequence[Tick]]]) -> None:
        """Keep what was answered up to the first gap; what lies behind the gap is shown, and asked for again."""
        judged, logs = [], []
        for course, missing, ticks in heard:
            answered = tuple(takewhile(lambda tick: tick.problem is None, ticks))
            logs.append((course, answered))
            if answered:
                course.known_until = answered[-1].at
            behind_gap = ticks[len(answered) :]
            catching_up = 0 < len(answered) < len(missing) and not behind_gap
            course.asked_until = answered[-1].at if catching_up else missing[-1]
            if not catching_up:
                judged.append((course, behind_gap[-1] if behind_gap else None))
        await self._hear(logs)
        for course, missed in judged:
            if self.courses.get(course.key) is course:
                if missed is not None:
                    course.trial.miss(missed)
                self._pass_on(course)

    async def _hear(self, logs: Sequence[tuple[Course, Sequence[Tick]]]) -> None:
        """Tick by tick, all trials at once. After an outage there are many, and others have work to do, too."""
        for number in range(max((len(log) for _, log in logs), default=0)):
            # While others worked, a rollout may have ended.
            self._judge.hear(
                [
                    (course.trial, log[number])
                    for course, log in logs
                    if number < len(log) and self.courses.get(course.key) is course
                ]
            )
            await asyncio.sleep(0)

    def _pass_on(self, course: Course) -> None:
        """Tell of a verdict that can change something; its numbers alone are news only now and then."""
        trial, look = course.trial, course.trial.look
        if look is None:
            return
        news = (summarize(trial), trial.step)
        stale = course.told_at is None or look.at - course.told_at >= self.refresh
        if news == course.told and not stale:
            return
        course.told, course.told_at = news, look.at
        course.judgement = Judgement(analysis=explain(trial), step_since=trial.step.since if trial.step else None)
        self.on_verdict(course.key)


def _rollout(
    uid: str, spec: ModelDeploymentSpec, status: ModelDeploymentStatus, known: Course | None
) -> Rollout | None:
    """What is to be analyzed now; None if nothing is."""
    step, candidate, stable = status.step, status.candidate, status.stable
    carries_traffic = bool(status.weight or (step is not None and step.mirror)) or _has_audience(status)
    if spec.analysis is None or candidate is None or stable is None or step is None:
        return None
    if status.phase not in ANALYZED or not carries_traffic:
        return None
    shown = status.analysis if status.analysis and status.analysis.revision == candidate else None
    if shown is not None:
        started_at = shown.started_at
    elif step.since is not None:
        started_at = step.since + spec.analysis.initial_delay
    else:
        return None
    plan, strategy = schedule(spec), spec.strategy
    frozen = shown.budget if shown else None
    if frozen is None and known is not None and known.rollout.candidate == candidate:
        frozen = known.rollout.budget
    return Rollout(
        uid=uid,
        candidate=candidate,
        stable=stable,
        server=spec.server,
        gateway=gateway_of(spec),
        analysis=spec.analysis,
        budget=frozen or freeze(spec.analysis, steps=plan.blocks if plan else 1),
        started_at=started_at,
        ab_test=ab_test_plan(strategy.ab_test, spec.analysis) if strategy and strategy.ab_test else None,
        versions={entry.revision: entry.version for entry in status.revisions if entry.revision in {candidate, stable}},
    )


def _step(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> Step | None:
    """The step whose ticks count; none while weights move."""
    if status.step is None or status.step.since is None:
        return None
    weight = status.weight or 0
    return Step(status.step.since, weight, status.step.mirror, _expected(spec, status, weight))


def _has_audience(status: ModelDeploymentStatus) -> bool:
    """Whether those who bear a header get the candidate, and are compared with all others."""
    return status.step is not None and status.step.kind is StepKind.TEST and _is_previewed(status)


def _is_previewed(status: ModelDeploymentStatus) -> bool:
    """Whether requests with certain headers reach the candidate beside its weight."""
    return any(entry.previewed and entry.revision == status.candidate for entry in status.revisions)


def _expected(spec: ModelDeploymentSpec, status: ModelDeploymentStatus, weight: int) -> Expected:
    """What the share of the requests can be held against."""
    strategy = spec.strategy
    if weight == 100:
        return Expected.EXACT
    if shares_by_replicas(spec):
        return Expected.AT_LEAST  # whole pods are seldom as few as the weight
    if strategy is None:
        return Expected.EXACT
    if strategy.stickiness is not None or (strategy.ab_test is not None and strategy.ab_test.audience is not None):
        return Expected.ANY
    return Expected.AT_LEAST if strategy.preview is not None and _is_previewed(status) else Expected.EXACT


def _history_of(course: Course) -> Subject:
    """Stable alone, before the analysis."""
    rollout = course.rollout
    due = history(rollout.started_at, rollout.analysis.interval)
    return replace(_subject(course, due), candidate=rollout.stable)


def _subject(course: Course, due: tuple[datetime, ...]) -> Subject:
    rollout = course.rollout
    return Subject(
        namespace=course.key.namespace,
        model=course.key.name,
        candidate=rollout.candidate,
        stable=rollout.stable,
        analysis=rollout.analysis,
        server=rollout.server,
        gateway=rollout.gateway,
        due=due,
        versions=rollout.versions,
    )
