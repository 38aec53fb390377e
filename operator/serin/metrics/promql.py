"""PromQL, written so that counts are exact and nothing from outside is read as a query."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

_REGEX_SPECIAL = frozenset(r"\.+*?()|[]{}^$")

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


def selector(metric: str, matchers: Mapping[str, str]) -> str:
    """The series of `metric` whose labels match these RE2 expressions."""
    inner = ",".join(f"{label}=~{quote(regex)}" for label, regex in matchers.items())
    return f"{metric}{{{inner}}}"


def counted(series: str, window: timedelta, *, scope: Sequence[str], by: Sequence[str]) -> str:
    """How far counters rose within the window, by raw samples, summed after restarts are taken out.

    A counter's value is its newest sample in the window; a series without one is missing in this window, and what it
    counted appears in the next one that has a sample. The baseline is the newest sample before the window, within
    `HISTORY`. So windows add up: every event that was scraped is counted once, in whatever windows it is asked for,
    gaps in scraping included. What has no baseline is told apart:

    - a restart (any series of the target, or of the part of it that `scope` names, fell): all of them count from 0,
      so that buckets and totals stay consistent;
    - a new series of a target that was scraped well at the beginning of the window: it counts from 0;
    - a new target, while Prometheus was at work: it counts from 0;
    - everything else is left out of this window. A target that comes back after a long gap, or every target after
      Prometheus lost its data, would else count its whole life at once.

    Args:
        series: a selector of counters.
        window: the window's length; it ends at the evaluation time.
        scope: labels, apart from the target's own, whose series begin anew together (the labels of the revision).
        by: labels of the answer.
    """
    w, history = duration(window), duration(HISTORY)
    target = "job, instance"
    together = ", ".join(dict.fromkeys(["job", "instance", *scope]))
    now = f"last_over_time({series}[{w}])"
    rise = f"({now} - last_over_time({series}[{history}] offset {w}))"
    restarted = f"on ({together}) ({rise} < 0)"
    seen = f"on ({target}) last_over_time(up[{history}] offset {w})"
    at_work = f"group(up offset {duration(window + _WARM)})"
    return (
        f"sum by ({', '.join(by)}) ("
        f"({rise} unless {restarted})"
        f" or ({now} and {restarted})"
        f" or ({now} and on ({target}) (up offset {w} == 1))"
        f" or (({now} unless {seen}) and on () {at_work})"
        ")"
    )
