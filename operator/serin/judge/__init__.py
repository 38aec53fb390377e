"""Pure: evidence, verdicts, forecasts. Counts go in, a verdict with its reasons comes out."""

from serin.judge.counts import Bins, Counts, Level, Moments, Pair, Tick
from serin.judge.frame import judge

__all__ = ["Bins", "Counts", "Level", "Moments", "Pair", "Tick", "judge"]
