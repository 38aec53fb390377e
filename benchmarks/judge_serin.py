"""Serin's judge in the simulation: the same trials, ticks and verdicts that the operator works with, none rebuilt."""

from datetime import UTC, datetime, timedelta

import numpy as np

from judge_rivals import Steps
from judge_rollouts import HOLD, STEPS, Move, Moves
from judge_worlds import METRICS, SECONDS, TICKS, Flags, Floats, Look, World
from serin.api.analysis import Analysis
from serin.api.status import Verdict
from serin.judge import Counts, Judge, Pair, Step, Tick, Trial, explain, freeze, summarize

START = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(seconds=SECONDS)
RATIO = {name: f'sum(delta({name}_total{{pod=~"$workload-.*"}}[$window]))' for name in ("bad", "total")}
POLICY = Analysis.model_validate(
    {
        "interval": f"{SECONDS:g}s",
        "maxDuration": f"{TICKS}m",
        "metrics": [
            {"name": METRICS[0], "maxIncrease": {"absolute": "0.25%"}},
            {"name": METRICS[1], "threshold": "250ms"},
            {"name": METRICS[2], "delta": "0.75%"},
            {"name": METRICS[3], "ratio": RATIO, "maxIncrease": {"absolute": "0.5%", "relative": "10%"}},
        ],
    }
)


class Serin:
    """Everything at its default but the limits above."""

    def __init__(self, world: World, rollouts: int) -> None:
        self._warm_up = world.warm_up
        began = START + world.warm_up * INTERVAL
        self._judge = Judge()
        budget = freeze(POLICY, steps=len(STEPS))
        self.trials = [
            self._judge.open(POLICY, budget=budget, candidate=f"{number:010x}", began=began)
            for number in range(rollouts)
        ]
        self._past: list[list[Tick]] = [[] for _ in range(rollouts)]
        self._missed: list[list[Tick]] = [[] for _ in range(rollouts)]
        self._held = np.zeros(rollouts, dtype=np.int64)
        self._entered = np.full(rollouts, -1)

    def learn(self, past: Look) -> None:
        """The stable version's own history."""
        for number, ticks in enumerate(self._past):
            ticks.append(tick_of(past, number))

    def judge(self, look: Look, live: Flags, steps: Steps) -> Moves:
        """One look at all rollouts that are under way."""
        moves = np.full(len(live), Move.STAY, dtype=np.int8)
        if look.tick <= self._warm_up:
            return moves
        numbers = np.flatnonzero(live)
        self._enter(look.tick, numbers, steps)
        self._hear(look, numbers)
        for number in numbers.tolist():
            moves[number] = self._move(number, last=bool(steps[number] == len(STEPS) - 1))
        return moves

    def _enter(self, tick: int, numbers: Steps, steps: Steps) -> None:
        for number in numbers[steps[numbers] != self._entered[numbers]].tolist():
            trial = self.trials[number]
            trial.enter(Step(START + (tick - 1) * INTERVAL, STEPS[steps[number]]))
            if self._entered[number] < 0:
                trial.learn(self._past[number])
            self._entered[number], self._held[number] = steps[number], 0

    def _hear(self, look: Look, numbers: Steps) -> None:
        """What was not answered is asked for again, and heard in its order, as soon as there is an answer."""
        for number in numbers.tolist():
            if not look.answered[number]:
                self.trials[number].miss(Tick(START + look.tick * INTERVAL, problem="down"))
            self._missed[number].append(tick_of(look, number))
        heard = [(self.trials[number], self._missed[number]) for number in numbers.tolist() if look.answered[number]]
        for _, waiting in heard:
            waiting.reverse()
        while due := [(trial, waiting.pop()) for trial, waiting in heard if waiting]:
            self._judge.hear(due)

    def _move(self, number: int, *, last: bool) -> Move:
        """`rollout.steps` in short: a held step's time stands still, and the last step ends with a pass only."""
        found = summarize(self.trials[number])
        if found.verdict is Verdict.FAIL:
            return Move.ROLL_BACK
        if found.verdict is Verdict.HOLD:
            return Move.STAY
        self._held[number] += 1
        good_enough = found.verdict is Verdict.PASS or not last
        return Move.ADVANCE if self._held[number] >= HOLD and found.enough and good_enough else Move.STAY

    def give_up(self, live: Flags, steps: Steps) -> Moves:
        """`maxDuration` is over: promote on an estimate within the limits in the last step, else ask a person."""
        moves = np.full(len(live), Move.PAUSE, dtype=np.int8)
        for number in np.flatnonzero(live & (steps == len(STEPS) - 1)).tolist():
            if is_within(self.trials[number]):
                moves[number] = Move.PROMOTE
        return moves


def is_within(trial: Trial) -> bool:
    """Whether nothing holds the rollout, the step has its samples, and every estimate is within its limit."""
    found = summarize(trial)
    if not found.enough or found.verdict not in {Verdict.PASS, Verdict.CONTINUE}:
        return False
    return explain(trial).is_within_limits


def tick_of(look: Look, number: int) -> Tick:
    """One rollout's tick, as the collector would hand it over."""
    metrics = {name: _pair(counts) for name, counts in zip(METRICS, look.counts[number].tolist(), strict=True)}
    candidate, stable = look.requests[number].tolist()
    return Tick(START + look.tick * INTERVAL, metrics, Pair(Counts(0.0, candidate), Counts(0.0, stable)))


def _pair(counts: list[float]) -> Pair:
    total_c, bad_c, total_b, bad_b = counts
    return Pair(Counts(bad_c, total_c), Counts(bad_b, total_b))


def speed_counts(rollouts: int, seed: int) -> Floats:
    """Counts of a tick of healthy rollouts at 20 requests/s and a weight of 20 %: shape (r, m, 4)."""
    random = np.random.default_rng(seed)
    totals = random.poisson([240.0, 960.0], (rollouts, len(METRICS), 2))
    return np.stack(
        [column for side in range(2) for column in (totals[..., side], random.binomial(totals[..., side], 0.01))],
        axis=-1,
    ).astype(float)
