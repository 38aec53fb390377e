"""An operator that starts in the middle of an analysis knows what the one that never stopped knows.

Both take in the same samples: one tick by tick as they come, the other all at once from Prometheus' history, with the
present step as all that it knows of the steps.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from fakes.manual_time import ManualTime
from fakes.waiting import until
from rollout.simulator import manifest
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus, Phase, StepKind, StepStatus
from serin.cluster.resources import ObjectKey
from serin.controller.analysis import AnalysisDesk
from serin.judge import Bins, Counts, Level, Moments, Pair, Tick, Trial, explain, summarize
from serin.judge.drifting import DriftMeasure
from serin.judge.measure import Measure
from serin.judge.processes import Processes
from serin.judge.share import ShareMeasure
from serin.judge.value import ValueMeasure
from serin.metrics import Subject, SubjectKey
from serin.metrics.grid import before_first, phase, ticks_between

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ObjectKey("ml", "fraud")
DELAY = timedelta(seconds=1)
INTERVAL = 10.0
QUERY = 'sum(delta({}{{pod=~"$workload-.*"}}[$window]))'
SPEC = ModelDeploymentSpec.model_validate(
    manifest(
        analysis={
            "interval": "10s",
            "metrics": [
                {"name": "error-rate", "threshold": "2%", "critical": True},
                {"name": "latency", "threshold": "250ms", "maxIncrease": {"absolute": "1%", "relative": "10%"}},
                {"name": "accuracy", "delta": "1%"},
                {
                    "name": "tokens",
                    "mean": {name: QUERY.format(name) for name in ("sum", "count", "squares")},
                    "maxIncrease": {"absolute": "5"},
                },
                {"name": "queue", "gauge": QUERY.format("queue"), "maxIncrease": {"absolute": "3"}},
                {"name": "prediction-drift", "maxPSI": "0.2"},
            ],
        }
    )
)


@dataclass(frozen=True)
class Stage:
    """A step of a story: its weight, and how long it lasts in seconds.

    moves: so long before it the weights are on their way. lag: so long after it began the desk hears of it.
    """

    weight: int
    lasts: float
    moves: float = 0.0
    lag: float = 0.0


@dataclass(frozen=True)
class Story:
    """The steps of a rollout, and what was counted in each tick, by chance.

    outages: the numbers of the looks that Prometheus does not answer. killed: when the operator is, in seconds.
    """

    stages: tuple[Stage, ...]
    seed: int = 1
    worse: float = 0.0
    quiet: bool = False
    outages: frozenset[int] = frozenset()
    killed: float = 0.0

    @property
    def lasts(self) -> float:
        """Seconds from the beginning to the end."""
        return sum(stage.moves + stage.lasts for stage in self.stages)

    def changes(self) -> Iterator[tuple[float, float, ModelDeploymentStatus]]:
        """Each status: since when it is true, when the desk hears of it, in seconds."""
        now, weight = 0.0, 0
        for number, stage in enumerate(self.stages, start=1):
            if number > 1 and stage.moves:
                yield now, now, status_of(number, weight, None)
            now, weight = now + (stage.moves if number > 1 else 0.0), stage.weight
            yield now, now + stage.lag, status_of(number, weight, START + timedelta(seconds=now))
            now += stage.lasts

    def weight(self, seconds: float) -> int:
        """The weight at a time."""
        weights = [status.weight or 0 for since, _, status in self.changes() if since <= max(seconds, 0.0)]
        return weights[-1]

    def tick(self, at: datetime) -> Tick:
        """What was counted in the window that ends then."""
        seconds = (at - START).total_seconds()
        source = random.Random(f"{self.seed} {seconds}")
        weight = 0 if seconds <= 0 else (self.weight(seconds - INTERVAL) + self.weight(seconds - 1e-6)) / 2
        total = source.choice((0, 1, 3, 8)) if self.quiet else source.choice((0, 150, 200, 400))
        candidate = sum(source.random() < weight / 100 for _ in range(total))
        stable = total - candidate
        if weight == 100 and source.random() < 0.3:
            stable = source.randint(1, 3)  # the last requests, or somebody's probe
        return Tick(at, dict(self._metrics(source, candidate, stable)), totals(candidate, stable))

    def _metrics(self, source: random.Random, candidate: int, stable: int) -> Iterator[tuple[str, Pair]]:
        # While it was alone stable had better and worse ticks, by which the evidence is tempered.
        stable_fails = 0.02 if candidate else source.choice((0.0, 0.02, 0.2))
        for name in ("error-rate", "latency", "accuracy"):
            shares = (0.02 + self.worse, stable_fails)
            yield name, hole(source, *(counts(source, n, p) for n, p in zip((candidate, stable), shares, strict=True)))
        labels = source.randint(0, 4)  # late ones, of requests of long ago
        yield "accuracy", hole(source, counts(source, candidate // 2, 0.1 + self.worse), counts(source, labels, 0.1))
        worse = 50 + 100 * self.worse
        yield "tokens", hole(source, moments(source, candidate, worse), moments(source, stable, 50.0))
        # Without requests a queue is empty, and says nothing of what it would be with them.
        level = 20.0 if stable > 10 else 0.0
        yield "queue", hole(source, Level(source.gauss(20 + 100 * self.worse, 1)), Level(source.gauss(level, 1)))
        yield "prediction-drift", hole(source, bins(source, candidate, self.worse), bins(source, stable, 0.0))


def status_of(number: int, weight: int, since: datetime | None) -> ModelDeploymentStatus:
    """A rollout in a step; the weights are on their way while nothing is known since when they hold."""
    step = StepStatus(index=number, of=9, kind=StepKind.WEIGHT, weight=weight, plan="plan", since=since)
    return ModelDeploymentStatus(phase=Phase.PROGRESSING, candidate="new", stable="old", step=step, weight=weight)


def totals(candidate: int, stable: int) -> Pair:
    """Requests of both versions."""
    return Pair(Counts(0.0, float(candidate)), Counts(0.0, float(stable)))


def hole(source: random.Random, candidate: Any, stable: Any) -> Pair:
    """Now and then one version has no data."""
    lost = source.random()
    return Pair(None if lost < 0.03 else candidate, None if 0.03 < lost < 0.06 else stable)


def counts(source: random.Random, total: int, share: float) -> Counts:
    """Bad events by chance."""
    return Counts(float(sum(source.random() < share for _ in range(total))), float(total))


def moments(source: random.Random, count: int, mean: float) -> Moments:
    """Values by chance."""
    values = [source.gauss(mean, 10) for _ in range(count)]
    return Moments(float(count), sum(values), sum(value * value for value in values))


def bins(source: random.Random, total: int, shift: float) -> Bins:
    """Predictions by chance."""
    labels = [f"{min(int((source.random() ** (1 + 10 * shift)) * 5) + 1, 5) / 5:g}" for _ in range(total)]
    return Bins({label: float(labels.count(label)) for label in ("0.2", "0.4", "0.6", "0.8", "1")})


@dataclass
class Counted:
    """A collector that has counted this story; out of order while `is_down`."""

    story: Story
    is_down: bool = False
    known: dict[datetime, Tick] = field(default_factory=dict)

    async def collect(self, subjects: Sequence[Subject]) -> dict[SubjectKey, tuple[Tick, ...]]:
        """Every tick that is due."""
        return {subject.key: tuple(self._tick(at) for at in subject.due) for subject in subjects}

    def _tick(self, at: datetime) -> Tick:
        if self.is_down:
            return Tick(at, problem="Prometheus cannot be reached")
        return self.known.setdefault(at, self.story.tick(at))


class Operator:
    """One operator's desk, at work."""

    def __init__(self, collector: Counted) -> None:
        self.time = ManualTime(START)
        self.collector = collector
        self.desk = AnalysisDesk(collector, lambda _: None, self.time, delay=DELAY, refresh=timedelta(0))
        self._task = asyncio.create_task(self.desk.run())

    async def live(self, story: Story, begin: float, end: float) -> None:
        """Hear of every change, and look when a tick is due, from one time to another."""
        moments = [(told, status) for _, told, status in story.changes() if begin < told <= end]
        looks = [(seconds, None) for seconds in looks_of(story) if begin < seconds <= end]
        for seconds, status in sorted([*moments, *looks], key=lambda moment: moment[0]):
            self.time.set(START + timedelta(seconds=seconds))
            if status is None:
                self.collector.is_down = looks_of(story).index(seconds) in story.outages
                await self.rest()
            else:
                self.hear(status)
        self.collector.is_down = False

    def hear(self, status: ModelDeploymentStatus) -> None:
        """The status changed."""
        known = self.desk.judgement(KEY)
        shown = status if known is None else status.model_copy(update={"analysis": known.analysis})
        self.desk.follow(KEY, "uid", SPEC, shown)

    async def rest(self) -> None:
        """Until all that is due was looked at."""
        for _ in range(5):
            await asyncio.sleep(0)
        await until(lambda: self.time.sleepers and min(self.time.sleepers) > self.time.now())

    async def stop(self) -> None:
        """It is killed."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def trial(self) -> Trial:
        """What it knows of the candidate."""
        return self.desk.courses[KEY].trial


def looks_of(story: Story) -> list[float]:
    """When each tick is looked at, in seconds."""
    interval, end = timedelta(seconds=INTERVAL), START + timedelta(seconds=story.lasts)
    ticks = ticks_between(before_first(START, interval), end, interval, phase(START, interval))
    return [(at + DELAY - START).total_seconds() for at in ticks]


async def both(story: Story) -> tuple[Trial, Trial]:
    """The trial of the operator that never stopped, and of the one that began in the middle."""
    collector = Counted(story)
    first, second = Operator(collector), Operator(Counted(story))
    try:
        first.hear(next(story.changes())[2])
        await first.live(story, 0.0, story.killed)
        known = first.desk.judgement(KEY)
        status = [status for since, _, status in story.changes() if since <= story.killed][-1]
        second.time.set(START + timedelta(seconds=story.killed))
        second.desk.follow(KEY, "uid", SPEC, status.model_copy(update={"analysis": known.analysis if known else None}))
        await second.rest()
        await first.live(story, story.killed, story.lasts + 1)
        await second.live(story, story.killed, story.lasts + 1)
        for operator in (first, second):
            await operator.rest()
        return first.trial, second.trial
    finally:
        await first.stop()
        await second.stop()


def evidence(trial: Trial) -> dict[str, Any]:
    """Every number that a trial rests on, by name."""
    found: dict[str, Any] = {"ticks": trial.ticks, "requests": trial.requests, "look": trial.look}
    for number, row in enumerate((trial.split.more, trial.split.less)):
        found |= _row(f"split {number}", trial.split._processes, row)
    for hearing in trial.hearings:
        name = hearing.measure.metric.name
        found |= {f"{name} {key}": value for key, value in _numbers(hearing.measure).items()}
        found[f"{name} recent"] = astuple(hearing.recent)
    return found


def _numbers(measure: Measure) -> dict[str, Any]:
    if isinstance(measure, ShareMeasure):
        named = {"start": measure.start, "step": measure.step, "crash": measure.crash}
        shares = [_row(name, measure._processes, row) for name, row in named.items() if row is not None]
        return {name: value for part in shares for name, value in part.items()}
    if isinstance(measure, ValueMeasure):
        accounts = {"start": measure._start, "step": measure._step, "stable": measure._stable, "block": measure._block}
        return {
            f"{name} {field}": value
            for name, account in accounts.items()
            for field, value in (*vars_of(account.state), ("threshold", account.threshold))
        } | {"blocks": measure._blocks, "bound": astuple(measure._bound) if measure._bound else None}
    assert isinstance(measure, DriftMeasure)
    found = {f"pooled {name}": value for name, value in vars_of(measure._pooled)}
    for label, rows in measure._rows.items():
        for number, row in enumerate(rows):
            found |= _row(f"{label} {number}", measure._processes, row)
    waiting = tuple(it.total for it in measure._waiting)
    return found | {"ticks": measure._ticks, "samples": measure.samples, "waiting": waiting}


def vars_of(state: Any) -> list[tuple[str, Any]]:
    """The fields of a dataclass with slots."""
    return [(name, getattr(state, name)) for name in state.__dataclass_fields__]


def _row(name: str, processes: Processes, row: int) -> dict[str, Any]:
    reading = processes.read(np.array([row]))
    tables = {"state": reading.state, "terms": reading.terms}
    return {
        f"{name} {kind} {field}": table[field].tolist()
        for kind, table in tables.items()
        for field in table.dtype.names or ()
    }


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Equal, numbers to 1e-9."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where} {key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}[{number}]")
    elif isinstance(one, float) and isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9), where
    elif hasattr(one, "__dataclass_fields__") and type(one) is type(other):
        assert_same(vars_of(one), vars_of(other), where)
    else:
        assert one == other, where


def assert_rebuilt(story: Story) -> Trial:
    """Hold that both operators know the same at the end; gives back what they know."""
    stayed, rebuilt = asyncio.run(both(story))
    assert_same(evidence(rebuilt), evidence(stayed))
    assert summarize(rebuilt) == summarize(stayed)
    assert_same(explain(rebuilt).to_dict(), explain(stayed).to_dict())
    return stayed


def by_chance(seed: int) -> Story:
    """Up to four steps with whatever weights, looked at with outages, killed at any moment."""
    source = random.Random(seed)
    stages = tuple(
        Stage(
            weight=source.choice((1, 10, 50, 99, 100, 100)),
            lasts=source.choice((25.0, 61.3, 110.0)),
            moves=source.choice((0.0, 0.4, 1.7, 4.9, 8.4, 9.9, 10.0, 23.0)),
            lag=source.choice((0.0, 0.0, 0.5, 2.9)),
        )
        for _ in range(source.randint(1, 4))
    )
    story = Story(
        stages,
        seed,
        worse=source.choice((0.0, 0.0, 0.02, 0.3)),
        quiet=source.random() < 0.3,
        outages=frozenset(source.sample(range(30), source.randint(0, 4))),
    )
    return replace(story, killed=source.uniform(0.0, story.lasts))


@pytest.mark.parametrize("seed", range(1, 21))
def test_an_operator_that_starts_in_the_middle_knows_what_one_that_never_stopped_knows(seed: int) -> None:
    assert_rebuilt(by_chance(seed))


MOVED = Stage(50, lasts=60.0, moves=4.9)
FULL = Stage(100, lasts=60.0, moves=3.0)


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(Story((Stage(10, 130.0),), killed=64.0), id="in the first step"),
        pytest.param(Story((Stage(10, 130.0),), killed=2.0), id="before the first tick"),
        pytest.param(Story((Stage(10, 40.0), MOVED, MOVED), killed=120.0), id="after several steps"),
        pytest.param(Story((Stage(10, 44.0), MOVED), killed=46.0), id="while weights move, in the middle of a window"),
        pytest.param(Story((Stage(10, 50.0), replace(MOVED, lag=2.0)), killed=58.0), id="in a step that was told late"),
        pytest.param(
            Story((Stage(10, 60.0), MOVED), outages=frozenset({4, 5, 6}), killed=71.0), id="with ticks that are missing"
        ),
        pytest.param(Story((Stage(10, 60.0), FULL), killed=110.0), id="in the watch at the full weight"),
        pytest.param(
            Story((Stage(10, 60.0), FULL, FULL), killed=170.0), id="in a watch after a step at the full weight"
        ),
        pytest.param(Story((FULL, MOVED, MOVED), killed=150.0), id="after traffic was given back to stable"),
        pytest.param(Story((Stage(10, 60.0), FULL, FULL), quiet=True, killed=170.0), id="with hardly a request"),
    ],
)
def test_wherever_it_starts_it_knows_the_same(story: Story) -> None:
    trial = assert_rebuilt(story)
    tempered = [evidence(trial)[f"{name} start terms dispersion"][0] for name in ("error-rate", "latency")]
    assert story.quiet or min(tempered) > 1.5
