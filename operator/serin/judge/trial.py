"""One candidate on trial: what is known of it, metric by metric.

What is known of a trial is a function of its analysis, its frozen budget, its step and the ticks that were taken in, in
order. So an operator that starts again and takes in the same ticks knows the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from serin.api.spec import Analysis, MetricAction
from serin.api.status import BudgetStatus, Verdict
from serin.judge.ab_test import ABTestPlan, ABTestUnderWay
from serin.judge.counts import Tick
from serin.judge.intake import Intake
from serin.judge.measure import Measure
from serin.judge.measures import measure_of
from serin.judge.processes import Processes
from serin.judge.recent import NO_DATA, Recent, sound
from serin.judge.rule import Finding
from serin.judge.split import Doubt, Split, serves, totals, unknown
from serin.judge.step import Step, in_step


@dataclass(frozen=True, slots=True)
class Hearing:
    """One metric on trial: its evidence, and what its newest ticks had."""

    measure: Measure
    recent: Recent


class Trial:
    """One candidate, judged against stable.

    began: when the analysis began; ticks whose window begins before are history.
    """

    def __init__(
        self,
        analysis: Analysis,
        processes: Processes,
        *,
        budget: BudgetStatus,
        candidate: str,
        began: datetime,
        ab_test: ABTestPlan | None = None,
    ) -> None:
        self.analysis = analysis
        self.budget = budget
        self.candidate = candidate
        self.began = began
        self.step: Step | None = None
        self.newest: Tick | None = None
        self.unanswered: Tick | None = None
        self.ticks = 0
        self.requests = 0.0
        self.split = Split(processes, analysis.confirm)
        self.hearings = tuple(
            Hearing(measure_of(metric, processes, analysis=analysis, budget=budget), Recent())
            for metric in analysis.metrics
        )
        self.ab_test = ABTestUnderWay(ab_test) if ab_test is not None else None
        self._standing_alone = False

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The evidence of each metric, in the order of the analysis."""
        return tuple(hearing.measure for hearing in self.hearings)

    @property
    def alone(self) -> bool:
        """Whether stable gets no requests in this step."""
        return self.step is not None and self.step.weight == 100

    @property
    def look(self) -> Tick | None:
        """The newest look, answered or not."""
        return self.unanswered or self.newest

    def learn(self, history: Sequence[Tick]) -> None:
        """Take in stable's ticks from before the analysis, oldest first; at most once, before any other tick."""
        for hearing in self.hearings:
            name = hearing.measure.metric.name
            hearing.measure.learn([sound(tick.metrics.get(name, NO_DATA)) for tick in history])
        if self.ab_test is not None:
            self.ab_test.learn([sound(tick.metrics.get(self.ab_test.metric, NO_DATA)) for tick in history])

    def enter(self, step: Step | None) -> None:
        """A step has begun, or is the same as before; None while weights move."""
        if step == self.step:
            return
        self.step = step
        self.ticks, self.requests, self._standing_alone = 0, 0.0, False
        self.split.enter(step)
        for measure in self.measures:
            measure.enter()

    def take(self, tick: Tick, intake: Intake) -> None:
        """Take in one tick that was answered, later than every one before."""
        self.newest, self.unanswered = tick, None
        counts_for_step = self.step is not None and in_step(tick.at, self.step, self.analysis.interval)
        requests = sound(tick.requests or NO_DATA)
        if counts_for_step and self.alone and not self._standing_alone:
            # Here and not when the step is entered: all that is known of stable by now is what can be known.
            self._standing_alone = True
            for measure in self.measures:
                measure.stand_alone()
        if counts_for_step:
            self.split.take(requests, intake)
            candidate, _ = totals(requests)
            self.requests += candidate
            self.ticks += candidate > 0
            if self.ab_test is not None and not self.alone:
                self.ab_test.take(sound(tick.metrics.get(self.ab_test.metric, NO_DATA)))
        for hearing in self.hearings:
            pair = sound(tick.metrics.get(hearing.measure.metric.name, NO_DATA))
            hearing.recent.take(pair)
            hearing.measure.take(pair, in_step=counts_for_step, beside=serves(requests), intake=intake)

    def miss(self, tick: Tick) -> None:
        """The newest look was not answered."""
        self.unanswered = tick

    @property
    def samples(self) -> float:
        """The candidate's events in the step, of the metric that has the fewest; requests, where none has any."""
        deciding = [measure.samples for measure in self.measures if measure.metric.action is MetricAction.ROLLBACK]
        return min((samples for samples in deciding if samples is not None), default=self.requests)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is said of each metric, once the data are there and the split is believed."""
        doubt, verified = self.split_doubt, self.split_verified
        return tuple(self._finding(hearing, doubt, verified=verified) for hearing in self.hearings)

    def _finding(self, hearing: Hearing, doubt: Doubt | None, *, verified: bool) -> Finding:
        look, found = self.look, hearing.measure.finding
        if look is None:
            return Finding.STARTING
        lacks = hearing.recent.lacks(hearing.measure.metric, look, confirm=self.analysis.confirm, alone=self.alone)
        if lacks is not None:
            return lacks
        if verified or found is Finding.CATASTROPHIC or found.verdict not in {Verdict.PASS, Verdict.FAIL}:
            return found
        return Finding.UNVERIFIED if doubt is None else Finding.DOUBTED

    @property
    def split_doubt(self) -> Doubt | None:
        """Why the split is not believed; None if it is, or if nothing is known yet."""
        return unknown(self.look, alone=self.alone) or self.split.doubt

    @property
    def split_verified(self) -> bool:
        """Whether the split is known to be as asked for."""
        return self.split.verified and self.split_doubt is None

    def close(self) -> None:
        """The rollout is over."""
        self.split.close()
        for measure in self.measures:
            measure.close()
