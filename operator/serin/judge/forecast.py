"""What a rollout would take: rollouts by chance, judged by the judge's own table and rule, before anything runs.

Events are independent given their rate, and their number is Poisson. What is told is what half of the rollouts need.
Ticks exactly as expected would tell too little: evidence is tempered by how much a rate jumps, and by chance it jumps.
The same question has the same answer, for chance is seeded. Shares alone: how much a mean scatters is not known before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serin.api.spec import Analysis, AnalysisMetric
from serin.api.status import BudgetStatus, Verdict
from serin.judge.budget import alpha_of
from serin.judge.evidence import Floats
from serin.judge.processes import Flags, Processes, Rows
from serin.judge.rule import Finding, convicts, decide
from serin.judge.share import ShareMeasure

_ROLLOUTS = 25
_RISES = (48, 8)
"""How many rises of a rate are tried, from the smallest to the largest, and then between the two that differ."""
_SMALLEST_RISE = 1e-5
"""A smaller rise of a rate than this nobody looks for."""
_SEED = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """One share metric of a rollout that may be, and how many events of each version it would count in a tick.

    Where stable has none, the candidate stands alone, and only a limit of the user's holds it to anything.
    """

    metric: AnalysisMetric
    analysis: Analysis
    budget: BudgetStatus
    candidate_per_tick: float
    stable_per_tick: float


def ticks_to_pass(plan: Plan, *, baseline_rate: float, most_ticks: int) -> int | None:
    """After how many ticks of one step a candidate as good as stable passes; None if not within `most_ticks`.

    baseline_rate: the share of bad events of both versions.
    """
    (found,) = _ticks_until(Verdict.PASS, plan, np.array([baseline_rate]), baseline_rate, most_ticks)
    return found


def ticks_to_fail(plan: Plan, *, baseline_rate: float, candidate_rate: float, most_ticks: int) -> int | None:
    """After how many ticks of one step a candidate with this share of bad events fails; None if not within these."""
    (found,) = _ticks_until(Verdict.FAIL, plan, np.array([candidate_rate]), baseline_rate, most_ticks)
    return found


def smallest_regression(plan: Plan, *, baseline_rate: float, within_ticks: int) -> float | None:
    """The smallest share of the candidate's bad events that fails within so many ticks of one step; None if none does.

    Stable has `baseline_rate`. All larger ones that were tried on the same grid fail, too.
    """
    most = 1.0 - baseline_rate
    low, high, smallest = min(_SMALLEST_RISE, most), most, None
    for count in _RISES:
        rises = np.geomspace(low, high, count)
        rates = np.minimum(baseline_rate + rises, 1.0)
        found = _ticks_until(Verdict.FAIL, plan, rates, baseline_rate, within_ticks)
        missed = max((number for number, ticks in enumerate(found) if ticks is None), default=-1)
        if missed == count - 1:
            break
        low, high = float(rises[max(missed, 0)]), float(rises[missed + 1])
        smallest = float(rates[missed + 1])
    return smallest


def _ticks_until(
    verdict: Verdict, plan: Plan, rates: Floats, baseline_rate: float, most_ticks: int
) -> list[int | None]:
    """After how many ticks half of the rollouts with each of these rates of the candidate have had this verdict."""
    source = np.random.default_rng(_SEED)
    trials = _Trials(plan, len(rates) * _ROLLOUTS)
    tried = np.repeat(rates, _ROLLOUTS)
    reached = np.full(len(tried), most_ticks + 1)
    for tick in range(1, most_ticks + 1):
        live = np.flatnonzero(reached > most_ticks)
        if not len(live):
            break
        total_c, total_b = (source.poisson(n, len(live)) for n in (plan.candidate_per_tick, plan.stable_per_tick))
        bad = source.binomial(total_c, tried[live]), source.binomial(total_b, baseline_rate)
        trials.take(live, np.column_stack([total_c, bad[0], total_b, bad[1]]).astype(np.float64))
        reached[live[trials.have(verdict, live)]] = tick
    half = np.median(reached.reshape(len(rates), _ROLLOUTS), axis=1)
    return [int(ticks) if ticks <= most_ticks else None for ticks in half]


class _Trials:
    """Many rollouts of one plan."""

    def __init__(self, plan: Plan, count: int) -> None:
        self._plan = plan
        self._table = Processes()
        alpha = alpha_of(plan.metric, plan.analysis, plan.budget)
        measures = [
            ShareMeasure(plan.metric, self._table, alpha=alpha, steps=plan.budget.steps, confirm=plan.analysis.confirm)
            for _ in range(count)
        ]
        if plan.stable_per_tick == 0:
            for measure in measures:
                measure.stand_alone()
        self._is_unheld = measures[0].is_unheld
        self._starts = _rows([measure.start for measure in measures])
        self._steps = _rows([measure.step for measure in measures])
        self._crashes = _rows([measure.crash for measure in measures if measure.crash is not None])
        self._newest = np.zeros(count)

    def take(self, which: Rows, counts: Floats) -> None:
        """One tick of some of them. counts: as `Processes.fold` takes them."""
        self._newest[which] = counts[:, 1] / np.maximum(counts[:, 0], 1.0)
        for rows in (self._starts, self._steps, self._crashes):
            if len(rows):
                self._table.fold(rows[which], counts)

    def have(self, verdict: Verdict, which: Rows) -> Flags:
        """Which of some have this verdict now."""
        if self._is_unheld:
            return np.zeros(len(which), dtype=np.bool_)
        start, step = self._table.read(self._starts[which]), self._table.read(self._steps[which])
        least = np.full(len(which), float(self._plan.analysis.min_samples))
        found = decide(start, step, self._newest[which], least)
        if len(self._crashes):
            found[convicts(self._table.read(self._crashes[which]))] = Finding.CATASTROPHIC
        return np.isin(found, [finding for finding in Finding if finding.verdict is verdict])


def _rows(rows: Sequence[int]) -> Rows:
    return np.array(rows, dtype=np.int64)
