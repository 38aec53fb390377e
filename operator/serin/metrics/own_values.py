"""Queries of a user's own that replicas follow: one value for each version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from serin.metrics.asking import Answer
from serin.metrics.loads import STEP, TIMEOUT, WINDOW, milli
from serin.metrics.own import OwnQueryError, check_query, fill
from serin.metrics.provider import MetricsError, RangeQuery, Series
from serin.metrics.subject import names_of
from serin.scaling.samples import ExternalValues, Unavailable


@dataclass(frozen=True)
class OwnValue:
    """A query of a user's own, for one revision. version: the model's, if it is known."""

    prometheus: str
    text: str
    namespace: str
    model: str
    revision: str
    version: str | None = None


def query_of(value: OwnValue, at: datetime) -> RangeQuery:
    """What is sent.

    Raises:
        OwnQueryError: it cannot be asked.
    """
    wrong = check_query(value.text)
    if wrong is not None:
        raise OwnQueryError(wrong)
    names = names_of(value.namespace, value.model, value.revision, value.version)
    expression = fill(value.text, names, WINDOW)
    return RangeQuery(expression, at, at, STEP, TIMEOUT, server=value.prometheus, own=True)


def read(answer: Answer, at: datetime) -> ExternalValues | Unavailable:
    """The one number that it gives, or why it gives none: that is never taken for a zero."""
    if isinstance(answer, MetricsError):
        return Unavailable(f"the query was not answered: {answer}")
    numbers = _numbers(answer, round(at.timestamp() * 1000))
    if not numbers:
        return Unavailable("the query gives nothing: where that means none, write `or vector(0)` after it")
    if len(numbers) > 1:
        return Unavailable(f"the query gives {len(numbers)} series, and one is expected: put sum(...) around it")
    amount = milli(numbers[0])
    if amount is None:
        return Unavailable(f"the query gives {numbers[0]:g}, and a number is expected")
    return ExternalValues((amount,))


def _numbers(answer: Sequence[Series], milliseconds: int) -> list[float]:
    return [one.values[milliseconds] for one in answer if milliseconds in one.values]
