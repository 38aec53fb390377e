"""Judges of other projects, from their documented rules and their code, with what a careful user would configure.

- **Counter**, in Flagger's manner: each tick every metric's rate is held against a threshold; a check that fails, or
  that finds no values, halts the advance and is counted; the fifth rolls back, and none is ever forgiven.
- **Analysis**, in Argo Rollouts' manner: background analysis; `failureLimit: 3` (so the fourth failed measurement of a
  metric aborts), `consecutiveErrorLimit` 4 (so the fifth unanswered one in a row aborts), and a success and a failure
  condition, so that 0/0 is inconclusive and pauses the rollout (`inconclusiveLimit` 0). All but the first are defaults.
- **z-test**: two proportions since the start, a look every tick, 5 % one-sided, each metric by itself.
- **Mann-Whitney**, in Kayenta's manner: rates of single ticks of both versions; a metric is High if the 98 % interval
  of the shift is above a quarter of the estimated shift; the share of metrics that are not High is the score; judged
  every 10 ticks over all ticks so far; below 75 ends it, and the last one must reach 95. Without any data, it is 0.
"""

import numpy as np
from numpy.typing import NDArray

from judge_rollouts import HOLD, STEPS, Move, Moves
from judge_worlds import Flags, Floats, Look, World

LIMITS = np.array([0.02, 0.05, 0.10, 0.04])
"""What a threshold is set to, with the stable version's shares known: twice, or what the SLA says."""
Steps = NDArray[np.int64]


class Rival:
    """What they share: a step lasts its number of good ticks, and when the time is over a person is asked."""

    def __init__(self, world: World, rollouts: int) -> None:
        self.warm_up = world.warm_up
        self.held = np.zeros(rollouts, dtype=np.int64)

    def learn(self, past: Look) -> None:
        """None of them looks at the past."""

    def give_up(self, live: Flags, steps: Steps) -> Moves:
        """A person is asked."""
        del steps
        return np.full(len(live), Move.PAUSE, dtype=np.int8)

    def move(self, good: Flags, *, back: Flags, pause: Flags) -> Moves:
        """Count a tick of the step if it is good, and go on when there are enough."""
        self.held += good
        done = self.held >= HOLD
        self.held[done] = 0
        chosen = np.select([back, pause, done], [Move.ROLL_BACK, Move.PAUSE, Move.ADVANCE], Move.STAY)
        return chosen.astype(np.int8)


class Counter(Rival):
    """A threshold with a counter. It cannot be told of a warm-up."""

    threshold = 5

    def __init__(self, world: World, rollouts: int) -> None:
        super().__init__(world, rollouts)
        self.failed = np.zeros(rollouts, dtype=np.int64)

    def judge(self, look: Look, live: Flags, steps: Steps) -> Moves:
        """One check of all metrics."""
        del live, steps
        failed = ~look.answered | ~(rates(look.counts[:, :, :2]) <= LIMITS).all(axis=1)
        self.failed += failed
        return self.move(~failed, back=self.failed >= self.threshold, pause=np.zeros_like(failed))


class Analysis(Rival):
    """Limits on failed, inconclusive and unanswered measurements."""

    failure_limit = 3
    consecutive_error_limit = 4

    def __init__(self, world: World, rollouts: int) -> None:
        super().__init__(world, rollouts)
        self.failed = np.zeros((rollouts, len(LIMITS)), dtype=np.int64)
        self.errors = np.zeros(rollouts, dtype=np.int64)

    def judge(self, look: Look, live: Flags, steps: Steps) -> Moves:
        """One measurement of each metric."""
        del live, steps
        nobody = np.zeros_like(look.answered)
        if look.tick <= self.warm_up:
            return self.move(~nobody, back=nobody, pause=nobody)
        measured = rates(look.counts[:, :, :2])
        self.failed += look.answered[:, None] & (measured > LIMITS)
        self.errors = np.where(look.answered, 0, self.errors + 1)
        inconclusive = look.answered & np.isnan(measured).any(axis=1)
        back: Flags = np.any(self.failed > self.failure_limit, axis=1) | (self.errors > self.consecutive_error_limit)
        # The background analysis does not stop the steps: they go on until it has ended.
        return self.move(~nobody, back=back, pause=inconclusive)


