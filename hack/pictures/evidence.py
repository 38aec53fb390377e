"""The picture: the evidence of a good and a bad candidate, tick by tick, and the estimate that it rests on."""

import io
from collections.abc import Sequence
from typing import Any

from pictures.story import FAULT, RISE, TOLERANCE, WEIGHTS, Told, rollout
from serin.api.status import MetricStatus

HARM, SAFE, ESTIMATE, LINE = "#c0392b", "#1e8449", "#1f4e79", "#666666"
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "serin",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
LONGEST_SHOWN = 37
"""Ticks along the axis."""
_POINTS = 100
"""Percentage points in a share of one."""


def svg() -> str:
    """The picture as SVG: the same text each time."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9.6, 5.6), layout="constrained")
        panels = figure.subplots(2, 2, sharex="all", sharey="row", height_ratios=(3, 2))
        titles = ("A candidate that is as good as stable", f"One whose errors rise by {RISE * _POINTS:g} points late")
        for column, (rise, title) in enumerate(zip((0.0, RISE), titles, strict=True)):
            told = list(rollout(rise=rise))
            panels[0][column].set_title(title, fontsize=10)
            _draw_evidence(panels[0][column], told)
            _draw_estimate(panels[1][column], told)
            for panel in panels[:, column]:
                _draw_steps(panel, told, is_faulty=rise > 0)
            panels[1][column].set_xlabel("tick (a minute each)")
            panels[1][column].set_xlim(0, LONGEST_SHOWN)
        panels[0][0].set_ylabel("share of the\nevidence that is needed")
        panels[1][0].set_ylabel("errors beyond stable's,\nin points")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _errors(told: Sequence[Told]) -> list[MetricStatus]:
    return [one.status.metrics[0] for one in told]


def _draw_evidence(panel: Any, told: Sequence[Told]) -> None:
    ticks = [one.number for one in told]
    metrics = _errors(told)
    panel.axhline(1.0, color=LINE, linewidth=1)
    panel.axhline(0.5, color=LINE, linewidth=0.8, linestyle=":")
    panel.plot(ticks, [float(one.harm or 0) for one in metrics], color=HARM, marker="o", markersize=3, label="harm")
    panel.plot(ticks, [float(one.safe or 0) for one in metrics], color=SAFE, marker="s", markersize=3, label="safe")
    panel.text(LONGEST_SHOWN, 1.02, "enough", color=LINE, fontsize=8, ha="right")
    panel.text(LONGEST_SHOWN, 0.52, "harm above this: Hold", color=LINE, fontsize=8, ha="right")
    panel.set_ylim(-0.03, 1.2)
    panel.legend(loc="center left", frameon=False, bbox_to_anchor=(0.02, 0.22))
    panel.text(ticks[-1], 1.05, told[-1].status.verdict, ha="center", fontweight="bold")


def _draw_estimate(panel: Any, told: Sequence[Told]) -> None:
    limit = TOLERANCE * _POINTS
    panel.axhline(limit, color=HARM, linewidth=1)
    panel.axhline(0.0, color=LINE, linewidth=0.6)
    panel.text(0.6, limit + 0.15, f"limit: {limit:g} points", color=HARM, fontsize=8)
    for step in range(len(WEIGHTS)):
        shown = [one for one in told if one.step == step]
        ticks = [one.number for one in shown]
        metrics = _errors(shown)
        bounds = [one.interval or (0.0, 0.0) for one in metrics]
        low, high = ([bound[end] * _POINTS for bound in bounds] for end in (0, 1))
        panel.fill_between(ticks, low, high, color=ESTIMATE, alpha=0.18, linewidth=0)
        panel.plot(ticks, [(one.estimate or 0.0) * _POINTS for one in metrics], color=ESTIMATE, linewidth=1.5)
    panel.set_ylim(-3.2, 5.2)


def _draw_steps(panel: Any, told: Sequence[Told], *, is_faulty: bool) -> None:
    for step, weight in enumerate(WEIGHTS):
        first = next((one.number for one in told if one.step == step), None)
        if first is None:
            continue
        if step:
            panel.axvline(first - 0.5, color=LINE, linewidth=0.6, linestyle="--")
        panel.text(
            first - 0.3, 0.99, f"{weight} %", transform=panel.get_xaxis_transform(), fontsize=8, va="top", color=LINE
        )
    if is_faulty:
        panel.text(FAULT - 0.3, 0.9, "fault", transform=panel.get_xaxis_transform(), fontsize=8, va="top", color=HARM)
        panel.axvspan(FAULT - 0.5, told[-1].number + 0.5, color=HARM, alpha=0.1, linewidth=0)
