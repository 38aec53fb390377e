"""A version with a part of the traffic tells of the whole: as far as it can, and never for less than it is."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling.build import NOW, ago, once, pods, queue, samples, seconds, usage
from serin.scaling.autoscaler import recommend
from serin.scaling.history import EMPTY
from serin.scaling.metrics import (
    ExternalMetric,
    MetricSpec,
    ObjectMetric,
    PodsMetric,
    PrometheusMetric,
    ResourceMetric,
    Target,
    TargetType,
    average_value,
    utilization,
    value,
)
from serin.scaling.report import LimitType
from serin.scaling.samples import ExternalValues, ObjectValue, PodValues, ResourceUsage, Sample, Unavailable
from serin.scaling.share import (
    SETTLING,
    Part,
    Reach,
    Seen,
    Shares,
    as_many,
    of_a_part,
    of_all_traffic,
    only_raising,
    part_of,
    raised,
    reach_of,
    scaled,
)
from serin.scaling.spec import AutoscalerSpec, Scale, Situation

CPU = ResourceMetric("cpu", utilization(70))
RUNNING = PrometheusMetric("running-requests", average_value(8000), per_pod=True)
OWN = PrometheusMetric("own", average_value(8000))
LATENCY = PrometheusMetric("latency", value(250))
QUEUE = ExternalMetric("queue", average_value(1000))
OBJECT = ObjectMetric("rps", Target(TargetType.AVERAGE_VALUE, average_value=1000), "Ingress", "web")


def used(*amounts: int) -> ResourceUsage:
    """The CPU that p0, p1, … use."""
    return ResourceUsage(tuple(usage(f"p{index}", {"model": {"cpu": one}}) for index, one in enumerate(amounts)))


@pytest.mark.parametrize(
    ("metric", "reach"),
    [
        (CPU, Reach.LOAD),
        (PodsMetric("rps", average_value(1)), Reach.LOAD),
        (RUNNING, Reach.LOAD),
        (OWN, Reach.LOAD),
        (LATENCY, Reach.LEVEL),
        (QUEUE, Reach.WHOLE),
        (ExternalMetric("queue", value(1)), Reach.WHOLE),
        (OBJECT, Reach.WHOLE),
    ],
)
def test_a_metric_tells_of_a_load_of_a_level_or_of_the_whole(metric: MetricSpec, reach: Reach) -> None:
    assert reach_of(metric) is reach


@pytest.mark.parametrize(
    ("metric", "sample", "expected"),
    [
        (CPU, used(300, 301), used(400, 402)),
        (RUNNING, PodValues(samples(3000)), PodValues(samples(4000))),
        (OWN, ExternalValues((3000,)), ExternalValues((4000,))),
        (LATENCY, ExternalValues((3000,)), ExternalValues((3000,))),
        (QUEUE, ExternalValues((3000,)), ExternalValues((3000,))),
        (OBJECT, ObjectValue(3000), ObjectValue(3000)),
        (CPU, Unavailable("no answer"), Unavailable("no answer")),
    ],
)
def test_loads_of_stable_are_those_of_all_the_traffic(metric: MetricSpec, sample: Sample, expected: Sample) -> None:
    assert of_all_traffic(metric, sample, Part(75)) == expected
    assert of_all_traffic(metric, sample, Part(100)) is sample


@pytest.mark.parametrize(
    ("metric", "sample", "expected"),
    [
        (QUEUE, ExternalValues((3000, 501)), ExternalValues((300, 51))),
        (OBJECT, ObjectValue(3000), ObjectValue(300)),
        (ExternalMetric("lag", value(1)), ExternalValues((3000,)), ExternalValues((3000,))),
        (ObjectMetric("lag", value(1)), ObjectValue(3000), ObjectValue(3000)),
        (CPU, used(300), used(300)),
        (OWN, ExternalValues((3000,)), ExternalValues((3000,))),
    ],
)
def test_a_candidate_has_its_share_of_what_is_there_for_all_pods(
    metric: MetricSpec, sample: Sample, expected: Sample
) -> None:
    assert of_a_part(metric, sample, 10) == expected
    assert of_a_part(metric, sample, 100) is sample


def test_samples_of_less_than_the_least_share_are_not_blown_up_further() -> None:
    assert of_all_traffic(CPU, used(10), Part(5)) == used(50)
    assert only_raising([CPU], Part(5))
    assert not only_raising([CPU], Part(20))


def test_what_is_no_load_may_only_raise_while_some_traffic_is_elsewhere() -> None:
    assert only_raising([CPU, LATENCY], Part(90))
    assert not only_raising([CPU, LATENCY], Part(100))
    assert not only_raising([CPU, QUEUE], Part(90))


def test_samples_whose_window_saw_two_shares_are_taken_for_the_larger_one_and_may_only_raise() -> None:
    shares = Shares(((ago(600), 100),)).then(60, ago(20))
    mixed = part_of(shares, [used(300)], NOW)
    assert mixed == Part(100, steady=False)
    assert only_raising([CPU], mixed)
    late = Shares(((ago(600), 100),)).then(60, NOW - SETTLING - seconds(30))
    assert part_of(late, [used(300), Unavailable("no answer")], NOW) == Part(60)
    assert part_of(Shares(((ago(600), 100),)), [PodValues(samples(1))], NOW) == Part(100)


def test_a_share_that_the_route_does_not_have_yet_is_not_believed() -> None:
    moving = Shares(((ago(600), 100),)).then(50, ago(300), moving=True)
    assert part_of(moving, [used(300)], NOW) == Part(100, steady=False)
    moved = moving.then(50, ago(200))
    assert moved.between(ago(210), ago(190)) == (50, 100)
    assert part_of(moved, [used(300)], NOW) == Part(50)
    assert moved.then(50, NOW) is moved
    back = moving.then(0, ago(100), moving=True)
    assert back.between(ago(50), NOW) == (0, 100)
    assert back.then(0, ago(90)).between(ago(91), NOW) == (0, 100)
    assert back.then(0, ago(90)).between(ago(90), NOW) == (0, 0)


def test_a_promoted_version_is_measured_anew_once_it_has_everything() -> None:
    shares = Shares(((ago(900), 50),)).then(100, ago(10))
    assert part_of(shares, [used(300)], NOW) == Part(100, steady=False)


def test_no_less_than_now_is_recommended_nor_remembered_by_what_may_only_raise() -> None:
    spec = AutoscalerSpec(20, 1, (QUEUE,))
    low = once(spec, 8, queue(2))
    held = raised(low, NOW)
    assert (low.proposal, held.replicas, held.rescale) == (2, 8, False)
    assert {past.replicas for past in held.history.recommendations} == {8}
    assert [(one.type, one.wanted, one.allowed) for one in held.limits] == [(LimitType.STABILIZATION, 2, 8)]
    later = NOW + timedelta(minutes=4)
    after = recommend(spec, Situation(Scale(8, 8), (), (queue(2),), later), held.history)
    assert after.replicas == 8
    high = once(spec, 8, queue(12))
    assert raised(high, NOW) is high


def test_a_limit_of_the_spec_holds_for_what_may_only_raise_too() -> None:
    over = once(AutoscalerSpec(5, 1, (QUEUE,)), 8, queue(2))
    assert raised(over, NOW).replicas == 5


def test_a_stable_that_gave_pods_back_is_seen_with_all_of_them() -> None:
    seen = as_many(Seen(pods(2), (used(700, 500), PodValues(samples(40, 60)), ExternalValues((9,)))), 4)
    assert [pod.name for pod in seen.pods] == ["p0", "p1", "p0~1", "p1~1"]
    cpu, values, external = seen.samples
    assert isinstance(cpu, ResourceUsage)
    assert {one.pod: one.containers["model"]["cpu"] for one in cpu.pods} == {
        "p0": 350,
        "p0~1": 350,
        "p1": 250,
        "p1~1": 250,
    }
    assert isinstance(values, PodValues)
    assert {name: one.value for name, one in values.values.items()} == {"p0": 20, "p0~1": 20, "p1": 30, "p1~1": 30}
    assert external == ExternalValues((9,))


def test_a_stable_with_all_its_pods_is_seen_as_it_is() -> None:
    whole = Seen(pods(3), (used(1, 2, 3),))
    assert as_many(whole, 3) is whole
    assert as_many(Seen((), (used(),)), 3) == Seen((), (used(),))
    gone = replace(pods(1)[0], deleted=True, name="gone")
    assert [pod.name for pod in as_many(Seen((gone, *pods(1)), (used(5),)), 2).pods] == ["gone", "p0", "p0~1"]


@given(
    weight=st.integers(0, 80),
    needed=st.integers(1, 40),
    percent=st.integers(20, 200),
    rebalanced=st.booleans(),
)
def test_stable_is_recommended_the_same_whatever_part_of_the_traffic_it_has(
    weight: int, needed: int, percent: int, rebalanced: bool
) -> None:
    spec = AutoscalerSpec(1000, 1, (CPU,))
    load = 700 * needed * percent // 100 * 100  # divisible: nothing is rounded on the way
    alone = once(spec, needed, used(*[load // needed] * needed), seen=pods(needed))
    have = -(-needed * (100 - weight) // 100) if rebalanced else needed
    here = used(*[load * (100 - weight) // 100 // have] * have)
    part = as_many(Seen(pods(have), (of_all_traffic(CPU, here, Part(100 - weight)),)), needed)
    assert only_raising([CPU], Part(100 - weight)) is (weight > 80)
    split = recommend(spec, Situation(Scale(needed, needed), part.pods, part.samples, NOW), EMPTY)
    assert abs((split.proposal or 0) - (alone.proposal or 0)) <= 1 + percent // 100 * needed // 30


def test_nothing_is_lost_by_rounding() -> None:
    assert scaled(ExternalValues((1, -1)), 1, 3) == ExternalValues((1, 0))
