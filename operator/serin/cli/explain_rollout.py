"""Why a rollout is where it is, from what stands in its status."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from serin.api.ab_test_status import ABTestStatus
from serin.api.base import format_duration
from serin.api.status import (
    AnalysisStatus,
    Condition,
    ConditionStatus,
    HistoryEntry,
    ModelDeploymentStatus,
    Rejected,
    RevisionStatus,
    StepStatus,
)
from serin.cli.output import table, written
from serin.cli.stored import Stored

IN_THE_WAY = {
    "Stalled": ConditionStatus.TRUE,
    "Paused": ConditionStatus.TRUE,
    "Available": ConditionStatus.FALSE,
    "TrafficShifted": ConditionStatus.FALSE,
    "ServiceReady": ConditionStatus.FALSE,
    "AnalysisHealthy": ConditionStatus.FALSE,
    "AutoscalingActive": ConditionStatus.FALSE,
}
"""Conditions that a person wants to know of, and what they are then. Ready and Reconciling repeat the message."""


def rollout_as_text(found: Stored) -> str:
    """All that matters of it, for people."""
    status = found.status
    parts = [_head(found), versions(status)]
    if status.step is not None and status.candidate is not None:
        parts.append(_step(status.step))
    if status.analysis is not None and status.candidate is not None:
        parts.append(_analysis(status.analysis))
    parts.append(
        "\n".join(f"{each.type} is {each.status} ({each.reason}): {each.message}" for each in _worries(status))
    )
    if status.candidate is None:
        parts.append("\n".join(_past(status)))
    return "\n\n".join(part for part in parts if part)


def rollout_as_json(found: Stored) -> dict[str, Any]:
    """The same for programs."""
    status = found.status
    return {
        "namespace": found.key.namespace,
        "name": found.key.name,
        "generation": found.generation,
        "observedGeneration": status.observed_generation,
        "phase": status.phase.value,
        "message": status.message,
        "versions": [entry.to_dict() for entry in shown(status)],
        "step": _dict(status.step),
        "analysis": _dict(status.analysis),
        "inTheWay": [each.to_dict() for each in _worries(status)],
        "rejected": _dict(status.rejected),
        "lastRollout": _dict(status.history[0] if status.history else None),
    }


def shown(status: ModelDeploymentStatus) -> list[RevisionStatus]:
    """The versions that have pods, traffic or a part in the rollout; what is only remembered is left out."""
    named = (status.stable, status.candidate)
    return [each for each in status.revisions if each.revision in named or each.replicas or each.weight is not None]


def versions(status: ModelDeploymentStatus) -> str:
    """The versions as a table; nothing without any."""
    rows = [
        (
            entry.role.value,
            entry.version,
            entry.revision,
            "" if entry.weight is None else f"{entry.weight} %",
            f"{entry.ready_replicas} of {entry.replicas}",
        )
        for entry in shown(status)
    ]
    return table(("ROLE", "VERSION", "REVISION", "WEIGHT", "READY"), rows) if rows else ""


def _dict(part: StepStatus | AnalysisStatus | Rejected | HistoryEntry | None) -> dict[str, Any] | None:
    return None if part is None else part.to_dict()


def _head(found: Stored) -> str:
    status = found.status
    said = f": {status.message}" if status.message else ""
    text = f"{found.key} is {status.phase.value}{said}"
    if found.generation != status.observed_generation:
        text += (
            f"\nThe operator has not seen generation {found.generation} yet: this is of {status.observed_generation}"
        )
    return text


def _step(step: StepStatus) -> str:
    block = f", piece {step.block + 1}" if step.kind == "Ramp" else ""
    text = f"Step {step.index} of {step.of} ({step.kind.value}{block}) at {step.weight} %"
    if step.mirror:
        text += f", with copies of {step.mirror} % of the requests"
    if step.since is None:
        return f"{text}: it has not begun"
    text += f", since {written(step.since)}"
    if step.held_since is not None:
        text += f"; its time stands still since {written(step.held_since)}: {step.held_reason}"
    elif step.until is not None:
        text += f"; it can end at {written(step.until)} at the earliest"
    if step.held_seconds:
        text += f"; it was held for {format_duration(timedelta(seconds=round(step.held_seconds)))} before"
    return text


def _analysis(analysis: AnalysisStatus) -> str:
    head = f"The analysis says {analysis.verdict.value} ({analysis.reason}) at {written(analysis.at)}: "
    rows = [
        (metric.name, metric.verdict.value, metric.message + (f"; needs {metric.needs}" if metric.needs else ""))
        for metric in analysis.metrics
    ]
    listed = f"\n{table(('METRIC', 'VERDICT', 'WHAT IT SAYS'), rows)}" if rows else ""
    return f"{head}{analysis.message}{listed}{_test(analysis.test) if analysis.test is not None else ''}"


def _test(test: ABTestStatus) -> str:
    """How an A/B test stands, and how much of the evidence for each end is there."""
    decision = test.decision.value if test.decision is not None else "undecided"
    parts = (("Won", test.won), ("Lost", test.lost), ("NoImprovement", test.no_improvement))
    evidence = ", ".join(f"{name} {share}" for name, share in parts if share is not None)
    needs = f"; needs {test.needs}" if test.needs else ""
    return f"\nA/B test of {test.metric}: {decision} ({evidence}). {test.message}{needs}"


def _worries(status: ModelDeploymentStatus) -> list[Condition]:
    """What is in the way; and while pods lack, what Available says of them, even if enough of them serve."""
    lacks = any(entry.ready_replicas < entry.replicas for entry in shown(status))
    return [
        each
        for each in status.conditions
        if IN_THE_WAY.get(each.type) is each.status or (lacks and each.type == "Available")
    ]


def _past(status: ModelDeploymentStatus) -> Iterator[str]:
    """How the last rollout ended, and what is not tried again."""
    if status.history:
        last = status.history[0]
        message = f": {last.message}" if last.message else ""
        yield (
            f"The last rollout, of version {last.version} ({last.revision}), ended at {written(last.ended_at)}:"
            f" {last.outcome.value} ({last.reason}){message}"
        )
    if status.rejected is not None:
        rejected = status.rejected
        what = "was turned away" if rejected.is_failure else "was compared, and left,"
        yield (
            f"Version {rejected.version} ({rejected.revision}) {what} at {written(rejected.at)}"
            f" ({rejected.reason}) and is not tried again until the spec changes, or a RolloutAction says Retry"
        )
