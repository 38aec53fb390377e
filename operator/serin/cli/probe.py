"""Whether a live Prometheus has a series that a preset reads, and with which labels."""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from typing import Any

from serin.api.base import format_duration
from serin.cli.live import Found, ask
from serin.cli.signals import SeriesWanted
from serin.metrics import MetricsProvider
from serin.metrics.preset import Preset
from serin.metrics.promql import escape_regex, selector

_RECENT = "15m"
_SCRAPES_WITHIN = 300
"""Seconds over which scrapes are counted."""


@dataclass(frozen=True)
class Scope:
    """Where to look; everywhere unless given."""

    namespace: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Probed:
    """What was found of one metric.

    series: how many, within the scope. problem: what is wrong, and what to do about it; None if nothing is.
    revisions: by the values of the revision's labels. edges: of a histogram, the upper edges but the infinite one; in
        seconds, if it is one of durations.
    """

    wanted: SeriesWanted
    series: int
    problem: str | None
    revisions: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    scraped_every: timedelta | None = None

    @property
    def state(self) -> str:
        """What to tell."""
        if self.problem is None:
            return "there"
        return self.problem if self.wanted.needed else f"{self.problem} (may be well)"

    @property
    def edges_in_words(self) -> tuple[str, ...]:
        """The edges as people write them."""
        return tuple(f"{edge:g}" if self.wanted.unit_seconds is None else in_seconds(edge) for edge in self.edges)

    def to_dict(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "for": self.wanted.signal,
            "metric": self.wanted.metric,
            "needed": self.wanted.needed,
            "series": self.series,
            "problem": self.problem,
            "revisions": list(self.revisions),
            "edges": list(self.edges_in_words),
            "scrapedEvery": None if self.scraped_every is None else format_duration(self.scraped_every),
        }


def probe(provider: MetricsProvider, preset: Preset, wanted: SeriesWanted, scope: Scope) -> Probed:
    """Look for one metric of a preset.

    Raises:
        UnusableInputError: Prometheus did not answer.
    """
    only = dict(wanted.only or {})
    labels = (*preset.label_names, *wanted.labels)
    by = ", ".join(dict.fromkeys(labels))
    anywhere = ask(provider, f"count by ({by}) (last_over_time({selector(wanted.metric, only)}[{_RECENT}]))")
    if not anywhere:
        return Probed(wanted, 0, f"missing: no such series in the last {_RECENT}")
    if lacking := [label for label in dict.fromkeys(labels) if not any(one.labels.get(label) for one in anywhere)]:
        series = _count(anywhere)
        return Probed(wanted, series, f"no label {' and no label '.join(lacking)}: {_advice(preset, lacking)}")
    in_scope = [one for one in anywhere if _matches(preset, one, scope)]
    if not in_scope:
        return Probed(wanted, 0, "missing there: it has series of others only")
    return Probed(
        wanted,
        _count(in_scope),
        None,
        tuple(sorted({"/".join(one.labels[label] for label in preset.label_names) for one in in_scope})),
        _edges(wanted, in_scope),
        _scraped_every(provider, selector(wanted.metric, only)),
    )


def _count(found: list[Found]) -> int:
    return round(sum(one.value for one in found))


def _advice(preset: Preset, lacking: list[str]) -> str:
    if any(label in preset.revision.labels for label in lacking):
        return "have Prometheus copy the pods' labels to their series (relabeling)"
    return "is it the server, and the version, that the preset is for?"


def _matches(preset: Preset, found: Found, scope: Scope) -> bool:
    """Whether a series is of a revision, within the scope."""
    patterns = {label: _pattern(value, scope) for label, value in preset.revision.labels.items()}
    return all(_full_match(pattern, found.labels.get(label, "")) for label, pattern in patterns.items())


def _full_match(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None


def _pattern(template: str, scope: Scope) -> str:
    """The expression for a revision's label: what the scope leaves open may be anything."""
    known: Mapping[str, str | None] = {"namespace": scope.namespace, "model": scope.model}
    parts = []
    for literal, field, _, _ in string.Formatter().parse(template):
        parts.append(escape_regex(literal))
        if field:
            value = known.get(field)
            parts.append(".+" if value is None else escape_regex(value))
    return "".join(parts)


def _edges(wanted: SeriesWanted, found: list[Found]) -> tuple[float, ...]:
    if "le" not in wanted.labels:
        return ()
    unit = 1.0 if wanted.unit_seconds is None else wanted.unit_seconds
    edges = {float(one.labels["le"]) for one in found if one.labels.get("le")} - {inf}
    return tuple(edge * unit for edge in sorted(edges))


def in_seconds(value: float) -> str:
    """A duration as people write it, such as 250ms or 1.5s."""
    return f"{value:g}s" if value >= 1 else f"{value * 1000:g}ms"


def _scraped_every(provider: MetricsProvider, series: str) -> timedelta | None:
    """The usual time between two samples, by the last minutes; None where there are too few."""
    counted = ask(provider, f"quantile(0.5, count_over_time({series}[{_SCRAPES_WITHIN}s]))")
    samples = counted[0].value if counted else 0.0
    return timedelta(seconds=round(_SCRAPES_WITHIN / samples)) if samples >= 2 else None
