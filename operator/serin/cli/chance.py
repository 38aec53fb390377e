"""Rollouts by chance, run through the operator's own judge and by its own steps, before anything runs.

Events are independent given their rate, and their number is Poisson. Chance is seeded: the same question has the same
answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from serin.api.spec import Analysis, MetricAction
from serin.api.status import BudgetStatus, Verdict
from serin.cli.course import Course, Decision, Ending, Word
from serin.judge import Counts, Judge, Pair, Tick, Trial, explain, in_step, summarize
from serin.judge.split import totals
from serin.rollout.schedule import Schedule
from serin.rollout.stages import Stage

MOST_TICKS = 20_000
"""A rollout of more ticks than this is not followed to its end."""
_SEED = 5
START = datetime(2000, 1, 1, tzinfo=UTC)
"""Any time: only what passes since then is told."""


@dataclass(frozen=True)
class Stream:
    """What one metric counts: events per second of both versions together, and the share of them that is bad."""

    events: float
    rate: float


@dataclass(frozen=True)
class Traffic:
    """requests: per second, of both versions together. streams: by the metric's name."""

    requests: float
    streams: Mapping[str, Stream]


@dataclass(frozen=True)
class Plan:
    """A rollout that may be: judged by the analysis, whose metrics are all shares, with a budget frozen before."""

    analysis: Analysis
    schedule: Schedule
    budget: BudgetStatus
    traffic: Traffic


@dataclass(frozen=True)
class Worse:
    """A candidate whose share of bad events of one metric is higher than stable's, in points as a share."""

    metric: str
    rise: float


@dataclass
class Leg:
    """One stage as it went: when it began and ended after the start, the ticks in it, the candidate's requests."""

    stage: Stage
    since: timedelta
    until: timedelta
    ticks: int = 0
    requests: float = 0.0


@dataclass(frozen=True)
class Passed:
    """When a metric first passed after the start, and after how many of the candidate's events."""

    after: timedelta
    events: float


@dataclass
class Run:
    """One rollout as it went.

    passing: the metrics that passed in the newest tick.
    """

    course: Course
    trial: Trial
    worse: Worse | None
    source: np.random.Generator
    legs: list[Leg] = field(default_factory=list)
    passed: dict[str, Passed] = field(default_factory=dict)
    passing: frozenset[str] = frozenset()
    _events: dict[str, float] = field(default_factory=dict)

    @property
    def ending(self) -> Ending:
        """How it ended."""
        return self.course.close()

    @property
    def lasted(self) -> timedelta:
        """How long it took."""
        return self.ending.at - START

    @property
    def found_after(self) -> timedelta | None:
        """When it was rolled back; None if it was not."""
        return self.lasted if self.ending.decision is Decision.ROLLED_BACK else None

    @property
    def is_proven(self) -> bool:
        """Whether it was promoted, or compared, by evidence: all metrics that may roll back passed."""
        deciding = {
            metric.name for metric in self.trial.analysis.metrics if metric.action is MetricAction.ROLLBACK
        }  # fmt: skip
        return self.ending.decision in {Decision.PROMOTED, Decision.COMPARED} and deciding <= self.passing

    def count(self, tick: Tick, stage: Stage) -> None:
        """A tick lies in that stage."""
        requests, _ = totals(tick.requests)
        if not self.legs or self.legs[-1].stage != stage:
            self.legs.append(Leg(stage, self.legs[-1].until if self.legs else timedelta(0), timedelta(0)))
        leg = self.legs[-1]
        leg.ticks, leg.requests, leg.until = leg.ticks + 1, leg.requests + requests, tick.at - START
        for name, pair in tick.metrics.items():
            if isinstance(pair.candidate, Counts):
                self._events[name] = self._events.get(name, 0.0) + pair.candidate.total

    def hear(self, at: datetime) -> None:
        """The tick was judged."""
        summary = summarize(self.trial)
        names = [metric.name for metric in self.trial.analysis.metrics]
        passing = [
            name
            for name, finding in zip(names, summary.findings, strict=True)
            if finding.verdict is Verdict.PASS
        ]  # fmt: skip
        self.passing = frozenset(passing)
        for name in passing:
            self.passed.setdefault(name, Passed(at - START, self._events.get(name, 0.0)))
        trial = self.trial
        self.course.hear(
            Word(
                summary.verdict,
                trial.ticks,
                trial.samples,
                summary.reason,
                lambda: explain(trial).is_within_limits,
            )
        )


def typical(runs: Sequence[Run]) -> Run:
    """Of several rollouts of one healthy candidate the one in the middle: half of them take longer, or fail."""
    return sorted(runs, key=lambda one: (not one.is_proven, one.lasted))[len(runs) // 2]


def run(plan: Plan, candidates: Sequence[Worse | None]) -> list[Run]:
    """Roll out each of these candidates once, until all have ended; None is one as good as stable."""
    judge = Judge()
    began = START + plan.analysis.initial_delay
    runs = [
        Run(
            Course(plan.analysis, plan.schedule, START),
            judge.open(plan.analysis, budget=plan.budget, candidate="candidate", began=began),
            worse,
            np.random.default_rng((_SEED, number)),
        )
        for number, worse in enumerate(candidates)
    ]
    at = began
    for _ in range(MOST_TICKS):
        under_way = [one for one in runs if one.course.ending is None]
        if not under_way:
            break
        at += plan.analysis.interval
        looks = [(one, tick) for one in under_way if (tick := _next_tick(plan, one, at)) is not None]
        if looks:
            judge.hear([(one.trial, tick) for one, tick in looks])
        for one, _ in looks:
            one.hear(at)
    for one in runs:
        one.trial.close()
        if one.legs:
            one.legs[-1].until = one.lasted
    return runs


def _next_tick(plan: Plan, one: Run, at: datetime) -> Tick | None:
    """What the window that ends then counts; None if the rollout ends before."""
    course, interval = one.course, plan.analysis.interval
    before = course.stage
    course.until(at)
    if course.ending is not None:
        return None
    one.trial.enter(course.step)
    stage = course.stage if in_step(at, course.step, interval) else before
    tick = tick_by_chance(plan, at, stage.weight, one.worse, one.source, mirror=stage.mirror)
    one.count(tick, stage)
    return tick


def tick_by_chance(
    plan: Plan, at: datetime, weight: int, worse: Worse | None, source: np.random.Generator, *, mirror: int = 0
) -> Tick:
    """What a tick at this weight may count, and copies of so many percent of the requests."""
    seconds, share = plan.analysis.interval.total_seconds(), weight / 100
    reached = share + mirror / 100

    def pair(stream: Stream, rise: float) -> Pair:
        rates = np.array([min(1.0, stream.rate + rise), stream.rate])
        totals = source.poisson([stream.events * seconds * reached, stream.events * seconds * (1 - share)])
        bad = source.binomial(totals, rates)
        return Pair(Counts(float(bad[0]), float(totals[0])), Counts(float(bad[1]), float(totals[1])))

    metrics = {
        name: pair(stream, worse.rise if worse is not None and worse.metric == name else 0.0)
        for name, stream in plan.traffic.streams.items()
    }
    return Tick(at, metrics, pair(Stream(plan.traffic.requests, 0.0), 0.0))
