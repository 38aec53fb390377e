"""Looks at the candidates on the grid, and keeps the evidence of each rollout that is analyzed.

Evidence lives in memory. It is a function of the tick log, and the log is a function of Prometheus' history: after a
restart the missing ticks are asked for like those of an outage, in the same queries.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Protocol

from serin.api.spec import Analysis, ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus, Phase
from serin.cluster.resources import ObjectKey
from serin.controller.clock import TimeSource
from serin.judge import Tick, judge
from serin.metrics import Subject, SubjectKey
from serin.metrics.grid import next_tick, phase, ticks_between
from serin.rollout.world import Judgement

logger = logging.getLogger(__name__)

ANALYZED = frozenset({Phase.PROGRESSING, Phase.PAUSED})
MOST_TICKS_AT_ONCE = 500
"""Of a long gap so many ticks are asked for at a time: Prometheus refuses more than 11,000 points a series. Nothing is
judged before all of them are there: the verdict on half a log is that of a time gone by."""


class Collector(Protocol):
    """Counts requests; `serin.metrics` has the real one."""

    async def collect(self, subjects: Sequence[Subject]) -> dict[SubjectKey, tuple[Tick, ...]]:
        """The ticks that each subject is due. One with a `problem` is to be asked for again."""


@dataclass(frozen=True)
class Course:
    """One candidate under analysis. `ticks`: what was measured; `unanswered`: the newest look, if it told nothing."""

    key: ObjectKey
    uid: str
    candidate: str
    stable: str
    analysis: Analysis
    started_at: datetime
    step_since: datetime | None
    weight: int
    ticks: tuple[Tick, ...] = ()
    unanswered: Tick | None = None
    asked_until: datetime | None = None
    judgement: Judgement | None = None

    def same_rollout(self, other: "Course") -> bool:
        """Whether the evidence of one counts for the other."""
        mine = (self.uid, self.candidate, self.stable, self.analysis.interval)
        return mine == (other.uid, other.candidate, other.stable, other.analysis.interval)

    @property
    def phase(self) -> int:
        """Which of the grid's phases it is looked at in."""
        return phase(self.started_at, self.analysis.interval)

    def next_look(self, delay: timedelta) -> datetime:
        """When the next tick can be asked for."""
        after = self.asked_until or self.started_at + self.analysis.interval - timedelta(microseconds=1)
        return next_tick(after, self.analysis.interval, self.phase) + delay

    def due(self, now: datetime, delay: timedelta) -> tuple[datetime, ...]:
        """The ticks that are missing by now, oldest first; an unanswered one is asked for again."""
        first_window = self.started_at + self.analysis.interval - timedelta(microseconds=1)
        after = max(first_window, self.ticks[-1].at) if self.ticks else first_window
        return ticks_between(after, now - delay, self.analysis.interval, self.phase)


@dataclass
class AnalysisDesk:
    """Every rollout that is analyzed, and when each is looked at next.

    on_verdict: told of each ModelDeployment whose judgement is new.
    delay: how long after a tick's end it is asked for, so that its last scrape is in.
    """

    collector: Collector
    on_verdict: Callable[[ObjectKey], None]
    time: TimeSource
    delay: timedelta
    courses: dict[ObjectKey, Course] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def judgement(self, key: ObjectKey) -> Judgement | None:
        """The last word on a ModelDeployment's candidate."""
        course = self.courses.get(key)
        return course.judgement if course else None

    def follow(self, key: ObjectKey, uid: str, spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> None:
        """Begin, go on or end, as the status says now."""
        course = _course(key, uid, spec, status)
        if course is None:
            self.courses.pop(key, None)
            return
        known = self.courses.get(key)
        if known is None or not known.same_rollout(course):
            self.courses[key] = course
            self._changed.set()
            return
        self.courses[key] = replace(known, analysis=course.analysis, step_since=course.step_since, weight=course.weight)

    def forget(self, key: ObjectKey) -> None:
        """The ModelDeployment is gone."""
        self.courses.pop(key, None)

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
            (course, due)
            for course in self.courses.values()
            if course.next_look(self.delay) <= now and (due := course.due(now, self.delay))
        ]
        subjects = [_subject(course, due[:MOST_TICKS_AT_ONCE]) for course, due in asked]
        try:
            answers = await self.collector.collect(subjects)
        except Exception as error:
            # Whatever goes wrong while looking is missing data: it holds rollouts, and the next tick looks again.
            logger.exception("The metrics of %d rollouts could not be collected", len(subjects))
            answers = {
                subject.key: tuple(Tick(at=at, problem=f"{type(error).__name__}: {error}") for at in subject.due)
                for subject in subjects
            }
        for course, due in asked:
            now_followed = self.courses.get(course.key)
            # What was asked for one candidate says nothing of another that took its place meanwhile.
            if now_followed is not None and now_followed.same_rollout(course):
                self._take(now_followed, due, answers.get(course.key, ()))

    def _take(self, course: Course, due: Sequence[datetime], ticks: Sequence[Tick]) -> None:
        """Keep what was answered up to the first gap; what lies behind the gap is shown, and asked for again."""
        answered = tuple(takewhile(lambda tick: tick.problem is None, ticks))
        behind_gap = ticks[len(answered) :]
        catching_up = 0 < len(answered) < len(due) and not behind_gap
        course = replace(
            course,
            ticks=(*course.ticks, *answered),
            unanswered=behind_gap[-1] if behind_gap else None,
            asked_until=answered[-1].at if catching_up else due[-1],
        )
        if catching_up:
            self.courses[course.key] = course
            return
        self.courses[course.key] = replace(course, judgement=_judge(course, self.time.now()))
        self.on_verdict(course.key)


def _course(key: ObjectKey, uid: str, spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> Course | None:
    """What is to be analyzed now; None if nothing is."""
    step, candidate, stable = status.step, status.candidate, status.stable
    carries_traffic = bool(status.weight)
    if spec.analysis is None or candidate is None or stable is None or step is None:
        return None
    if status.phase not in ANALYZED or not carries_traffic:
        return None
    shown = status.analysis
    if shown is not None and shown.revision == candidate:
        started_at = shown.started_at
    elif step.since is not None:
        started_at = step.since + spec.analysis.initial_delay
    else:
        return None
    return Course(
        key=key,
        uid=uid,
        candidate=candidate,
        stable=stable,
        analysis=spec.analysis,
        started_at=started_at,
        step_since=step.since,
        weight=status.weight or 0,
    )


def _subject(course: Course, due: tuple[datetime, ...]) -> Subject:
    return Subject(
        namespace=course.key.namespace,
        model=course.key.name,
        candidate=course.candidate,
        stable=course.stable,
        analysis=course.analysis,
        due=due,
    )


def _judge(course: Course, now: datetime) -> Judgement:
    """While weights move there is no step to count for: only the whole rollout speaks then."""
    step_since = course.step_since or now
    ticks = (*course.ticks, course.unanswered) if course.unanswered else course.ticks
    word = judge(
        course.analysis,
        ticks,
        step_since=step_since,
        weight=course.weight,
        candidate=course.candidate,
        started_at=course.started_at,
    )
    return Judgement(analysis=word, step_since=step_since)
