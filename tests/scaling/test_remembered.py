"""What stands in status is all that a restart needs, is written only when it matters, and can be read by people."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling.build import NOW, QUEUE, once, pods, queue, queued, seconds
from serin.api.autoscaling_status import (
    MOST_EVENTS,
    MOST_RECOMMENDATIONS,
    AutoscalingStatus,
    DemandBy,
    DemandStatus,
)
from serin.scaling.afterwards import applied
from serin.scaling.autoscaler import recommend
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules
from serin.scaling.history import EMPTY, History, PastRecommendation
from serin.scaling.metrics import (
    ContainerResourceMetric,
    ExternalMetric,
    MetricSpec,
    ObjectMetric,
    PrometheusMetric,
    ResourceMetric,
    UnknownMetric,
    average_value,
    utilization,
    value,
)
from serin.scaling.remembered import recall, remember, says_the_same
from serin.scaling.report import Current, Recommendation
from serin.scaling.samples import Unavailable
from serin.scaling.shown import current_text, metric_name, metric_type, target_text
from serin.scaling.spec import AutoscalerSpec, Scale, Situation

SLOW = Behavior(
    ScalingRules(60, policies=(Policy(PolicyType.PODS, 2, 60),)),
    ScalingRules(300, policies=(Policy(PolicyType.PERCENT, 50, 120),)),
)


class Model:
    """A model that is autoscaled by a queue, with nothing but its status between the passes."""

    def __init__(self, spec: AutoscalerSpec, replicas: int = 2) -> None:
        self.spec = spec
        self.replicas = replicas
        self.now = NOW
        self.status: AutoscalingStatus | None = None

    def step(self, length: int, after: float = 15) -> int:
        """One pass; the replicas after it."""
        self.now += seconds(after)
        history = EMPTY if self.status is None else recall(self.status, self.now)
        situation = Situation(Scale(self.replicas, self.replicas), (), (queue(length),), self.now)
        found = applied(recommend(self.spec, situation, history), self.spec, self.now)
        self.status = stored(remember("abc", found, self.now))
        self.replicas = found.replicas
        return self.replicas


def stored(status: AutoscalingStatus) -> AutoscalingStatus:
    """As it comes back from the API server."""
    return AutoscalingStatus.model_validate(json.loads(json.dumps(status.to_dict())))


def uninterrupted(spec: AutoscalerSpec, lengths: list[int]) -> list[int]:
    """The replicas of an autoscaler that keeps its whole history in memory."""
    history, replicas, found = EMPTY, 2, []
    for index, length in enumerate(lengths):
        now = NOW + seconds(15 * (index + 1))
        situation = Situation(Scale(replicas, replicas), (), (queue(length),), now)
        done = applied(recommend(spec, situation, history), spec, now)
        history, replicas = done.history, done.replicas
        found.append(replicas)
    return found


@given(lengths=st.lists(st.integers(1, 40), max_size=60), behavior=st.sampled_from([None, Behavior(), SLOW]))
def test_the_status_is_as_good_as_the_memory(lengths: list[int], behavior: Behavior | None) -> None:
    model = Model(queued(30, 2, behavior=behavior))
    assert [model.step(length) for length in lengths] == uninterrupted(model.spec, lengths)


def test_a_status_that_repeated_itself_for_an_hour_holds_the_whole_window() -> None:
    """Nothing was written since: a change would have been."""
    model = Model(queued(30), 10)
    model.step(10)
    assert model.step(1, after=3600) == 10
    assert [model.step(1) for _ in range(18)] == [10] * 18
    assert model.step(1) == 10
    assert model.step(1) == 1


def test_what_was_replaced_counts_as_of_its_own_time() -> None:
    model = Model(queued(30), 10)
    for length in (10, 3):
        model.step(length)
    assert model.step(1, after=200) == 10
    assert model.step(1, after=100) == 3


def test_a_policy_outlives_a_restart() -> None:
    model = Model(queued(30, 1, behavior=SLOW), 4)
    assert [model.step(20) for _ in range(6)][-1] == 6
    assert model.step(20) == 6


@settings(max_examples=10)
@given(lengths=st.lists(st.integers(1, 10_000), min_size=300, max_size=300))
def test_the_history_is_bounded_for_the_longest_window(lengths: list[int]) -> None:
    quick = ScalingRules(3600, policies=(Policy(PolicyType.PERCENT, 100, 1800),))
    model = Model(queued(10_000, 1, behavior=Behavior(quick, replace(quick, stabilization_window_seconds=0))))
    for length in lengths:
        model.step(length)
    assert model.status is not None
    history = model.status.history
    assert len(history.recommendations) <= MOST_RECOMMENDATIONS
    assert max(len(history.scale_ups), len(history.scale_downs)) <= MOST_EVENTS


def test_a_steady_climb_keeps_an_hour() -> None:
    history = History(tuple(PastRecommendation(index, NOW + seconds(15 * index)) for index in range(300)))
    status = remember("abc", Recommendation(1, 1, history), NOW)
    assert len(status.history.recommendations) == MOST_RECOMMENDATIONS
    assert status.history.recommendations[-1].replicas == 299


def told(length: int = 2, *, current: int = 2, at: datetime = NOW) -> AutoscalingStatus:
    """What one pass with nothing remembered says."""
    situation = Situation(Scale(current, current), (), (queue(length),), at)
    return remember("abc", recommend(queued(30), situation), at)


def test_time_alone_says_nothing_new() -> None:
    assert says_the_same(told(), told(at=NOW + timedelta(hours=1)))


def test_a_ratio_nearby_says_nothing_new() -> None:
    before, near, far = (stored(told()).model_dump() for _ in range(3))
    for status, ratio in ((near, 1.09), (far, 1.1)):
        status["metrics"] = [{**status["metrics"][0], "ratio": ratio, "current": f"{ratio} per pod"}]
    first, second, third = map(AutoscalingStatus.model_validate, (before, near, far))
    assert first.metrics[0].ratio == 1.0
    assert says_the_same(first, second)
    assert not says_the_same(first, third)


@pytest.mark.parametrize("length", [3, 1])
def test_another_proposal_is_new(length: int) -> None:
    assert not says_the_same(told(), told(length))


def test_that_a_metric_is_not_known_any_more_is_new() -> None:
    gone = remember("abc", once(queued(30), 2, Unavailable("no answer")), NOW)
    assert not says_the_same(told(), gone)
    assert not says_the_same(gone, told())


def test_another_weight_to_prepare_for_is_new() -> None:
    found = once(queued(30), 2, queue(2))
    demands = [DemandStatus(weight=weight, replicas=1, by=DemandBy.RATIO) for weight in (5, 25)]
    assert not says_the_same(*(remember("abc", found, NOW, demand=demand) for demand in demands))


def test_a_steady_load_is_told_once_and_what_it_recalls_is_enough() -> None:
    """A peak between two tellings is told, as a restart would forget it; that an old one is over is not."""
    model = Model(queued(30), 2)
    model.step(2)
    steady = model.status
    assert steady is not None
    assert model.step(2, after=300) == 2
    assert model.status is not None
    assert says_the_same(steady, model.status)
    for length in (4, 2, 2):
        model.step(length)
    after_the_peak = model.status
    assert [past.replicas for past in after_the_peak.history.recommendations] == [4, 2]
    assert not says_the_same(steady, after_the_peak)
    model.step(2)
    assert says_the_same(after_the_peak, model.status)
    assert [model.step(2) for _ in range(20)][-1] == 2
    assert not says_the_same(after_the_peak, model.status)


def test_a_peak_of_the_same_height_at_another_time_is_new() -> None:
    first, second = (
        remember(
            "abc",
            Recommendation(2, 2, History((PastRecommendation(7, NOW + seconds(at)), PastRecommendation(2, NOW)))),
            NOW,
        )
        for at in (-100, -50)
    )
    assert not says_the_same(first, second)
    assert says_the_same(first, first)


def test_a_scale_event_is_new() -> None:
    spec = queued(30, behavior=Behavior())
    held = recommend(spec, Situation(Scale(2, 2), (), (queue(4),), NOW))
    before = remember("abc", held, NOW)
    after = remember("abc", applied(held, spec, NOW), NOW)
    assert [event.change for event in after.history.scale_ups] == [2]
    assert not says_the_same(before, after)


def test_what_is_said_of_a_pass() -> None:
    found = once(queued(30), 2, queue(40))
    status = remember("abc", found, NOW, source="metrics.k8s.io")
    (metric,) = status.metrics
    assert (status.current, status.desired, status.proposal) == (2, 4, 40)
    assert status.reason == "external metric queue above target"
    assert (metric.type, metric.name, metric.current, metric.target) == ("External", "queue", "20 per pod", "1 per pod")
    assert (metric.ratio, metric.replicas, metric.hold, metric.error) == (20.0, 40, None, None)
    assert [(limit.type, limit.wanted, limit.allowed) for limit in status.limits] == [("Policy", 40, 4)]
    assert {each.type: each.reason for each in status.conditions}["ScalingLimited"] == "ScaleUpLimit"


def test_what_is_not_known_is_absent_and_why_is_told() -> None:
    status = remember("abc", once(queued(30), 2, Unavailable("no answer from Prometheus. " * 99)), NOW)
    (metric,) = status.metrics
    assert (metric.current, metric.ratio, metric.replicas) == (None, None, None)
    assert metric.reason == "FailedGetExternalMetric"
    assert metric.error is not None
    assert "no answer from Prometheus." in metric.error
    assert len(metric.error) == 1024
    assert "ratio" not in status.to_dict()["metrics"][0]


def test_a_ratio_without_end_is_absent() -> None:
    found = recommend(queued(30), Situation(Scale(2, 0), pods(2), (queue(4),), NOW))
    assert remember("abc", found, NOW).metrics[0].ratio is None


@pytest.mark.parametrize(
    ("metric", "current", "words"),
    [
        (ResourceMetric("cpu", utilization(70)), Current(83, 830), ("Resource", "cpu", "83%", "70%")),
        (
            ResourceMetric("cpu", average_value(500)),
            Current(average_value=1000),
            ("Resource", "cpu", "1 per pod", "500m per pod"),
        ),
        (
            ContainerResourceMetric("memory", "model", average_value(1000 * 2**30)),
            Current(average_value=1000 * 2**29 + 1),
            ("ContainerResource", "memory of model", "512Mi per pod", "1024Mi per pod"),
        ),
        (
            ObjectMetric("rps", value(2500), "Ingress", "shop"),
            Current(value=1),
            ("Object", "rps of Ingress/shop", "0.001", "2.5"),
        ),
        (
            PrometheusMetric("queue-length", average_value(10_000)),
            Current(),
            ("Prometheus", "queue-length", None, "10 per pod"),
        ),
        (QUEUE, Current(value=5000), ("External", "queue", "5", "1 per pod")),
        (ExternalMetric("queue", value(30_000)), Current(value=0), ("External", "queue", "0", "30")),
        (UnknownMetric("Moon"), Current(), ("Moon", "Moon", None, "")),
    ],
)
def test_metrics_as_people_read_them(
    metric: MetricSpec, current: Current, words: tuple[str, str, str | None, str]
) -> None:
    assert (metric_type(metric), metric_name(metric), current_text(metric, current), target_text(metric)) == words
