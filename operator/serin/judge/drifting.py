"""A metric that is a distribution: do the candidate's predictions, or its inputs, fall into other bins than stable's?

Each bin is two shares of events, the candidate's may be larger or smaller, and the evidence that the distributions
differ is the mean over all of them. A difference that is certain may be small, so the divergence must be over its limit
as well. There is no evidence that distributions are the same: one passes by a divergence within the limit, over
as many ticks and events as a step needs.

All of it is since the start. Without requests of stable nothing new can be compared, and what was found before stands.
"""

from collections.abc import Sequence
from math import log

import numpy as np

from serin.api.metric_kinds import Divergence
from serin.api.spec import AnalysisMetric
from serin.api.status import MetricStatus, Verdict
from serin.judge.counts import Bins, Counts, Pair
from serin.judge.drift import Divergences, Pooled, pool, sizes_of, why_no_alarm
from serin.judge.growth import log_mean_exp
from serin.judge.intake import Intake
from serin.judge.processes import Processes, Terms
from serin.judge.rule import HALFWAY, Finding
from serin.judge.share import dispersion
from serin.judge.share_status import part, rounded

MOST_BINS = 64
"""More are too few events each to say anything, and rows that slow every look down."""
_EMPTY = Bins({})


class DriftMeasure:
    """Its evidence since the start, by bins.

    alpha: the metric's share of the error budget, all of it for the start. least: so many events it needs.
    """

    def __init__(self, metric: AnalysisMetric, processes: Processes, *, alpha: float, confirm: int, least: int) -> None:
        if metric.divergence is None:
            raise ValueError(f"{metric.name} is no distribution")
        self.metric = metric
        self._limit = metric.divergence
        self._processes = processes
        self._threshold = -log(alpha)
        self._confirm = confirm
        self._least = least
        self._dispersions: dict[str, float] = {}
        self._rows: dict[str, tuple[int, int]] = {}
        """Of each bin that ever held an event: that the candidate has more in it, and that stable has."""
        self._pooled = Pooled()
        self._waiting = (_EMPTY, _EMPTY)
        self._ticks = 0
        self._is_too_fine = False
        self._is_alone = False
        self.samples = 0.0
        """The candidate's events in the step."""

    def learn(self, history: Sequence[Pair]) -> None:
        """How much more than chance the share of each bin jumped from tick to tick before the analysis."""
        known = [pair.stable for pair in history if isinstance(pair.stable, Bins)]
        for label in {label for bins in known for label in bins.counts}:
            shares = [Counts(bins.counts.get(label, 0.0), bins.total) for bins in known]
            self._dispersions[label] = dispersion(shares)

    def enter(self) -> None:
        """A step begins."""
        self.samples, self._is_alone = 0.0, False

    def stand_alone(self) -> None:
        """In the step that has begun, stable gets no requests to compare with."""
        self._is_alone = True

    def take(self, pair: Pair, *, in_step: bool, beside: bool, intake: Intake) -> None:
        """Take in one tick; one without events of both waits for the next."""
        candidate, stable = (side if isinstance(side, Bins) else _EMPTY for side in (pair.candidate, pair.stable))
        if in_step:
            self.samples += candidate.total
        if self._is_too_fine or not beside:
            return
        candidate, stable = pool(self._waiting[0], candidate), pool(self._waiting[1], stable)
        if candidate.total == 0 or stable.total == 0:
            self._waiting = (candidate, stable)
            return
        self._waiting = (_EMPTY, _EMPTY)
        self._pooled = self._pooled.after(candidate, stable)
        self._ticks += 1
        self._open([label for label, count in pool(candidate, stable).counts.items() if count > 0])
        totals = candidate.total, stable.total
        for label, (more, less) in self._rows.items():
            count_c, count_b = candidate.counts.get(label, 0.0), stable.counts.get(label, 0.0)
            intake.add(more, (totals[0], count_c, totals[1], count_b))
            intake.add(less, (totals[1], count_b, totals[0], count_c))

    def _open(self, labels: Sequence[str]) -> None:
        """Begin to bet on these bins. One that is new has had no events, which are no evidence: it comes in time."""
        new = [label for label in labels if label not in self._rows]
        if len(self._rows) + len(new) > MOST_BINS:
            self._is_too_fine = True
            self.close()
            return
        for label in new:
            terms = Terms(self._threshold, confirm=self._confirm, dispersion=self._dispersions.get(label, 1.0))
            self._rows[label] = (self._processes.open(terms), self._processes.open(terms))

    @property
    def _log_evidence(self) -> float:
        """Of "the distributions differ"."""
        if not self._rows:
            return 0.0
        rows = np.array([row for both in self._rows.values() for row in both])
        return log_mean_exp(self._processes.read(rows).harm.tolist())

    @property
    def finding(self) -> Finding:
        """What the evidence says."""
        found = self._pooled.compare()
        if self._is_too_fine:
            return Finding.NO_DATA
        if found is None:
            return Finding.NO_BASELINE if self._is_alone else Finding.TOO_FEW_SAMPLES
        measure, limit = self._limit
        if found.of(measure) > limit:
            evidence = self._log_evidence
            if evidence >= self._threshold:
                return Finding.FAILED
            return Finding.SUSPECTED if evidence >= HALFWAY * self._threshold else Finding.UNDECIDED
        if min(found.candidate, found.stable, self.samples) < self._least:
            return Finding.TOO_FEW_SAMPLES
        return Finding.PASSED if self._ticks >= self._confirm else Finding.UNDECIDED

    @property
    def outlook(self) -> None:
        """There is no evidence that distributions are the same, so none can be waited for."""

    def status(self) -> MetricStatus:
        """The numbers and words for people."""
        found, (measure, limit) = self._pooled.compare(), self._limit
        return MetricStatus(
            name=self.metric.name,
            verdict=Verdict.CONTINUE,
            reason="",
            message=self._sentence(found),
            action=self.metric.action,
            limit=limit,
            estimate=rounded(found.of(measure)) if found else None,
            harm=part(min(max(self._log_evidence / self._threshold, 0.0), 1.0)),
        )

    def _sentence(self, found: Divergences | None) -> str:
        measure, limit = self._limit
        if self._is_too_fine:
            return f"It has more than {MOST_BINS} bins, too many to compare: use fewer buckets or classes"
        if found is None:
            return "No tick has had events of both versions to compare yet"
        before = ", while stable had traffic" if self._is_alone else ""
        beside = ", ".join(f"{other} {found.of(other):.2g}" for other in Divergence if other is not measure)
        by_chance = f"KS by chance up to {found.ks_bound(_DISPLAY):.2g}"
        why = why_no_alarm(found, measure, limit, differs=self._log_evidence >= self._threshold)
        said = why or f"{measure} is {found.of(measure):.2g}, limit {limit:g}, with {sizes_of(found)}"
        return f"{said}{before} ({beside}; {by_chance})"

    def close(self) -> None:
        """The rollout is over."""
        self._processes.close([row for both in self._rows.values() for row in both])
        self._rows.clear()


_DISPLAY = 0.05
