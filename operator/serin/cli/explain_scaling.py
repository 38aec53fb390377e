"""Why each version has the pods that it has, from what stands in `status.autoscaling`."""

from collections.abc import Iterator
from typing import Any

from serin.api.autoscaling import Autoscaling
from serin.api.autoscaling_status import (
    AutoscalingStatus,
    DemandBy,
    ScalingLimitStatus,
    ScalingMetricStatus,
)
from serin.api.status import RevisionStatus
from serin.cli.explain_rollout import shown
from serin.cli.output import table, written
from serin.cli.stored import Stored
from serin.scaling.asked import asked
from serin.scaling.report import Hold, LimitType
from serin.scaling.spec import DEFAULTS
from serin.scaling.tolerance import tolerances_of

_DEMANDS = {
    DemandBy.RATIO: "so much of the pods that carry all of it",
    DemandBy.LITTLES_LAW: "what the requests under way need (Little's law)",
}


def scaling_as_text(found: Stored) -> str:
    """Version by version, metric by metric, for people."""
    return "\n\n".join([_head(found), *("\n".join(_version(found, entry)) for entry in shown(found.status))])


def scaling_as_json(found: Stored) -> dict[str, Any]:
    """The same for programs; `autoscaling` is as in the status, without its history."""
    status, autoscaling = found.status, found.spec.autoscaling
    return {
        "namespace": found.key.namespace,
        "name": found.key.name,
        "phase": status.phase.value,
        "replicas": found.spec.replicas if autoscaling is None else None,
        "spec": None if autoscaling is None else autoscaling.expanded().to_dict(),
        "versions": [_as_json(entry, _advice(found, entry)) for entry in shown(status)],
    }


def _as_json(entry: RevisionStatus, advice: AutoscalingStatus | None) -> dict[str, Any]:
    said = None if advice is None else {name: part for name, part in advice.to_dict().items() if name != "history"}
    return entry.to_dict() | {"autoscaling": said}


def _advice(found: Stored, entry: RevisionStatus) -> AutoscalingStatus | None:
    return next((each for each in found.status.autoscaling if each.revision == entry.revision), None)


def _head(found: Stored) -> str:
    status, autoscaling = found.status, found.spec.autoscaling
    candidate = f", and version {status.candidate_version} is being rolled out" if status.candidate else ""
    text = f"{found.key} is {status.phase.value}{candidate}"
    if autoscaling is None:
        whole = found.spec.replicas if status.capacity is None else status.capacity.whole
        return f"{text}\n{whole} pods carry the whole traffic: spec.replicas says so, and there is no spec.autoscaling"
    said = f"{text}\n{_followed(autoscaling)}"
    active = next((each for each in status.conditions if each.type == "AutoscalingActive"), None)
    return said if active is None else f"{said}\n{active.reason}: {active.message}"


def _followed(autoscaling: Autoscaling) -> str:
    tolerances = tolerances_of(asked(autoscaling).behavior, DEFAULTS)
    return (
        f"From {autoscaling.min_replicas} to {autoscaling.max_replicas} pods; a ratio from {1 - tolerances.down:.4g}"
        f" to {1 + tolerances.up:.4g} changes nothing"
    )


def _version(found: Stored, entry: RevisionStatus) -> Iterator[str]:
    weight = "no weight" if entry.weight is None else f"{entry.weight} %"
    yield (
        f"{entry.role.value} {entry.version} ({entry.revision}), {weight}: {entry.ready_replicas} of"
        f" {entry.replicas} pods are Ready"
    )
    advice = _advice(found, entry)
    if advice is None:
        if found.spec.autoscaling is not None:
            yield "  The autoscaler says nothing of it"
        return
    yield f"  At {written(advice.at)} {_recommended(advice)}"
    if advice.demand is not None:
        yield (
            f"  Prepared for {advice.demand.weight} % of the traffic, which takes {advice.demand.replicas} pods:"
            f" {_DEMANDS[advice.demand.by]}"
        )
    if advice.metrics:
        rows = [_metric(metric) for metric in advice.metrics]
        head = ("METRIC", "TYPE", "CURRENT", "TARGET", "RATIO", "PROPOSES", "WHY")
        yield from (f"  {line}" for line in table(head, rows).splitlines())
    if advice.source is not None:
        yield f"  CPU and memory are from {advice.source}"


def _recommended(advice: AutoscalingStatus) -> str:
    """From what the metrics propose, limit by limit, to what is recommended."""
    if advice.proposal is None:
        text = f"it had {advice.current} pods, and the metrics were not followed"
    else:
        text = f"it had {advice.current} pods, and the metrics propose {advice.proposal}"
    for limit in advice.limits:
        text += f"; {_limit(limit)}"
    return f"{text}: {advice.desired} are recommended"


def _limit(limit: ScalingLimitStatus) -> str:
    until = f" until {written(limit.until)}" if limit.until is not None else ""
    words = {
        LimitType.STABILIZATION: f"what they proposed before holds it at {limit.allowed}{until} (stabilization)",
        LimitType.POLICY: f"a policy allows {limit.allowed} of {limit.wanted} at once",
        LimitType.MIN_REPLICAS: f"minReplicas is {limit.allowed}",
        LimitType.MAX_REPLICAS: f"maxReplicas is {limit.allowed}",
    }
    return words.get(LimitType(limit.type), limit.type)


def _metric(metric: ScalingMetricStatus) -> tuple[str, ...]:
    holds = {
        Hold.TOLERANCE.value: "near enough to its target (tolerance)",
        Hold.INCOMPLETE.value: "pods that say nothing, or are not Ready, leave open whether to change",
    }
    why = metric.error or holds.get(metric.hold or "", "")
    return (
        metric.name,
        metric.type,
        metric.current or "?",
        metric.target,
        "?" if metric.ratio is None else f"{metric.ratio:.3f}",
        "?" if metric.replicas is None else str(metric.replicas),
        why,
    )
