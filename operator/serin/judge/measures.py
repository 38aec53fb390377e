"""Which measure a metric takes."""

from serin.api.spec import Analysis, AnalysisMetric, MetricKind
from serin.api.status import BudgetStatus
from serin.judge.budget import alpha_of
from serin.judge.drifting import DriftMeasure
from serin.judge.measure import Measure
from serin.judge.processes import Processes
from serin.judge.share import ShareMeasure
from serin.judge.value import ValueMeasure


def measure_of(metric: AnalysisMetric, processes: Processes, *, analysis: Analysis, budget: BudgetStatus) -> Measure:
    """The evidence of one metric of a rollout that begins."""
    alpha = alpha_of(metric, analysis, budget)
    if metric.kind is MetricKind.SHARE:
        return ShareMeasure(metric, processes, alpha=alpha, steps=budget.steps, confirm=analysis.confirm)
    if metric.kind is MetricKind.DISTRIBUTION:
        return DriftMeasure(metric, processes, alpha=alpha, confirm=analysis.confirm, least=analysis.min_samples)
    return ValueMeasure(metric, alpha=alpha, steps=budget.steps, confirm=analysis.confirm, least=analysis.min_samples)
