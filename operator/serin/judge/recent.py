"""What the newest ticks lack of a metric. Missing data hold a rollout: never a failure, and never a success."""

from dataclasses import dataclass

from serin.api.spec import AnalysisMetric, MetricName
from serin.judge.counts import Bins, Counts, Moments, Pair, Side, Tick
from serin.judge.rule import Finding

NO_DATA = Pair(None, None)


@dataclass(slots=True)
class Recent:
    """Counted in ticks in a row, up to the newest.

    quiet: without an event of the candidate; lonely: without one of stable.
    gone, stable_gone: without any series of it.
    seen, stable_seen: whether it had an event at any time of the analysis.
    """

    quiet: int = 0
    lonely: int = 0
    gone: int = 0
    stable_gone: int = 0
    seen: bool = False
    stable_seen: bool = False
    newest: Pair = NO_DATA

    def take(self, pair: Pair) -> None:
        """Take in one tick."""
        self.newest = pair
        if events(pair.candidate) > 0:
            self.quiet, self.seen = 0, True
        else:
            self.quiet += 1
        if events(pair.stable) > 0:
            self.lonely, self.stable_seen = 0, True
        else:
            self.lonely += 1
        self.gone = self.gone + 1 if pair.candidate is None else 0
        self.stable_gone = self.stable_gone + 1 if pair.stable is None else 0

    def lacks(self, metric: AnalysisMetric, newest: Tick, *, confirm: int, alone: bool) -> Finding | None:
        """What is missing; None if the data are there.

        newest: the newest look, answered or not. alone: stable gets no requests, so nothing of it can be missing.
        """
        if newest.problem is not None and metric.name not in newest.metrics:
            return Finding.UNAVAILABLE
        if metric.name == MetricName.ACCURACY:
            return self._labels(confirm, alone=alone)
        if self.newest.candidate is None:
            return Finding.NO_DATA
        if self.quiet >= confirm:
            return Finding.NO_TRAFFIC
        if not alone and (self.newest.stable is None or self.lonely >= confirm):
            return Finding.NO_BASELINE
        return None

    def _labels(self, confirm: int, *, alone: bool) -> Finding | None:
        """Labels come late and in batches: a tick without new ones is nothing, but they must come, and go on coming."""
        if not self.seen or not (self.stable_seen or alone):
            return Finding.NO_LABELS
        if self.gone >= confirm or (self.stable_gone >= confirm and not alone):
            return Finding.NO_DATA
        return None


def events(side: Side | None) -> float:
    """How many events stand behind a measurement; a gauge is one."""
    if side is None:
        return 0.0
    if isinstance(side, Counts | Bins):
        return side.total
    if isinstance(side, Moments):
        return side.count
    return 1.0


def sound(pair: Pair) -> Pair:
    """The pair without what cannot have been measured."""
    candidate, stable = pair.candidate, pair.stable
    if (candidate is None or candidate.sound) and (stable is None or stable.sound):
        return pair
    candidate, stable = (side if side and side.sound else None for side in (candidate, stable))
    return Pair(candidate, stable, pair.note)
