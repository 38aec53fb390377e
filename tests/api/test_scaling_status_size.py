"""What the autoscaler writes down takes little room under a steady load, and has a bound at its longest."""

import json
from datetime import timedelta

from scaling.build import NOW, once, pods, queue, queued, usage
from serin.api.autoscaling_status import MOST_EVENTS, MOST_RECOMMENDATIONS, AutoscalingStatus
from serin.scaling.afterwards import applied
from serin.scaling.autoscaler import recommend
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules
from serin.scaling.history import EMPTY, History, PastRecommendation, ScaleEvent
from serin.scaling.metrics import ResourceMetric, utilization
from serin.scaling.remembered import remember
from serin.scaling.report import Recommendation
from serin.scaling.samples import ResourceUsage
from serin.scaling.spec import AutoscalerSpec, Scale, Situation

STEADY_BYTES = 2048
LONGEST_BYTES = 40_000
"""Of one version, with a window of an hour in which no two passes agree; an object may have 1.5 MB."""


def size(status: AutoscalingStatus) -> int:
    """Bytes, as it is stored."""
    return len(json.dumps(status.to_dict(), ensure_ascii=False, separators=(",", ":")).encode())


def test_a_steady_load_takes_two_kilobytes() -> None:
    behavior = Behavior(ScalingRules(), ScalingRules(900, policies=(Policy(PolicyType.PODS, 1, 120),)))
    spec = queued(metrics=(ResourceMetric("cpu", utilization(70)), queued().metrics[0]), behavior=behavior)
    used = ResourceUsage(tuple(usage(f"p{index}", {"model": {"cpu": 700}}) for index in range(4)))
    history: History = EMPTY
    for index in range(100):
        now = NOW + timedelta(seconds=15 * index)
        found = recommend(spec, Situation(Scale(4, 4), pods(4), (used, queue(4)), now), history)
        history = applied(found, spec, now).history
    status = remember("5c9d7f4b6d", found, now, source="metrics.k8s.io")
    assert [metric.replicas for metric in status.metrics] == [4, 4]
    assert size(status) < STEADY_BYTES


def test_the_longest_history_has_a_bound() -> None:
    at = [NOW + timedelta(seconds=15 * index) for index in range(1000)]
    climbing = tuple(PastRecommendation(index, each) for index, each in enumerate(at))
    events = tuple(ScaleEvent(1000, each, outdated=True) for each in at)
    found: Recommendation = once(AutoscalerSpec(9, 1, queued().metrics), 2, queue(4))
    history = History(climbing, events, events, found.conditions, NOW)
    status = remember("5c9d7f4b6d", Recommendation(2, 2, history, metrics=found.metrics), NOW)
    assert len(status.history.recommendations) == MOST_RECOMMENDATIONS
    assert len(status.history.scale_ups) == len(status.history.scale_downs) == MOST_EVENTS
    assert size(status) < LONGEST_BYTES
