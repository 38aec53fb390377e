"""Two rollouts by chance, of a candidate that is as good as stable and of one that is not, and what the judge says."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from serin.api.analysis import Analysis
from serin.api.status import AnalysisStatus, Verdict
from serin.judge import Counts, Judge, Pair, Step, Tick, explain, freeze, summarize

INTERVAL = timedelta(seconds=60)
START = datetime(2026, 1, 1, tzinfo=UTC)
WEIGHTS = (5, 25, 50)
HOLD = 10
"""Ticks that a step lasts at least."""
SHARE = 0.01
"""Of stable's requests that fail."""
TOLERANCE = 0.005
RISE = 0.02
"""By so much more of the bad candidate's requests fail, from the tick FAULT on."""
FAULT = 14
LONGEST = 60
_REQUESTS = 3000
"""A tick, both versions together: 50 a second."""
_SEED = 11

POLICY = Analysis.model_validate(
    {
        "interval": "60s",
        "metrics": [
            {"name": "error-rate", "maxIncrease": {"absolute": f"{TOLERANCE:.1%}"}},
            {"name": "latency", "threshold": "250ms"},
        ],
    }
)
_SLOW = 0.03


@dataclass(frozen=True)
class Told:
    """What was said after one tick. step: from 0."""

    number: int
    step: int
    status: AnalysisStatus


def rollout(*, rise: float) -> Iterator[Told]:
    """A rollout through its steps until it is decided; the candidate is worse by `rise` from the tick FAULT on."""
    source = random.Random(_SEED)
    judge, step, held = Judge(), 0, 0
    trial = judge.open(POLICY, budget=freeze(POLICY, steps=len(WEIGHTS)), candidate="8f21c0a97e", began=START)
    trial.enter(Step(START, WEIGHTS[0]))
    for number in range(1, LONGEST + 1):
        judge.hear([(trial, _tick(source, number, WEIGHTS[step], rise if number >= FAULT else 0.0))])
        yield Told(number, step, explain(trial))
        found = summarize(trial)
        held += found.verdict is not Verdict.HOLD
        last = step == len(WEIGHTS) - 1
        if found.verdict is Verdict.FAIL or (last and held >= HOLD and found.verdict is Verdict.PASS):
            return
        if held >= HOLD and found.enough and not last and found.verdict is not Verdict.HOLD:
            step, held = step + 1, 0
            trial.enter(Step(START + number * INTERVAL, WEIGHTS[step]))


def _tick(source: random.Random, number: int, weight: int, rise: float) -> Tick:
    candidate = _binomial(source, _REQUESTS, weight / 100)
    stable = _REQUESTS - candidate
    failed = Pair(
        Counts(_binomial(source, candidate, SHARE + rise), candidate), Counts(_binomial(source, stable, SHARE), stable)
    )
    slow = Pair(
        Counts(_binomial(source, candidate, _SLOW), candidate), Counts(_binomial(source, stable, _SLOW), stable)
    )
    requests = Pair(Counts(0, candidate), Counts(0, stable))
    return Tick(START + number * INTERVAL, {"error-rate": failed, "latency": slow}, requests)


def _binomial(source: random.Random, total: int, share: float) -> int:
    return sum(source.random() < share for _ in range(total))
