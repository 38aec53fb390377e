"""A replay for people, as a table, and for programs."""

from collections.abc import Iterator, Set
from typing import Any

from serin.api.spec import MetricKind
from serin.api.status import MetricStatus
from serin.cli.output import table, written
from serin.cli.replayed import Look, Replay
from serin.judge import Bins, Counts, Level, Moments, Pair
from serin.judge.counts import Side

NONE = "-"
HEAD = (
    "TIME",
    "STEP",
    "WEIGHT",
    "SHARE",
    "METRIC",
    "CANDIDATE",
    "STABLE",
    "ESTIMATE",
    "INTERVAL",
    "HARM",
    "SAFE",
    "VERDICT",
    "REASON",
)


def as_text(replay: Replay) -> str:
    """One line for each metric of each tick, the verdict of the whole beside the first; then the decision."""
    shares = frozenset(metric.name for metric in replay.analysis.metrics if metric.kind is MetricKind.SHARE)
    rows = [row for look in replay.looks for row in _rows(look, shares)]
    lines = [table(HEAD, rows), ""] if rows else []
    return "\n".join([*lines, decision(replay)])


def decision(replay: Replay) -> str:
    """What would have been decided and when, in a sentence."""
    ending = replay.ending
    after = f" The {replay.unread} ticks after that were not judged." if replay.unread else ""
    return f"{ending.decision} at {written(ending.at)}: {ending.why}.{after}"


def _rows(look: Look, shares: Set[str]) -> Iterator[tuple[str, ...]]:
    share = NONE if look.share is None else f"{look.share * 100:.1f}%"
    stage = look.stage
    step = f"{stage.step}.{stage.block + 1}" if stage.block else str(stage.step)
    first = (written(look.tick.at), step, f"{stage.weight}%", share)
    for number, status in enumerate(look.verdict.metrics):
        pair = look.tick.metrics.get(status.name, Pair(None, None))
        yield (
            *(first if number == 0 else ("", "", "", "")),
            status.name,
            _side(pair.candidate),
            _side(pair.stable),
            _number(status.estimate, is_share=status.name in shares),
            _interval(status, is_share=status.name in shares),
            status.harm or NONE,
            status.safe or NONE,
            str(status.verdict),
            status.reason,
        )
    if len(look.verdict.metrics) > 1:
        verdict = look.verdict
        yield (*[""] * 4, "all", *[""] * 6, str(verdict.verdict), verdict.reason)


def _side(side: Side | None) -> str:
    """What was measured in the tick: bad of total, or a mean of so many, or a level."""
    match side:
        case Counts():
            return f"{_plain(side.bad)}/{_plain(side.total)}"
        case Moments():
            return f"{side.total / side.count:.4g} of {_plain(side.count)}" if side.count else "0"
        case Level():
            return f"{side.value:.4g}"
        case Bins():
            return f"{_plain(side.total)} in {len(side.counts)} bins"
        case None:
            return NONE


def _plain(count: float) -> str:
    return f"{count:.0f}" if count == round(count) else f"{count:.2f}"


def _number(value: float | None, *, is_share: bool) -> str:
    if value is None:
        return NONE
    return f"{value * 100:.3g}%" if is_share else f"{value:.4g}"


def _interval(status: MetricStatus, *, is_share: bool) -> str:
    if status.interval is None:
        return NONE
    low, high = status.interval
    return f"{_number(low, is_share=is_share)}..{_number(high, is_share=is_share)}"


def as_json(replay: Replay) -> dict[str, Any]:
    """Everything about it."""
    ending = replay.ending
    return {
        "decision": str(ending.decision),
        "at": written(ending.at),
        "why": ending.why,
        "ticksNotJudged": replay.unread,
        "weights": [{"since": written(moved.since), "weight": moved.weight} for moved in replay.weights],
        "ticks": [_look(look) for look in replay.looks],
    }


def _look(look: Look) -> dict[str, Any]:
    counted = {
        name: {"candidate": _counted(pair.candidate), "stable": _counted(pair.stable), "note": pair.note}
        for name, pair in look.tick.metrics.items()
    }
    return {
        "at": written(look.tick.at),
        "step": look.stage.step,
        "block": look.stage.block,
        "weight": look.stage.weight,
        "share": look.share,
        "counted": counted,
        "analysis": look.verdict.to_dict(),
    }


def _counted(side: Side | None) -> dict[str, Any] | None:
    match side:
        case Counts():
            return {"bad": side.bad, "total": side.total}
        case Moments():
            return {"count": side.count, "sum": side.total, "sumOfSquares": side.squares}
        case Level():
            return {"value": side.value}
        case Bins():
            return {"bins": dict(side.counts)}
        case None:
            return None
