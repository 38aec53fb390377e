"""A replay as a picture: of each metric the evidence and the estimate, and the weights, over time."""

import importlib.util
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from serin.api.spec import AnalysisMetric, MetricKind
from serin.api.status import MetricStatus
from serin.cli.course import Decision
from serin.cli.problems import UnusableInputError
from serin.cli.replayed import Look, Replay

FORMATS = (".png", ".svg")
_HARM, _SAFE, _ESTIMATE, _LIMIT, _DECISION = "#b5343c", "#2f7d4f", "#2b5c8a", "#777777", "#000000"
_WIDTH, _ROW = 11.0, 2.6
"""Inches."""

Axes = Any
"""matplotlib is there only for whoever draws, and has no types that are looked at."""


def plotting_is_there() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(replay: Replay, file: Path, *, title: str) -> None:
    """Draw into a file, in the format that its name ends in. The same replay makes the same SVG.

    Raises:
        UnusableInputError: the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    metrics = replay.analysis.metrics
    # Of a new figure of its own, so that no screen and no setting of the process has a part in it.
    with mpl.rc_context({"svg.hashsalt": "serin", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(_WIDTH, _ROW * (len(metrics) + 1)), layout="constrained")
        figure.suptitle(f"{title}\n{replay.ending.decision} at {replay.ending.at:%Y-%m-%d %H:%M:%S} UTC")
        grid = figure.add_gridspec(len(metrics) + 1, 2)
        panels = []
        for row, metric in enumerate(metrics):
            panels += [figure.add_subplot(grid[row, 0]), figure.add_subplot(grid[row, 1])]
            _evidence(panels[-2], metric, replay.looks)
            _estimate(panels[-1], metric, replay.looks)
        panels.append(figure.add_subplot(grid[-1, :]))
        _weights(panels[-1], replay)
        for panel in panels:
            _over_time(panel, replay)
        try:
            dated = {"Date": None} if file.suffix.lower() == ".svg" else {}
            figure.savefig(file, metadata=dated, dpi=120)
        except OSError as error:
            raise UnusableInputError(f"{file} cannot be written: {error.strerror or error}") from error


def _evidence(panel: Axes, metric: AnalysisMetric, looks: Sequence[Look]) -> None:
    panel.set_title(f"{metric.name}: evidence", loc="left")
    for name, color in (("harm", _HARM), ("safe", _SAFE)):
        seen = [(at, float(value)) for at, status in _of(metric, looks) if (value := getattr(status, name)) is not None]
        panel.plot(*_columns(seen), color=color, label=name, drawstyle="steps-post")
    panel.axhline(1.0, color=_LIMIT, linestyle="--", linewidth=0.8)
    panel.set_ylim(-0.05, 1.1)
    panel.legend(loc="center left", frameon=False)


def _estimate(panel: Axes, metric: AnalysisMetric, looks: Sequence[Look]) -> None:
    scale = 100.0 if metric.kind is MetricKind.SHARE else 1.0
    unit = " (%)" if metric.kind is MetricKind.SHARE else ""
    panel.set_title(f"{metric.name}: estimate of the step{unit}", loc="left")
    statuses = _of(metric, looks)
    known = [(at, scale * status.estimate) for at, status in statuses if status.estimate is not None]
    bounds = [
        (at, scale * status.interval[0], scale * status.interval[1])
        for at, status in statuses
        if status.interval is not None
    ]
    panel.plot(*_columns(known), color=_ESTIMATE, marker=".", label="estimate")
    if bounds:
        times, low, high = zip(*bounds, strict=True)
        panel.fill_between(times, low, high, color=_ESTIMATE, alpha=0.2, linewidth=0, label="95% interval")
    if statuses:
        limit = scale * statuses[-1][1].limit
        panel.axhline(limit, color=_HARM, linestyle="--", linewidth=0.8, label="limit")
        _look_at(panel, [value for _, value in known], limit)
    panel.legend(loc="upper left", frameon=False)


def _look_at(panel: Axes, estimates: Sequence[float], limit: float) -> None:
    """The first intervals reach from end to end, and would make everything else a line."""
    values = [*estimates, limit, 0.0]
    low, high = min(values), max(values)
    room = max(high - low, 1e-9)
    panel.set_ylim(low - room if low < 0 else -0.1 * room, high + room)


def _weights(panel: Axes, replay: Replay) -> None:
    panel.set_title("weight by the plan, and the candidate's share of the requests (%)", loc="left")
    ends = [*((moved.since, moved.weight) for moved in replay.weights), (replay.ending.at, _last_weight(replay))]
    panel.plot(*_columns(ends), color=_ESTIMATE, drawstyle="steps-post", label="weight")
    shares = [(look.tick.at, 100.0 * look.share) for look in replay.looks if look.share is not None]
    panel.plot(*_columns(shares), color=_LIMIT, marker=".", linestyle="none", label="share")
    panel.set_ylim(-3, 103)
    panel.legend(loc="center left", frameon=False)


def _last_weight(replay: Replay) -> int:
    after = {Decision.PROMOTED: 100, Decision.ROLLED_BACK: 0}
    return after.get(replay.ending.decision, replay.weights[-1].weight)


def _over_time(panel: Axes, replay: Replay) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    for moved in replay.weights[1:]:
        panel.axvline(moved.since, color=_LIMIT, linewidth=0.5)
    panel.axvline(replay.ending.at, color=_DECISION, linewidth=1.2)
    margin = (replay.ending.at - replay.weights[0].since) / 50
    panel.set_xlim(replay.weights[0].since - margin, replay.ending.at + margin)


def _of(metric: AnalysisMetric, looks: Sequence[Look]) -> list[tuple[datetime, MetricStatus]]:
    return [(look.tick.at, status) for look in looks for status in look.verdict.metrics if status.name == metric.name]


def _columns(pairs: Sequence[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    return [first for first, _ in pairs], [second for _, second in pairs]
