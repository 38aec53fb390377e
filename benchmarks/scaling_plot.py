"""What scaling.py measured, as a picture and as a table."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from scaling_worlds import CALM, Told

OLD, NEW, FAILED, BESIDE = "1.0.0", "2.0.0", "#c0392b", "#999999"
COLORS = {OLD: "#1f4e79", NEW: "#1e8449"}
WORDS = {OLD: "old version", NEW: "new version"}
LABELS = ("new version's\nweight, %", "replicas", "99th percentile, s", "failed, % of requests")
BIN = 5.0
"""Seconds for which requests are counted together."""
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "serin",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def svg(told: Mapping[str, Told]) -> str:
    """The picture as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 7), layout="constrained")
        panels = figure.subplots(4, len(told), sharex="col", sharey="row", height_ratios=(1, 2, 2, 2), squeeze=False)
        for column, (title, one) in enumerate(told.items()):
            weights, replicas, late, failed = panels[:, column]
            weights.set_title(title, fontsize=10)
            _steps(weights, one.weights, end(one), color=COLORS[NEW])
            for version, color in COLORS.items():
                _steps(replicas, [(at, counts.get(version, 0)) for at, counts in one.replicas], end(one), color=color)
                late.plot(*_percentiles(one, version), color=color, linewidth=1.2, label=WORDS[version])
            late.plot(*_beside(one), color=BESIDE, linewidth=0.8, label="a pod beside, idle")
            failed.bar(*_failures(one), width=BIN, align="edge", color=FAILED)
            for panel in panels[:, column]:
                panel.set_xlim(-CALM, end(one))
            failed.set_xlabel("seconds")
        for panel, label in zip(panels[:, 0], LABELS, strict=True):
            panel.set_ylabel(label)
            panel.set_ylim(bottom=0)
        panels[2][0].legend(loc="upper left", frameon=False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def table(told: Mapping[str, Told]) -> str:
    """The numbers, in Markdown."""
    lines = [
        "| | requests | failed | p99 of the old version over its own | of the new one | of a pod beside | most pods |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, one in told.items():
        during = [it for it in one.answers if it[0] >= 0]
        totals = [sum(counts.values()) for at, counts in one.replicas if at >= 0]
        failed = sum(it[3] for it in during)
        ratios = " | ".join(f"{it:.2f}" for it in (ratio(one, OLD), ratio(one, NEW), of_the_machine(one)))
        lines.append(f"| {title} | {len(during)} | {failed} | {ratios} | {max(totals)} |")
    return "\n".join(lines)


def ratio(one: Told, version: str) -> float:
    """The 99th percentile of a version while weights moved, and the new one for half a minute after, over its own.

    Undisturbed is the old version in the minute before the rollout, and the new one in the last half minute.
    """
    if version == OLD:
        calm, moved = (-CALM, 0.0), (0.0, over(one))
    else:
        calm, moved = (end(one) - CALM / 2, end(one)), (0.0, end(one) - CALM / 2)
    return _percentile(_took(one, version, moved)) / _percentile(_took(one, version, calm))


def of_the_machine(one: Told) -> float:
    """The same of the pod beside: where it is not about 1 the machine had other things to do, and nothing is shown."""
    moved = [took for at, took in one.beside if 0 <= at < over(one)]
    return _percentile(moved) / _percentile([took for at, took in one.beside if -CALM <= at < 0])


def over(one: Told) -> float:
    """When the new version had all the traffic, and half a minute had passed."""
    return next(at for at, weight in one.weights if weight == 100) + CALM / 2


def end(one: Told) -> float:
    """When the last request was answered."""
    return max(it[0] for it in one.answers)


def _took(one: Told, version: str, between: tuple[float, float]) -> list[float]:
    return [
        took for at, took, by, failed in one.answers if by == version and not failed and between[0] <= at < between[1]
    ]


def _percentile(values: Sequence[float]) -> float:
    return float(np.percentile(values, 99)) if len(values) else float("nan")


def _percentiles(one: Told, version: str) -> tuple[list[float], list[float]]:
    starts = list(_bins(one))
    return starts, [_percentile(_took(one, version, (at, at + 2 * BIN))) for at in starts]


def _beside(one: Told) -> tuple[list[float], list[float]]:
    starts = list(_bins(one))
    return starts, [_percentile([took for at, took in one.beside if bin_ <= at < bin_ + 2 * BIN]) for bin_ in starts]


def _failures(one: Told) -> tuple[list[float], list[float]]:
    starts, shares = list(_bins(one)), []
    for at in starts:
        found = [failed for when, _, _, failed in one.answers if at <= when < at + BIN]
        shares.append(100 * sum(found) / len(found) if found else 0.0)
    return starts, shares


def _bins(one: Told) -> Iterable[float]:
    return map(float, np.arange(-CALM, end(one) - BIN, BIN))


def _steps(panel: Any, points: Sequence[tuple[float, int]], until: float, *, color: str) -> None:
    times, values = zip(*[*points, (until, points[-1][1])], strict=True)
    panel.step(times, values, where="post", color=color, linewidth=1.5)
