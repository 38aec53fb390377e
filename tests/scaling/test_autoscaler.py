"""Reconcile order (`reconcileAutoscaler`) and whole histories: replicas.md, sections 4, 5 and 7."""

from dataclasses import replace

import pytest

from scaling.build import ABLE, NOW, QUEUE, Passes, once, pods, queue, queued, reasons, samples, seconds, usage
from serin.scaling.autoscaler import recommend
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules, SelectPolicy
from serin.scaling.history import History, PastRecommendation
from serin.scaling.metrics import PodsMetric, ResourceMetric, average_value, utilization
from serin.scaling.report import Hold, Limit, LimitType
from serin.scaling.samples import PodValues, ResourceUsage, Unavailable
from serin.scaling.spec import AutoscalerSpec, Scale, Settings, Situation


def test_first_scale_down_is_held_for_the_window() -> None:
    """1. If no recommendation history exists for the HPA, record {spec replicas, now}."""
    passes = Passes(queued(), 9)
    assert passes.step(2) == 9
    assert passes.history.recommendations[0] == PastRecommendation(9, NOW + seconds(15))
    assert passes.step(2, after=300) == 9
    assert passes.step(2, after=0.001) == 2


def test_history_that_exists_is_not_begun_again() -> None:
    history = History((PastRecommendation(2, NOW),))
    result = recommend(queued(), Situation(Scale(9, 9), (), (queue(2),), NOW), history)
    assert result.replicas == 2


@pytest.mark.parametrize("behavior", [None, Behavior()])
@pytest.mark.parametrize(
    ("current", "replicas", "reason", "kind"),
    [
        pytest.param(
            30,
            20,
            "Current number of replicas above Spec.MaxReplicas",
            LimitType.MAX_REPLICAS,
            id="spec > max: desired = max",
        ),
        pytest.param(
            1,
            5,
            "Current number of replicas below Spec.MinReplicas",
            LimitType.MIN_REPLICAS,
            id="spec < min: desired = min",
        ),
    ],
)
def test_outside_of_the_range(
    behavior: Behavior | None, current: int, replicas: int, reason: str, kind: LimitType
) -> None:
    """both **skip metrics, stabilisation and policies** (no ScalingActive/Limited set)."""
    result = once(queued(20, 5, behavior=behavior), current, Unavailable("gone"))
    assert (result.replicas, result.reason, result.proposal, result.metrics) == (replicas, reason, None, ())
    assert result.limits == (Limit(kind, current, replicas),)
    assert reasons(result) == {ABLE: "True/SucceededGetScale"}
    assert result.history.recommendations == (PastRecommendation(current, NOW),)


@pytest.mark.parametrize("current", [5, 20])
def test_at_the_ends_of_the_range_metrics_are_looked_at(current: int) -> None:
    assert once(queued(20, 5), current, queue(current)).proposal == current


def test_min_replicas_nil_is_1() -> None:
    spec = queued(minimum=None)
    assert spec.minimum == 1
    assert once(spec, 2, queue(0)).replicas == 2
    assert Passes(replace(spec, behavior=Behavior(scale_down=ScalingRules(0))), 2).step(0) == 1


@pytest.mark.parametrize(
    ("length", "replicas", "reason"),
    [
        pytest.param(3, 3, "", id="rescale iff desired != spec"),
        pytest.param(4, 4, "external metric queue above target", id="up"),
        pytest.param(1, 3, "All metrics below target", id="down, though held"),
    ],
)
def test_reason(length: int, replicas: int, reason: str) -> None:
    result = once(queued(), 3, queue(length))
    assert (result.replicas, result.reason, result.rescale) == (replicas, reason, replicas != 3)
    assert result.proposal == length


def test_proposal_below_zero_is_zero() -> None:
    """Desired starts at 0, and the metrics can only raise it."""
    spec = AutoscalerSpec(10, 1, (PodsMetric("heat", average_value(10)),), Behavior(scale_down=ScalingRules(0)))
    result = once(spec, 2, PodValues(samples(-500, -500)), seen=pods(2))
    assert (result.metrics[0].replicas, result.proposal, result.replicas) == (-100, 0, 1)


def test_one_report_a_metric_says_current_target_ratio_proposal_and_hold() -> None:
    spec = AutoscalerSpec(10, 1, (ResourceMetric("cpu", utilization(50)), PodsMetric("rps", average_value(10))))
    used = ResourceUsage(tuple(usage(f"p{index}", {"model": {"cpu": 510}}) for index in range(2)))
    result = once(spec, 2, used, PodValues(samples(30, 10)), seen=pods(2))
    cpu, rps = result.metrics
    assert (cpu.current.average_utilization, cpu.ratio, cpu.replicas, cpu.hold) == (51, 51 / 50, 2, Hold.TOLERANCE)
    assert (rps.current.average_value, rps.ratio, rps.replicas, rps.hold) == (20, 2.0, 4, None)
    assert (result.replicas, result.reason) == (4, "pods metric rps above target")


