"""What the answers to a user's own queries measure. What is no such measurement is missing, and a note says why."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import isfinite, isnan
from typing import TypeVar

from serin.api.spec import AnalysisMetric
from serin.judge.counts import Counts, Level, Moments, Pair, Side
from serin.metrics.own import OwnQueryError, names_in
from serin.metrics.own_queries import OwnAnswers, Sample, expression_of, fields_of
from serin.metrics.provider import MetricsError
from serin.metrics.reading import Cell, classes_pair, histogram_pair
from serin.metrics.subject import Subject

T = TypeVar("T")

_ROUNDING = 1e-9
"""Sums of rates differ by so much, as a part of them, where they are equal."""
_COUNTS = "distribution.counts"


class _MissingError(Exception):
    """A version has no such measurement; the message names the field, what was found and what is expected."""


@dataclass(frozen=True)
class _Looks:
    """Where the answers for one metric at one tick are."""

    subject: Subject
    metric: AnalysisMetric
    at: datetime
    answers: OwnAnswers

    def samples(self, revision: str, name: str) -> list[Sample]:
        """What a field's query gave for a revision: at least one series."""
        try:
            expression = expression_of(self.subject, revision, fields_of(self.metric)[name])
        except OwnQueryError as error:
            raise _MissingError(f"{name} cannot be asked: {error}") from error
        found = self.answers.at(self.subject.key, expression, self.at)
        if isinstance(found, MetricsError):
            raise _MissingError(f"{name} was not answered: {found}")
        if not found:
            raise _MissingError(f"{name} gives nothing: where that means none, write `or vector(0)` after it")
        return found

    def both(self, read: Callable[["_Looks", str], T]) -> tuple[list[T | None], list[str | None]]:
        """What is read of the candidate and of stable, and why nothing is."""
        found: list[T | None] = []
        whys: list[str | None] = []
        for revision in (self.subject.candidate, self.subject.stable):
            try:
                found.append(read(self, revision))
                whys.append(None)
            except _MissingError as missing:
                found.append(None)
                whys.append(str(missing))
        return found, whys


def own_pair(subject: Subject, metric: AnalysisMetric, at: datetime, answers: OwnAnswers) -> Pair:
    """What a metric of the user's own measured at a tick."""
    read = _read_numbers if metric.distribution is None else _read_bins
    pair = read(_Looks(subject, metric, at, answers))
    return pair if pair.note else Pair(pair.candidate, pair.stable, _overlap(metric))


def _note(whys: list[str | None]) -> str | None:
    candidate, stable = whys
    if candidate == stable:
        return candidate
    return f"{candidate} (of the candidate)" if candidate else f"{stable} (of stable)"


def _overlap(metric: AnalysisMetric) -> str | None:
    """What must be known of counts that are not those of a tick's window."""
    fields = {} if metric.gauge is not None else fields_of(metric)
    careless = [name for name, text in fields.items() if "window" not in names_in(text)]
    if not careless:
        return None
    return f"without $window in {' and '.join(careless)}, an event may be counted at several ticks or at none"


def _read_numbers(looks: _Looks) -> Pair:
    (candidate, stable), whys = looks.both(_side)
    return Pair(candidate, stable, _note(whys))


def _side(looks: _Looks, revision: str) -> Side:
    numbers = [_number(looks, revision, name) for name in fields_of(looks.metric)]
    if len(numbers) == 1:
        return Level(numbers[0])
    ratio = looks.metric.ratio
    return _moments(*numbers) if ratio is None else _counts(ratio.counted[0], *numbers)


def _number(looks: _Looks, revision: str, name: str) -> float:
    found = looks.samples(revision, name)
    if len(found) > 1:
        raise _MissingError(f"{name} gives {len(found)} series, and one is expected: put sum(...) around it")
    ((_, value),) = found
    if not isfinite(value):
        raise _MissingError(f"{name} gives {_infinite(value)}, and a number is expected")
    return value


def _infinite(value: float) -> str:
    return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"


def _counts(which: str, counted: float, total: float) -> Counts:
    if total < counted <= total * (1 + _ROUNDING):
        counted = total
    if counted < 0 or total < 0:
        raise _MissingError(f"ratio.{which} is {counted:g} and ratio.total {total:g}, and counts are never negative")
    if counted > total:
        raise _MissingError(f"ratio.{which} is {counted:g}, and it must be a part of ratio.total, which is {total:g}")
    return Counts(total - counted if which == "good" else counted, total)


def _moments(count: float, total: float, squares: float) -> Moments:
    moments = Moments(count, total, squares)
    if not moments.sound:
        found = f"mean.count is {count:g}, mean.sum {total:g} and mean.squares {squares:g}"
        raise _MissingError(f"{found}, and no values have these three")
    return moments


def _read_bins(looks: _Looks) -> Pair:
    (candidate, stable), whys = looks.both(_cells)
    is_cumulative = _label(looks) == "le"
    pair = (histogram_pair if is_cumulative else classes_pair)(candidate or {}, stable or {})
    if pair.note:
        return pair
    expected = "counts that do not fall, up to le=+Inf" if is_cumulative else "a count, 0 or more, in each bin"
    for number, side in enumerate((pair.candidate, pair.stable)):
        if side is None and whys[number] is None:
            whys[number] = f"{_COUNTS} gives other numbers than expected: {expected}"
    return Pair(pair.candidate, pair.stable, _note(whys))


def _label(looks: _Looks) -> str:
    return looks.metric.distribution.bin if looks.metric.distribution else ""


def _cells(looks: _Looks, revision: str) -> dict[Cell, float]:
    """Counts by bin."""
    label, cells = _label(looks), dict[Cell, float]()
    for labels, value in looks.samples(revision, _COUNTS):
        name = labels.get(label)
        if name is None:
            raise _MissingError(f"{_COUNTS} gives a series without the label {label}: write sum by ({label}) (...)")
        if (name,) in cells:
            raise _MissingError(f'{_COUNTS} gives several series of {label}="{name}": write sum by ({label}) (...)')
        cells[name,] = value
    return _smoothed(cells) if label == "le" else cells


def _smoothed(cells: dict[Cell, float]) -> dict[Cell, float]:
    """Cumulative counts without those falls that are rounding alone."""
    try:
        edges = sorted(cells, key=lambda cell: float(cell[0]))
    except ValueError:
        return cells
    smoothed, highest = dict[Cell, float](), 0.0
    for edge in edges:
        value = cells[edge]
        highest = smoothed[edge] = highest if highest * (1 - _ROUNDING) <= value <= highest else value
    return smoothed
