"""Pure: evidence, verdicts, forecasts. Counts go in, a verdict with its reasons comes out."""

from serin.judge.counts import Counts, Pair, Tick
from serin.judge.frame import judge

__all__ = ["Counts", "Pair", "Tick", "judge"]