@pytest.mark.parametrize("given", [(), (queue(1), queue(1))])
def test_as_many_samples_as_metrics(given: tuple[PodValues, ...]) -> None:
    with pytest.raises(ValueError, match="one of each is needed"):
        once(queued(), 3, *given)
    with pytest.raises(ValueError, match="0 metrics"):
        once(AutoscalerSpec(3, 1, ()), 3)


def test_without_behavior_replicas_double_and_fall_after_the_window() -> None:
    """§5 (behavior nil)."""
    passes = Passes(queued(100), 1)
    assert passes.steps([50, 50, 50, 50, 50]) == [4, 8, 16, 32, 50]
    assert passes.steps([10] * 20) == [50] * 20
    assert passes.step(10) == 10


def test_without_behavior_no_scale_event_is_stored() -> None:
    """behavior nil -> nothing stored."""
    passes = Passes(queued(), 1)
    passes.step(3)
    assert (passes.history.scale_ups, passes.history.scale_downs) == ((), ())


def test_slots_bound_the_history() -> None:
    """A day of passes every 15 s leaves what one window holds."""
    passes = Passes(queued(), 3)
    passes.steps([3] * 5760)
    assert len(passes.history.recommendations) == 22


TWO_A_MINUTE = ScalingRules(0, policies=(Policy(PolicyType.PODS, 2, 60),))


def test_with_behavior_the_rate_is_of_the_period() -> None:
    """per policy: `start = current - added(period) + removed(period)`, sums of events with age < periodSeconds."""
    passes = Passes(queued(behavior=Behavior(TWO_A_MINUTE, TWO_A_MINUTE)), 3)
    assert passes.steps([20] * 9) == [5, 5, 5, 5, 7, 7, 7, 7, 9]
    assert [event.change for event in passes.history.scale_ups] == [2, 2]
    assert passes.steps([1] * 5, after=30) == [5, 5, 3, 3, 1]
    assert [event.change for event in passes.history.scale_downs] == [2, 2]


def test_with_behavior_slots_of_events_are_used_again() -> None:
    """new event (absolute change) overwrites the last outdated slot, else appended."""
    passes = Passes(queued(behavior=Behavior(TWO_A_MINUTE)), 3)
    passes.steps([100] * 40, after=60)
    assert len(passes.history.scale_ups) == 2


def test_with_behavior_scale_up_waits_for_its_window() -> None:
    passes = Passes(queued(behavior=Behavior(ScalingRules(60))), 3)
    assert passes.steps([6, 5, 7, 7, 7, 7]) == [3, 3, 3, 3, 5, 7]


def test_shorthand_of_five_minutes_down() -> None:
    """scaleDown {window nil -> controller flag 300 s, Max, [Percent 100/15 s]}."""
    passes = Passes(queued(behavior=Behavior()), 10)
    assert passes.steps([2] * 20) == [10] * 20
    assert passes.step(2) == 2
    quick = Passes(queued(behavior=Behavior()), 10, Settings(downscale_stabilization=seconds(30)))
    assert quick.steps([2] * 3) == [10, 10, 2]


def test_disabled_direction_does_not_move() -> None:
    """Disabled = current."""
    spec = queued(behavior=Behavior(scale_down=ScalingRules(0, SelectPolicy.DISABLED)))
    passes = Passes(spec, 5)
    assert passes.steps([1, 1, 7, 1]) == [5, 5, 7, 7]


def test_tolerance_of_behavior_reaches_the_metrics() -> None:
    spec = queued(behavior=Behavior(ScalingRules(tolerance=0.5)))
    assert once(spec, 10, queue(15)).replicas == 10
    assert once(spec, 10, queue(16)).replicas == 16
    gate_off = Settings(configurable_tolerance=False)
    assert once(spec, 10, queue(15), settings=gate_off).replicas == 15


def test_gates_and_flags_reach_the_pods() -> None:
    spec = AutoscalerSpec(10, 1, (ResourceMetric("cpu", utilization(50)),))
    seen = tuple(replace(one, requests={"cpu": 500}) for one in pods(1))
    used = ResourceUsage((usage("p0", {"model": {"cpu": 500}}),))
    assert once(spec, 1, used, seen=seen).replicas == 2
    assert once(spec, 1, used, seen=seen, settings=Settings(pod_level_resources=False)).replicas == 1
    long = Settings(cpu_initialization_period=seconds(7200), initial_readiness_delay=seconds(0))
    young = tuple(replace(one, ready=replace(one.ready, since=NOW)) for one in seen if one.ready)
    assert once(spec, 1, used, seen=young).replicas == 2
    assert once(spec, 1, used, seen=young, settings=long).error
    assert QUEUE.target.average_value == 1000
