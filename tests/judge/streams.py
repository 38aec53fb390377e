"""Tick logs for tests, written as what each version counted."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from serin.api.spec import Analysis
from serin.api.status import AnalysisStatus, MetricStatus
from serin.judge import Counts, Expected, Judge, Pair, Step, Tick, Trial, explain, freeze

START = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(seconds=10)
ERROR_RATE = {"name": "error-rate", "threshold": "2%"}
LATENCY = {"name": "latency", "threshold": "250ms"}
ACCURACY = {"name": "accuracy", "delta": "1%"}


def analysis(*metrics: Mapping[str, Any], **fields: Any) -> Analysis:
    """An analysis with these metrics, error-rate below 2 % unless given."""
    return Analysis.model_validate({"interval": "10s", "metrics": list(metrics) or [ERROR_RATE], **fields})


def pair(candidate: tuple[float, float] | None, stable: tuple[float, float] | None) -> Pair:
    """Counts of both versions, each (bad, total)."""
    return Pair(Counts(*candidate) if candidate else None, Counts(*stable) if stable else None)


def at(number: int) -> datetime:
    """The end of the window of that number, from 1."""
    return START + number * INTERVAL


def tick(
    number: int,
    candidate: tuple[float, float] | None,
    stable: tuple[float, float] | None,
    *,
    metric: str = "error-rate",
    requests: Pair | None = None,
) -> Tick:
    """One metric's counts; the requests are its totals unless given."""
    counted = pair(candidate, stable)
    totals = pair((0, candidate[1]) if candidate else None, (0, stable[1]) if stable else None)
    return Tick(at(number), {metric: counted}, requests or totals)


def ticks(
    *counts: tuple[tuple[float, float] | None, tuple[float, float] | None], metric: str = "error-rate"
) -> list[Tick]:
    """Ticks from the start of the analysis on."""
    return [tick(number, *versions, metric=metric) for number, versions in enumerate(counts, start=1)]


def heard(
    policy: Analysis,
    log: Iterable[Tick],
    *,
    weight: int = 20,
    mirror: int = 0,
    expected: Expected = Expected.EXACT,
    step_since: datetime = START,
    steps: int = 3,
    began: datetime = START,
    history: Sequence[Tick] = (),
) -> Trial:
    """A trial that has heard these ticks, oldest first; one with a problem was not answered."""
    judge = Judge()
    trial = judge.open(policy, budget=freeze(policy, steps=steps), candidate="8f21c0a97e", began=began)
    trial.enter(Step(step_since, weight, mirror, expected))
    if history:
        trial.learn(history)
    for tick in log:
        if tick.problem is not None:
            trial.miss(tick)
        else:
            judge.hear([(trial, tick)])
    return trial


def judged(policy: Analysis, log: Iterable[Tick], *, weight: int = 20, step_since: datetime = START) -> AnalysisStatus:
    """The verdict at a weight, of a step that began with the analysis unless given."""
    return explain(heard(policy, log, weight=weight, step_since=step_since))


def only(status: AnalysisStatus) -> MetricStatus:
    """The status of the only metric."""
    (metric,) = status.metrics
    return metric


def binomial(source: random.Random, total: int, share: float) -> int:
    """How many of `total` are bad by chance."""
    return sum(source.random() < share for _ in range(total))


def healthy_tick(
    number: int, source: random.Random, *, total: int = 100, candidate: float = 0.01, stable: float = 0.01
) -> Tick:
    """A tick by chance: a fifth of the requests go to the candidate; each version fails with its own probability."""
    to_candidate = binomial(source, total, 0.2)
    to_stable = total - to_candidate
    return tick(
        number,
        (binomial(source, to_candidate, candidate), to_candidate),
        (binomial(source, to_stable, stable), to_stable),
    )