class ZTest(Rival):
    """Two proportions, looked at in every tick."""

    critical = 1.645

    def __init__(self, world: World, rollouts: int) -> None:
        super().__init__(world, rollouts)
        self.counts = np.zeros((rollouts, len(LIMITS), 4))

    def judge(self, look: Look, live: Flags, steps: Steps) -> Moves:
        """A test of each metric since the start."""
        del live, steps
        if look.tick > self.warm_up:
            self.counts += np.where(look.answered[:, None, None], look.counts, 0.0)
        total_c, bad_c, total_b, bad_b = (self.counts[:, :, column] for column in range(4))
        with np.errstate(divide="ignore", invalid="ignore"):
            pooled = (bad_c + bad_b) / (total_c + total_b)
            score = (bad_c / total_c - bad_b / total_b) / np.sqrt(pooled * (1 - pooled) * (1 / total_c + 1 / total_b))
        back: Flags = np.any(score > self.critical, axis=1)
        return self.move(look.answered, back=back, pause=np.zeros_like(back))


class MannWhitney(Rival):
    """Rates of single ticks, compared by rank."""

    marginal, passing = 75.0, 95.0
    fraction = 0.25
    quantile = 2.3263
    """Of the normal distribution, for an interval of 98 %."""

    def __init__(self, world: World, rollouts: int) -> None:
        super().__init__(world, rollouts)
        self.seen: list[Floats] = []

    def judge(self, look: Look, live: Flags, steps: Steps) -> Moves:
        """A judgement at the end of each step."""
        if look.tick > self.warm_up:
            both = np.stack([rates(look.counts[:, :, :2]), rates(look.counts[:, :, 2:])], axis=-1)
            self.seen.append(np.where(look.answered[:, None, None], both, np.nan))
        back = np.zeros_like(look.answered)
        if look.tick % HOLD == 0:
            scores = np.zeros(len(live))
            scores[live] = self._scores(np.stack(self.seen, axis=-1)[live])
            back = scores < np.where(steps == len(STEPS) - 1, self.passing, self.marginal)
        return self.move(np.ones_like(back), back=back, pause=np.zeros_like(back))

    def _scores(self, seen: Floats) -> Floats:
        """seen: shape (r, m, 2, ticks)."""
        high, known = np.zeros(len(seen)), np.zeros(len(seen))
        for metric in range(seen.shape[1]):
            candidate, stable = seen[:, metric, 0], seen[:, metric, 1]
            is_high, has_data = self._high(candidate, stable)
            high += is_high
            known += has_data
        return np.where(known > 0, 100.0 * (known - high) / np.maximum(known, 1.0), 0.0)

    def _high(self, candidate: Floats, stable: Floats) -> tuple[Flags, Flags]:
        """Whether the shift (Hodges-Lehmann) is for certain above a quarter of its estimate; and whether there is any.

        The interval is by order statistics of all differences, their ranks by the normal approximation.
        """
        shifts = np.sort((candidate[:, :, None] - stable[:, None, :]).reshape(len(candidate), -1), axis=1)
        number_c, number_b = (np.isfinite(side).sum(axis=1) for side in (candidate, stable))
        pairs = number_c * number_b
        spread = self.quantile * np.sqrt(pairs * (number_c + number_b + 1) / 12.0)
        lower = np.clip(np.floor(pairs / 2.0 - spread), 0, None).astype(np.int64)
        rows, middle = np.arange(len(shifts)), np.maximum(pairs - 1, 0)
        estimate = (shifts[rows, middle // 2] + shifts[rows, (middle + 1) // 2]) / 2.0
        return (pairs > 0) & (shifts[rows, lower] > self.fraction * np.abs(estimate)), pairs > 0


def rates(counts: Floats) -> Floats:
    """Shares of bad events; NaN without events. counts: totals and bad ones in the last axis."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: Floats = counts[..., 1] / counts[..., 0]
    return shares
