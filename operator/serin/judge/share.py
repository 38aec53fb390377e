"""A metric that is a share of bad events: failed requests, slow ones, wrong predictions, a user's own ratio."""

from collections.abc import Sequence
from itertools import pairwise

from serin.api.spec import AnalysisMetric
from serin.api.status import MetricStatus
from serin.judge.bounds import upper_bound
from serin.judge.budget import start_threshold, step_threshold
from serin.judge.counts import NOTHING, Counts, Pair
from serin.judge.intake import Intake
from serin.judge.needs import Outlook, outlook
from serin.judge.processes import WORST_SURPRISE, Processes, Terms
from serin.judge.rule import CATASTROPHE, Finding
from serin.judge.share_status import share_status

_PRIOR = 8.0
"""The weight, in ticks, of "no more than chance" against what stable's own history shows."""
_WORST_DISPERSION = 10.0


class ShareMeasure:
    """Its evidence since the start and since the step; for a critical metric, that of a catastrophe, too.

    alpha: the metric's share of the error budget: three quarters for the start, a quarter for all steps together.
    """

    def __init__(self, metric: AnalysisMetric, processes: Processes, *, alpha: float, steps: int, confirm: int) -> None:
        self.metric = metric
        self.alpha = alpha
        self.finding = Finding.STARTING
        self.is_unheld = False
        """Whether the candidate stands alone without anything to hold it to: nothing is known of stable."""
        self._processes = processes
        self._confirm = confirm
        # A catastrophe takes its chance of error from the steps' quarter.
        self._step_threshold = step_threshold(alpha / 2 if metric.critical else alpha, steps)
        self._steps = steps
        self._dispersion = 1.0
        self.start = processes.open(self._terms(start_threshold(alpha)))
        self.step = processes.open(self._terms(self._step_threshold, restarts=True))
        self.crash = processes.open(self._crash_terms(alone=False)) if metric.critical else None

    def _terms(self, threshold: float, *, restarts: bool = False) -> Terms:
        metric = self.metric
        return Terms(
            threshold,
            slack=metric.slack,
            tolerance=metric.tolerance,
            limit=metric.limit,
            confirm=self._confirm,
            dispersion=self._dispersion,
            restarts=restarts,
        )

    def _crash_terms(self, *, alone: bool) -> Terms:
        limit = max(CATASTROPHE, self.metric.limit or 0.0)
        return Terms(
            self._step_threshold, limit=limit, alone=alone, confirm=1, dispersion=self._dispersion, restarts=True
        )

    def learn(self, history: Sequence[Pair]) -> None:
        """How much more than chance stable's own rate jumped from tick to tick before the analysis."""
        self._dispersion = dispersion([pair.stable for pair in history if isinstance(pair.stable, Counts)])
        self._processes.restart(self.start, self._terms(start_threshold(self.alpha)))
        self.enter()

    def enter(self) -> None:
        """A step begins."""
        self.is_unheld = False
        self._processes.restart(self.step, self._terms(self._step_threshold, restarts=True))
        if self.crash is not None:
            self._processes.restart(self.crash, self._crash_terms(alone=False))

    def stand_alone(self) -> None:
        """Stable gets no requests in this step, so the candidate is held to a limit alone.

        That is the user's, or else the highest rate that stable can have had during this rollout, and what is tolerated
        beyond it. That bound can be wrong, too: it and the evidence take half of the step's chance of error each.
        """
        limit, threshold = self.metric.limit, self._step_threshold
        if limit is None:
            alpha = self.alpha / 4 if self.metric.critical else self.alpha / 2
            limit = self._highest_of_stable(0.25 * alpha / self._steps)
            threshold = step_threshold(alpha, self._steps)
        self.is_unheld = limit is None
        if limit is None:
            return
        terms = Terms(
            threshold,
            limit=limit,
            alone=True,
            confirm=self._confirm,
            dispersion=self._dispersion,
            restarts=True,
        )
        self._processes.restart(self.step, terms)
        if self.crash is not None:
            self._processes.restart(self.crash, self._crash_terms(alone=True))

    def _highest_of_stable(self, alpha: float) -> float | None:
        known = self._processes.tell(self.start).whole
        if known.baseline.total == 0:
            return None
        highest = upper_bound(known.baseline.bad, known.baseline.total, alpha=alpha, dispersion=known.dispersion)
        return min(1.0, (1.0 + self.metric.slack) * highest + self.metric.tolerance)

    def take(self, pair: Pair, *, in_step: bool, beside: bool, intake: Intake) -> None:  # noqa: ARG002 - labels come late
        """Take in one tick; its events are compared whenever there are some of both."""
        candidate = pair.candidate if isinstance(pair.candidate, Counts) else NOTHING
        stable = pair.stable if isinstance(pair.stable, Counts) else NOTHING
        counts = (candidate.total, candidate.bad, stable.total, stable.bad)
        intake.add(self.start, counts)
        if in_step:
            intake.add(self.step, counts)
            if self.crash is not None:
                intake.add(self.crash, counts)

    @property
    def samples(self) -> float:
        """The candidate's events in the step, those included that wait for one of stable's."""
        return self._processes.samples(self.step)

    @property
    def outlook(self) -> Outlook | None:
        """What it comes to at the present rates."""
        start, step = (self._processes.tell(row) for row in (self.start, self.step))
        return outlook(self.metric, start, step, confirm=self._confirm)

    def status(self) -> MetricStatus:
        """The numbers and words for people."""
        return share_status(self.metric, self._processes.tell(self.start), self._processes.tell(self.step))

    def close(self) -> None:
        """The rollout is over."""
        self._processes.close([row for row in (self.start, self.step, self.crash) if row is not None])


def dispersion(ticks: Sequence[Counts]) -> float:
    """How much more than chance a rate jumps between successive ticks, from 1 to 10; 1 if little is known.

    The mean of the squared standardized differences. Two ticks whose events are all good, or all bad, tell nothing.
    """
    surprise, known = _PRIOR, _PRIOR
    counted = [tick for tick in ticks if tick.total > 0]
    for before, now in pairwise(counted):
        rate = (before + now).share
        variance = rate * (1.0 - rate) * (1.0 / before.total + 1.0 / now.total)
        if variance > 0:
            surprise += min((now.share - before.share) ** 2 / variance, WORST_SURPRISE)
            known += 1
    return min(max(surprise / known, 1.0), _WORST_DISPERSION)
