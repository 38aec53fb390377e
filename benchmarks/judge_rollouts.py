"""One rollout's way through its steps, for many at once, as a judge decides: what every judge has in common."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from judge_worlds import TICKS, Flags, Floats, Look, Stage

STEPS = (5, 25, 50)
"""Weights, in percent."""
HOLD = 10
"""Ticks of each step at least."""
HISTORY = 30
"""Ticks of the stable version before the rollout."""

Moves = NDArray[np.int8]


class Move(IntEnum):
    """What a judge does with a rollout after a tick."""

    STAY = 0
    ADVANCE = 1
    ROLL_BACK = 2
    PAUSE = 3
    PROMOTE = 4


class Judge(Protocol):
    """A judge of many rollouts at once."""

    def learn(self, past: Look) -> None:
        """Take in a tick of the stable version from before the rollout."""

    def judge(self, look: Look, live: Flags, steps: NDArray[np.int64]) -> Moves:
        """What to do after a tick. live: shape (r,), who is still under way. steps: shape (r,), the step, from 0."""

    def give_up(self, live: Flags, steps: NDArray[np.int64]) -> Moves:
        """What to do when the time is over: promote, roll back or pause."""


@dataclass(frozen=True)
class Outcomes:
    """How many rollouts ended. end: the move that ended each. ticks: when. bad: requests it cost in the hour."""

    end: Moves
    ticks: NDArray[np.int64]
    bad: Floats


def play(stage: Stage, judge: Judge, rollouts: int) -> Outcomes:
    """All rollouts, until each is promoted, rolled back or paused."""
    for tick in range(1 - HISTORY, 1):
        judge.learn(stage.look(tick, np.zeros(rollouts)))
    weights = np.array(STEPS) / 100.0
    steps, ticks = np.zeros(rollouts, dtype=np.int64), np.full(rollouts, TICKS)
    end = np.full(rollouts, Move.STAY, dtype=np.int8)
    bad = np.zeros(rollouts)
    for tick in range(1, TICKS + 1):
        live = end == Move.STAY
        now = np.select([end == Move.PROMOTE, end == Move.ROLL_BACK], [1.0, 0.0], weights[steps])
        bad += stage.excess(tick, now)
        if not live.any():
            continue
        moves = judge.judge(stage.look(tick, now), live, steps)
        advancing = live & (moves == Move.ADVANCE)
        moves = np.where(advancing & (steps == len(STEPS) - 1), Move.PROMOTE, moves).astype(np.int8)
        steps[live & (moves == Move.ADVANCE)] += 1
        if tick == TICKS:
            moves = np.where(moves <= Move.ADVANCE, judge.give_up(live, steps), moves).astype(np.int8)
        ending = live & (moves > Move.ADVANCE)
        end[ending], ticks[ending] = moves[ending], tick
    return Outcomes(end, ticks, bad)
