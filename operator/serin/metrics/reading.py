"""From series to counts: which series is whose, and what in it is bad."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf, isnan

from serin.api.base import format_duration
from serin.judge import Counts, Pair
from serin.metrics.preset import LatencyHistogram, Preset, RequestCounter
from serin.metrics.provider import Series

Cell = tuple[str, ...]
"""The values of the labels beyond the revision's: an outcome, a bucket edge, predicted and actual."""
Cells = Mapping[Cell, float]


@dataclass
class Table:
    """Counts by revision and tick, as one kind of query answered them."""

    _cells: dict[tuple[Cell, int], dict[Cell, float]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, series: Iterable[Series], revision_labels: Sequence[str], cell_labels: Sequence[str]) -> None:
        """File an answer; series that lack a label are nobody's."""
        for one in series:
            identity = tuple(one.labels.get(label, "") for label in revision_labels)
            cell = tuple(one.labels.get(label, "") for label in cell_labels)
            for at, value in one.values.items():
                self._cells[identity, at][cell] = value

    def cells(self, identity: Cell, at: int) -> Cells:
        """What was counted of a revision in the window that ends at this Unix time in milliseconds."""
        return self._cells.get((identity, at), {})


def _counts(bad: float, total: float) -> Counts | None:
    """Counts, or None where the numbers cannot be counts (NaN, negative, more bad than all)."""
    found = Counts(bad, total)
    return found if found.sound else None


def no_counts(*sides: Cells) -> str:
    """Why these are no counts, in words for a person."""
    values = [value for cells in sides for value in cells.values()]
    if any(map(isnan, values)):
        return "is NaN"
    if not all(0 <= value < inf for value in values):
        return "is negative or infinite"
    return "is not complete" if all(sides) else "has no sample"


def _read_requests(cells: Cells, counter: RequestCounter) -> Counts | None:
    """Failed requests of all; None where the counter has no series."""
    if not cells:
        return None
    return _counts(sum(value for (outcome,), value in cells.items() if outcome == counter.bad), sum(cells.values()))


def outcomes_pair(candidate: Cells, stable: Cells) -> Pair:
    """The labeled predictions of both versions, with those that were wrong."""
    return Pair(_read_outcomes(candidate), _read_outcomes(stable))


def _read_outcomes(cells: Cells) -> Counts | None:
    """None where the counter has no series."""
    if not cells:
        return None
    wrong = sum(value for (predicted, actual), value in cells.items() if predicted != actual)
    return _counts(wrong, sum(cells.values()))


def latency_pair(candidate: Cells, stable: Cells, histogram: LatencyHistogram, limit: timedelta) -> Pair:
    """Requests beyond the SLA of all, for both versions by the same bucket edge.

    A histogram knows durations only at its edges: the first one at or above the SLA is used, and said if it is not
    the SLA itself. Beyond the last edge nothing is known, which is no data and not a success.
    """
    sides = [_buckets(side, histogram) for side in (candidate, stable)]
    known = [set(side) for side in sides if side]
    if not known:
        return Pair(None, None)
    edges = sorted(set.intersection(*known) - {inf})
    seconds = limit.total_seconds()
    edge = next((edge for edge in edges if edge >= seconds * (1 - 1e-9)), None)
    if edge is None:
        last = f"the last is {_edge(edges[-1])}" if edges else "there are none in common"
        return Pair(None, None, f"no bucket edge at or above {format_duration(limit)}, {last}")
    exact = abs(edge - seconds) <= seconds * 1e-9
    note = None if exact else f"{format_duration(limit)} is not a bucket edge, counted at the next one, {_edge(edge)}"
    return Pair(_beyond(sides[0], edge), _beyond(sides[1], edge), note)


def _edge(seconds: float) -> str:
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def _buckets(cells: Cells, histogram: LatencyHistogram) -> dict[float, float]:
    """Edge in seconds to count; empty where an edge is not a number."""
    try:
        return {float(edge) * histogram.unit_seconds: value for (edge,), value in cells.items()}
    except ValueError:
        return {}


def _beyond(buckets: Mapping[float, float], edge: float) -> Counts | None:
    if inf not in buckets or edge not in buckets:
        return None
    return _counts(buckets[inf] - buckets[edge], buckets[inf])


def requests_pair(preset: Preset, candidate: Cells, stable: Cells) -> Pair:
    """The requests of both versions, with those that failed."""
    return Pair(_read_requests(candidate, preset.requests), _read_requests(stable, preset.requests))


def totals(pair: Pair) -> Pair:
    """The same requests, none of them bad: what the split is verified by."""
    return Pair(_total(pair.candidate), _total(pair.stable))


def _total(counts: Counts | None) -> Counts | None:
    return Counts(0.0, counts.total) if counts is not None else None
