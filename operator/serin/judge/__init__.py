"""Pure: evidence, verdicts, forecasts. Counts go in, a verdict with its reasons comes out."""

from serin.judge.ab_test import ABTestPlan, ab_test_plan
from serin.judge.bench import Judge
from serin.judge.budget import freeze
from serin.judge.counts import Bins, Counts, Level, Moments, Pair, Tick
from serin.judge.step import Expected, Step, in_step
from serin.judge.trial import Trial
from serin.judge.verdict import Summary, explain, summarize

__all__ = [
    "ABTestPlan",
    "Bins",
    "Counts",
    "Expected",
    "Judge",
    "Level",
    "Moments",
    "Pair",
    "Step",
    "Summary",
    "Tick",
    "Trial",
    "ab_test_plan",
    "explain",
    "freeze",
    "in_step",
    "summarize",
]
