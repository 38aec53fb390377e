"""Our autoscaler beside Kubernetes' own: it is told what that one was told, and must say what that one did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from scenarios.api import Object
from scenarios.diary import Diary, Objects
from scenarios.hpa_audit import SeenPass
from serin.cluster.measured import usage_of
from serin.scaling.afterwards import applied
from serin.scaling.autoscaler import recommend
from serin.scaling.history import EMPTY, History
from serin.scaling.quantities import milli
from serin.scaling.reading import pod_of
from serin.scaling.report import Recommendation
from serin.scaling.samples import ResourceUsage
from serin.scaling.spec import AutoscalerSpec, Scale, Situation

DOUBT = timedelta(milliseconds=300)
"""How much later or earlier the other one may have heard of a pod's change than we did."""


@dataclass
class Comparison:
    """What came of it.

    equal: passes after which all was the same. doubtful: those of them of which it was so only with the pods as they
    were a moment earlier or later. changes: the replicas that were set, in order.
    """

    equal: int = 0
    doubtful: int = 0
    changes: list[int] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    """Reasons of the conditions that were seen."""


def compare(spec: AutoscalerSpec, passes: Sequence[SeenPass], pods: Diary) -> Comparison:
    """Give our autoscaler every pass, with a history of its own."""
    comparison = Comparison()
    history = EMPTY
    for number, seen in enumerate(passes):
        theirs = _theirs(seen)
        comparison.words |= {condition["reason"] for condition in theirs["conditions"]}
        if seen.replicas is not None:
            comparison.changes.append(seen.replicas)
        said = [_say(spec, seen, them, history) for them in pods.at(seen.at, DOUBT)]
        right = [index for index, recommendation in enumerate(said) if _equal(_ours(recommendation), theirs)]
        if right:
            comparison.equal += 1
            comparison.doubtful += right[0] != 0
        else:
            comparison.differences.append(f"pass {number} at {seen.at}: ours {_ours(said[0])}, theirs {theirs}")
        history = said[right[0] if right else 0].history
    return comparison


def _say(spec: AutoscalerSpec, seen: SeenPass, pods: Objects, history: History) -> Recommendation:
    samples = tuple(ResourceUsage(tuple(usage_of(it)[1] for it in listed["items"])) for listed in seen.usage)
    scale = Scale(seen.scale["spec"]["replicas"], seen.scale["status"]["replicas"])
    return applied(
        recommend(spec, Situation(scale, tuple(map(pod_of, pods.values())), samples, seen.at), history), spec, seen.at
    )


def _equal(ours: Object, theirs: Object) -> bool:
    """Who could not decide says nothing new of the desired replicas: the other leaves there what it said before."""
    return ours == (theirs if ours["desired"] is not None else theirs | {"desired": None})


def _ours(said: Recommendation) -> Object:
    conditions = [
        {"type": it.type, "status": it.status, "reason": it.reason, "message": it.message} for it in said.conditions
    ]
    return {
        "set": said.replicas if said.rescale else None,
        "desired": said.replicas if said.proposal is not None else None,
        "conditions": conditions,
        "metrics": [
            (it.current.average_utilization, it.current.average_value) for it in said.metrics if it.replicas is not None
        ],
    }


def _theirs(seen: SeenPass) -> dict[str, Any]:
    status = seen.status
    conditions = [
        {key: it[key] for key in ("type", "status", "reason", "message")} for it in status.get("conditions", ())
    ]
    metrics = [(it.get("resource") or {}).get("current") or {} for it in status.get("currentMetrics") or ()]
    return {
        "set": seen.replicas,
        "desired": status["desiredReplicas"],
        "conditions": conditions,
        "metrics": [
            (it.get("averageUtilization"), milli(it["averageValue"]) if "averageValue" in it else None)
            for it in metrics
            if it
        ],
    }
