"""Metrics of a user's own: PromQL with placeholders, asked once for each version."""

import re
from typing import Annotated

from pydantic import Field

from serin.api.base import Model, matching
from serin.api.rules import Rule

PLACEHOLDERS = ("namespace", "model", "revision", "version", "service", "workload", "window")
"""What a query may name as `$name`: where and what the version is, and the window of the tick."""
VERSION_PLACEHOLDERS = ("revision", "version", "service", "workload")
"""Those that differ between the versions."""

_LISTED = ", ".join(f"${name}" for name in PLACEHOLDERS)
_ONLY_KNOWN = rf"^([^$]|\$({'|'.join(PLACEHOLDERS)})\b)*$"

PromQL = Annotated[
    str,
    Field(min_length=1, max_length=2048),
    Rule(
        f"self.matches(r'{_ONLY_KNOWN}')",
        # RE2, which the API server matches with, knows the word boundaries of ASCII alone.
        lambda query: re.fullmatch(_ONLY_KNOWN, query, re.ASCII) is not None,
        f"a $ begins a placeholder: write one of {_LISTED}",
    ),
    Rule(
        " || ".join(f"self.contains('${name}')" for name in VERSION_PLACEHOLDERS),
        lambda query: any(f"${name}" in query for name in VERSION_PLACEHOLDERS),
        "this query has the same answer for both versions: select one by"
        f" {', '.join(f'${name}' for name in VERSION_PLACEHOLDERS[:-1])} or ${VERSION_PLACEHOLDERS[-1]}",
    ),
]


class Ratio(Model):
    """Bad events of all events, or good ones."""

    bad: PromQL | None = None
    """How many events in the window were bad, such as sum(increase(refused_total{pod=~"$workload-.*"}[$window]))."""
    good: PromQL | None = None
    """Or how many were good, such as sum(increase(bought_total{revision="$revision"}[$window])); all others are bad."""
    total: PromQL
    """How many events there were in the window."""

    rules = (
        Rule(
            "has(self.bad) != has(self.good)",
            lambda ratio: (ratio.bad is None) != (ratio.good is None),
            "a ratio counts the bad events or the good ones, of all: write one of bad and good beside total",
        ),
    )

    @property
    def counted(self) -> tuple[str, str]:
        """The field that says which events are counted, and its query."""
        return ("good", self.good) if self.good is not None else ("bad", self.bad or "")


class Mean(Model):
    """A mean over events, with its scatter."""

    sum: PromQL
    """The sum of the values in the window."""
    count: PromQL
    """How many values there were."""
    squares: PromQL
    """The sum of their squares, from which the scatter is known."""


class Distribution(Model):
    """Counts per bin."""

    counts: PromQL
    """How many events fell into each bin in the window: one series a bin."""
    bin: Annotated[
        str,
        Field(max_length=63),
        matching(r"^[a-zA-Z_][a-zA-Z0-9_]*$", "write the name of a label, such as le or class"),
    ]
    """The label that tells the bin; by le the counts are cumulative, as in a histogram."""
