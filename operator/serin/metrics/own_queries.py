"""Metrics of a user's own: which queries they take, one for each version and field, and what came back."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from serin.api.spec import AnalysisMetric
from serin.metrics.batch import TIMEOUT_OF_INTERVAL
from serin.metrics.own import OwnQueryError, check_query, fill
from serin.metrics.provider import MetricsError, RangeQuery, Series
from serin.metrics.subject import Subject, SubjectKey

MOST_TICKS = 60
"""In one query: what answers one tick in time is to answer the ticks of an outage, too."""

Sample = tuple[Mapping[str, str], float]
"""The labels of a series, and its value at a tick."""


@dataclass
class OwnAnswers:
    """What came back, by whose query it is; of a long time in pieces."""

    _pieces: dict[tuple[SubjectKey, str], list[tuple[RangeQuery, tuple[Series, ...] | MetricsError]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, key: SubjectKey, query: RangeQuery, answer: tuple[Series, ...] | MetricsError) -> None:
        """File the answer to one query of a rollout."""
        self._pieces[key, query.expression].append((query, answer))

    def at(self, key: SubjectKey, expression: str, when: datetime) -> list[Sample] | MetricsError:
        """What there is at a tick, or why it was not answered."""
        milliseconds = round(when.timestamp() * 1000)
        for query, answer in self._pieces.get((key, expression), ()):
            if not query.start <= when <= query.end:
                continue
            if isinstance(answer, MetricsError):
                return answer
            return [(one.labels, one.values[milliseconds]) for one in answer if milliseconds in one.values]
        return []


def own_queries(subject: Subject) -> Iterator[RangeQuery]:
    """What its own metrics ask at the ticks that are due: oldest first, each once, and nothing that cannot be asked."""
    interval = subject.analysis.interval
    expressions = _expressions(subject)
    start, last = subject.due[0], subject.due[-1]
    while start <= last:
        end = min(start + (MOST_TICKS - 1) * interval, last)
        for expression in expressions:
            yield RangeQuery(
                expression,
                start,
                end,
                interval,
                interval * TIMEOUT_OF_INTERVAL,
                server=subject.analysis.prometheus,
                own=True,
            )
        start = end + interval


def _expressions(subject: Subject) -> dict[str, None]:
    """Two fields may be the same, and before an analysis both versions are."""
    found: dict[str, None] = {}
    for metric in subject.analysis.metrics:
        for text in fields_of(metric).values():
            for revision in (subject.candidate, subject.stable):
                try:
                    found[expression_of(subject, revision, text)] = None
                except OwnQueryError:
                    break  # who reads the answer is told again
    return found


def expression_of(subject: Subject, revision: str, text: str) -> str:
    """The query of a field for one of the two revisions.

    Raises:
        OwnQueryError: it cannot be asked.
    """
    wrong = check_query(text)
    if wrong is not None:
        raise OwnQueryError(wrong)
    return _filled(text, tuple(subject.names(revision).items()), subject.analysis.interval)


@lru_cache(4096)
def _filled(text: str, names: tuple[tuple[str, str], ...], window: timedelta) -> str:
    """After an outage the same is wanted for hundreds of ticks."""
    return fill(text, dict(names), window)


def fields_of(metric: AnalysisMetric) -> dict[str, str]:
    """A metric's queries by where they are written; none of a built-in one."""
    if metric.ratio is not None:
        counted, query = metric.ratio.counted
        return {f"ratio.{counted}": query, "ratio.total": metric.ratio.total}
    if metric.mean is not None:
        mean = metric.mean
        return {"mean.count": mean.count, "mean.sum": mean.sum, "mean.squares": mean.squares}
    if metric.gauge is not None:
        return {"gauge": metric.gauge}
    return {} if metric.distribution is None else {"distribution.counts": metric.distribution.counts}
