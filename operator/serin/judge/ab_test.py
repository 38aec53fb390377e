"""The A/B test of a rollout on trial: by what the candidate is compared, and how the comparison stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from serin.api.ab_test import ABTest
from serin.api.ab_test_status import ABTestDecision, ABTestStatus
from serin.api.analysis import Analysis
from serin.api.metric import AnalysisMetric
from serin.judge.comparison import ABTestTerms, Comparison
from serin.judge.comparison_status import comparison_status
from serin.judge.counts import NOTHING, Counts, Pair, Side
from serin.judge.share import dispersion


@dataclass(frozen=True, slots=True)
class ABTestPlan:
    """What is tested.

    share: the candidate's share of the requests, as far as the strategy knows it.
    """

    metric: AnalysisMetric
    terms: ABTestTerms
    share: float


def ab_test_plan(test: ABTest, analysis: Analysis) -> ABTestPlan:
    """What a strategy asks for; its metric is one of the analysis."""
    goal = test.goal
    metric = next(metric for metric in analysis.metrics if metric.name == goal.metric)
    terms = ABTestTerms(
        higher_is_better=metric.ratio is not None and metric.ratio.good is not None,
        absolute=goal.minimum_effect.absolute or 0.0,
        relative=goal.minimum_effect.relative or 0.0,
        significance=goal.significance,
        power=goal.power,
        confirm=analysis.confirm,
    )
    return ABTestPlan(metric, terms, test.weight / 100)


class ABTestUnderWay:
    """The comparison so far, tick by tick."""

    def __init__(self, plan: ABTestPlan) -> None:
        self._plan = plan
        self._terms = plan.terms
        self._state = Comparison()

    def learn(self, history: Sequence[Pair]) -> None:
        """Take in how stable varied before the test, oldest first."""
        known = [pair.stable for pair in history if isinstance(pair.stable, Counts)]
        self._terms = replace(self._terms, dispersion=dispersion(known))

    def take(self, pair: Pair) -> None:
        """Take in one tick of the goal's metric."""
        self._state = self._state.after(self._counted(pair.candidate), self._counted(pair.stable), self._terms)

    def _counted(self, side: Side | None) -> Counts:
        """The events that the metric counts, which are the good ones of some."""
        if not isinstance(side, Counts):
            return NOTHING
        return Counts(side.total - side.bad, side.total) if self._terms.higher_is_better else side

    @property
    def metric(self) -> str:
        """The name of the metric that decides."""
        return self._plan.metric.name

    @property
    def decision(self) -> ABTestDecision | None:
        """What the evidence has decided."""
        return self._state.decision

    @property
    def status(self) -> ABTestStatus:
        """The numbers and words for people."""
        return comparison_status(self._plan.metric.name, self._state, self._terms, share=self._plan.share)
