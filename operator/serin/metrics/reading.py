"""From series to counts: which series is whose, and what in it is bad."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf, isnan

from serin.api.base import format_duration
from serin.api.spec import AnalysisMetric
from serin.judge.counts import Bins, Counts, Pair, Side
from serin.metrics.preset import LatencyHistogram, Preset, Requests, RevisionLabels
from serin.metrics.promql import ONCE_LABEL
from serin.metrics.provider import Series
from serin.metrics.signals import Signal, signal_of

Cell = tuple[str, ...]
"""The values of the labels beyond the revision's: an outcome, a bucket edge, predicted and actual."""
Cells = Mapping[Cell, float]


@dataclass
class Table:
    """Counts by revision and tick, as one kind of query answered them."""

    _cells: dict[tuple[Cell, int], dict[Cell, float]] = field(default_factory=lambda: defaultdict(dict))
    _scraped_once: set[tuple[Cell, int]] = field(default_factory=set)

    def add(self, series: Iterable[Series], revision: RevisionLabels, cell_labels: Sequence[str]) -> None:
        """File an answer; series that lack a label are nobody's. What is in several answers is the same in all."""
        answered: dict[tuple[Cell, int], dict[Cell, float]] = defaultdict(lambda: defaultdict(float))
        for one in series:
            identity = tuple(revision.value(label, one.labels.get(label, "")) for label in revision.labels)
            if ONCE_LABEL in one.labels:
                self._scraped_once.update((identity, at) for at in one.values)
                continue
            cell = tuple(one.labels.get(label, "") for label in cell_labels)
            for at, value in one.values.items():
                answered[identity, at][cell] += value
        for key, cells in answered.items():
            self._cells[key].update(cells)

    def cells(self, identity: Cell, at: int) -> Cells:
        """What was counted of a revision in the window that ends at this Unix time in milliseconds."""
        return self._cells.get((identity, at), {})

    def was_scraped_once(self, identity: Cell, at: int) -> bool:
        """Whether a single scrape of a revision is in the window that ends then: what it shows may be a window old."""
        return (identity, at) in self._scraped_once


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


def with_lateness(pair: Pair, interval: timedelta, *, candidate: bool, stable: bool) -> Pair:
    """The same pair, with a word for people if a version was scraped only once in the window.

    What is between the scrape and the window's end counts in the next window: with one scrape that may be all of it.
    """
    whose = [name for name, once in (("the candidate", candidate), ("stable", stable)) if once]
    if not whose:
        return pair
    half = format_duration(interval / 2)
    text = f"{' and '.join(whose)} scraped once in the window, so counts come late: have them scraped every {half}"
    return Pair(pair.candidate, pair.stable, f"{pair.note}; {text}" if pair.note else text)


def built_in_pair(metric: AnalysisMetric, preset: Preset, candidate: Cells, stable: Cells) -> Pair:
    """What a built-in metric makes of the cells of its signal.

    Raises:
        ValueError: the preset does not count that; `refusal` tells beforehand.
    """
    signal = signal_of(metric)
    if signal is Signal.REQUESTS and preset.requests.tells_failures:
        return requests_pair(preset, candidate, stable)
    if signal is Signal.LATENCY and preset.latency is not None:
        return latency_pair(candidate, stable, preset.latency, metric.latency_threshold)
    if signal is Signal.OUTCOMES:
        return outcomes_pair(candidate, stable)
    if signal is Signal.SCORES:
        return histogram_pair(candidate, stable)
    if signal is Signal.CLASSES:
        return classes_pair(candidate, stable)
    if signal is Signal.FEATURES and metric.feature is not None:
        return histogram_pair(*(_of_feature(cells, metric.feature) for cells in (candidate, stable)))
    raise ValueError(f"{preset.name} does not count {metric.name}")


def _of_feature(cells: Cells, feature: str) -> Cells:
    """The buckets of one feature among those of all."""
    return {(edge,): value for (name, edge), value in cells.items() if name == feature}


def _read_requests(cells: Cells, requests: Requests) -> Counts | None:
    """Failed requests of all; None where the counters have no series."""
    if not cells:
        return None
    bad = total = 0.0
    for cell, value in cells.items():
        bad_share, share = requests.share(cell)
        # A count that is left out must not make a NaN of the others.
        bad += value * bad_share if bad_share else 0.0
        total += value * share if share else 0.0
    return _counts(bad, total)


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


def histogram_pair(candidate: Cells, stable: Cells) -> Pair:
    """How both versions' values are distributed over the buckets of a histogram: cells are cumulative, by `le`.

    The bins must be the same in both, or they cannot be compared: then there are no data, and the note names the bins.
    """
    sides = [_differences(side) for side in (candidate, stable)]
    names = [set(side.counts) if side else set() for side in sides]
    odd = sorted(names[0] ^ names[1], key=float)
    if all(sides) and odd:
        only = ", ".join(f"{name} in {'the candidate' if name in names[0] else 'stable'} alone" for name in odd[:4])
        more = f" and {len(odd) - 4} more" if len(odd) > 4 else ""
        return Pair(None, None, f"the versions' bins differ, so they cannot be compared: {only}{more}")
    return Pair(sides[0], sides[1])


def _differences(cells: Cells) -> Bins | None:
    """Counts per bin from cumulative ones; None where there are none, or they cannot be counts."""
    try:
        buckets = sorted((float(edge), value) for (edge,), value in cells.items())
    except ValueError:
        return None
    if not buckets or buckets[-1][0] != inf:
        return None
    below = [0.0, *(value for _, value in buckets[:-1])]
    found = Bins({_bin(edge): value - lower for (edge, value), lower in zip(buckets, below, strict=True)})
    return found if found.sound else None


def _bin(edge: float) -> str:
    """The name of a bucket: one edge may be written in two ways, as 1 and 1.0."""
    return "+Inf" if edge == inf else f"{edge:.12g}"


def classes_pair(candidate: Cells, stable: Cells) -> Pair:
    """How both versions' predictions are distributed over classes.

    A class that only one of them has seen is an empty bin of the other: its series is born with its first prediction.
    """
    names = sorted({name for side in (candidate, stable) for (name,) in side})
    return Pair(_bins(names, candidate), _bins(names, stable))


def _bins(names: Sequence[str], cells: Cells) -> Bins | None:
    found = Bins({name: cells.get((name,), 0.0) for name in names})
    return found if cells and found.sound else None


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


def _total(side: Side | None) -> Counts | None:
    return Counts(0.0, side.total) if isinstance(side, Counts) else None
