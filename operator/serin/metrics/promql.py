"""PromQL, written so that counts are exact and nothing from outside is read as a query."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

_REGEX_SPECIAL = frozenset(r"\.+*?()|[]{}^$")

COUNTER_LABEL = "serin_counter"
"""In the answer of a query of several counters: the name of the one that a value is of."""
ONCE_LABEL = "serin_scraped_once"
"""In an answer: a series with it counts nothing, but says that a revision was scraped only once in the window."""
HISTORY = timedelta(minutes=15)
"""How far before a window its baseline is looked for: a target that could not be scraped for less is continued."""
_WARM = timedelta(minutes=1)
"""How long Prometheus must have been at work before a target that it has not seen counts as new."""


def quote(value: str) -> str:
    """A PromQL string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def escape_regex(value: str) -> str:
    """The RE2 expression that matches exactly this text."""
    return "".join(f"\\{char}" if char in _REGEX_SPECIAL else char for char in value)


def any_of(values: Iterable[str]) -> str:
    """The RE2 expression that matches exactly these texts."""
    return "|".join(escape_regex(value) for value in values)


def duration(value: timedelta) -> str:
    """A PromQL duration, down to the millisecond."""
    milliseconds = round(value / timedelta(milliseconds=1))
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def selector(metric: str, matchers: Mapping[str, str], without: Mapping[str, str] | None = None) -> str:
    """The series of `metric` whose labels match these RE2 expressions, and do not match those of `without`."""
    inner = [f"{label}=~{quote(regex)}" for label, regex in matchers.items()]
    inner += [f"{label}!~{quote(regex)}" for label, regex in (without or {}).items()]
    return f"{metric}{{{','.join(inner)}}}"


def counted(series: str, window: timedelta, *, telling: str, scope: Sequence[str], by: Sequence[str]) -> str:
    """How far counters rose within the window, by raw samples, summed after restarts are taken out.

    The answer is the sum of each series' newest sample in the window, less the sum of its newest sample before the
    window, within `HISTORY`. A target without a sample in the window is missing in it, and what it counted appears in
    the next one that has a sample. So windows add up: every event that was scraped is counted once, gaps in scraping
    included. What has nothing to subtract is told apart by Prometheus' own series `up`:

    - a restart (a `telling` series of the target, or of the part of it that `scope` names, fell): nothing is
      subtracted from any of them, so that buckets and totals stay consistent;
    - a new series of a target that was well scraped within `HISTORY`: it counts from 0;
    - a new target, while Prometheus was at work: it counts from 0;
    - everything else is left out of this window. A target that comes back after a long gap, or every target after
      Prometheus lost its data, would else count its whole life at once.

    Which targets count is decided by target, of which there are few, and not by series: matching series with series
    costs Prometheus twice the time (measured with 17,000 series).

    Beside the counts the answer has a series with `ONCE_LABEL` for what `scope` names, where the best scraped of its
    targets was scraped well only once in the window.

    Args:
        series: a selector of counters.
        window: the window's length; it ends at the evaluation time.
        telling: a selector of those of the series that tell a restart for all.
        scope: labels, apart from the target's own, whose series begin anew together (the labels of the revision).
        by: labels of the answer; with `COUNTER_LABEL` among them the selectors may be of several metrics, which the
            answer tells apart by that label.
    """
    newest, before = (_named(_newest), _named(_before)) if COUNTER_LABEL in by else (_newest, _before)
    w, history = duration(window), duration(HISTORY)
    together = ", ".join(dict.fromkeys(["job", "instance", *scope]))
    seen = f"max_over_time(up[{history}] offset {w})"
    at_work = f"group(up offset {duration(window + _WARM)})"
    new = f"((max_over_time(up[{w}]) unless {seen}) and on () {at_work})"
    restarted = f"on ({together}) ({newest(telling, w)} - {before(telling, w)} < 0)"
    known = f"({before(series, w)} and on (job, instance) (max_over_time(up[{w}]) == 1))"
    labels = ", ".join(by)
    risen = f"sum by ({labels}) ({newest(series, w)} and on (job, instance) (({seen} == 1) or {new}))"
    baseline = f"sum by ({labels}) ({known} unless {restarted})"
    # To the power of 0 every number is 1, NaN too: what counts here is that there is a sample.
    scrapes = f"on (job, instance) group_left () max by (job, instance) (sum_over_time(up[{w}]))"
    scraped = f"max by ({', '.join(scope)}) ({newest(telling, w)} ^ 0 * {scrapes})"
    once = f'label_replace({scraped} == 1,"{ONCE_LABEL}","yes","","")'
    return f"({risen} - {baseline}) or {risen} or {once}"


def _named(samples: Callable[[str, str], str]) -> Callable[[str, str], str]:
    """The same samples, with the name of their metric in a label: PromQL subtracts regardless of names."""
    return lambda series, window: f'label_replace({samples(series, window)},"{COUNTER_LABEL}","$1","__name__","(.+)")'


def _newest(series: str, window: str) -> str:
    return f"last_over_time({series}[{window}])"


def _before(series: str, window: str) -> str:
    return f"last_over_time({series}[{duration(HISTORY)}] offset {window})"
