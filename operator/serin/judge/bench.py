"""The judge, who hears all trials that are due at once: thousands of rollouts cost one pass of numpy."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from serin.api.spec import Analysis
from serin.api.status import BudgetStatus
from serin.judge.ab_test import ABTestPlan
from serin.judge.counts import Counts, Tick
from serin.judge.evidence import HARM, against_limit, log_mean_exp
from serin.judge.intake import Intake
from serin.judge.processes import Processes, Told
from serin.judge.recent import Recent
from serin.judge.rule import CATASTROPHE, Finding, convicts, decide
from serin.judge.share import ShareMeasure
from serin.judge.split import THRESHOLD
from serin.judge.trial import Trial


class Judge:
    """All evidence of all rollouts under analysis."""

    def __init__(self) -> None:
        self._processes = Processes()

    def open(
        self,
        analysis: Analysis,
        *,
        budget: BudgetStatus,
        candidate: str,
        began: datetime,
        ab_test: ABTestPlan | None = None,
    ) -> Trial:
        """A candidate that nothing is known of yet. Close it when its rollout is over.

        budget: what was frozen when the analysis began, see `serin.judge.budget.freeze`. ab_test: what is tested.
        """
        return Trial(analysis, self._processes, budget=budget, candidate=candidate, began=began, ab_test=ab_test)

    def hear(self, looks: Sequence[tuple[Trial, Tick]]) -> None:
        """Take in one answered tick of each of these trials, and find what follows."""
        if not looks:
            return
        intake = Intake()
        for trial, tick in looks:
            trial.take(tick, intake)
        intake.fold_into(self._processes)
        self._find([trial for trial, _ in looks])

    def _find(self, trials: Sequence[Trial]) -> None:
        self._find_shares(
            [
                (hearing.measure, hearing.recent, trial.analysis.min_samples)
                for trial in trials
                for hearing in trial.hearings
                if isinstance(hearing.measure, ShareMeasure)
            ]
        )
        self._find_splits(trials)

    def _find_shares(self, heard: Sequence[tuple[ShareMeasure, Recent, int]]) -> None:
        if not heard:
            return
        starts = np.array([measure.start for measure, _, _ in heard])
        steps = np.array([measure.step for measure, _, _ in heard])
        newest = np.array([_newest_share(recent) for _, recent, _ in heard])
        least = np.array([samples for _, _, samples in heard], dtype=np.float64)
        found = decide(self._processes.read(starts), self._processes.read(steps), newest, least)
        for (measure, _, _), finding in zip(heard, found.tolist(), strict=True):
            measure.finding = Finding.NO_BASELINE if measure.is_unheld else Finding(finding)
        self._find_catastrophes([measure for measure, _, _ in heard])

    def _find_catastrophes(self, measures: Iterable[ShareMeasure]) -> None:
        critical = [measure for measure in measures if measure.crash is not None]
        if critical:
            crashed = convicts(self._processes.read(np.array([measure.crash for measure in critical])))
            for measure, has_crashed in zip(critical, crashed, strict=True):
                if has_crashed:
                    measure.finding = Finding.CATASTROPHIC
        for measure in measures:
            if measure.finding is Finding.FAILED and is_catastrophe(self._processes.tell(measure.step)):
                measure.finding = Finding.CATASTROPHIC

    def _find_splits(self, trials: Sequence[Trial]) -> None:
        rows = np.array([(trial.split.more, trial.split.less) for trial in trials]).ravel()
        doubted = (self._processes.read(rows).over >= THRESHOLD).reshape(-1, 2).tolist()
        for trial, (more, less) in zip(trials, doubted, strict=True):
            trial.split.is_more, trial.split.is_less = more, less


def _newest_share(recent: Recent) -> float:
    side = recent.newest.candidate
    return side.share if isinstance(side, Counts) else 0.0


def is_catastrophe(told: Told) -> bool:
    """Whether the candidate's share of bad events against a limit is above one half for certain."""
    if told.limit is None:
        return False
    limit = np.array([max(CATASTROPHE, told.limit)])
    for seen in (told.whole, told.stretch):
        total, bad = np.array([seen.candidate.total]), np.array([seen.candidate.bad])
        if log_mean_exp(against_limit(total, bad, limit, HARM) / seen.dispersion)[0] >= told.threshold:
            return True
    return False
