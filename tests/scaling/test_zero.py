"""Scale to zero (gate HPAScaleToZero): replicas.md, section 6, by the rules of v1.36 and later."""

from dataclasses import replace

import pytest

from scaling.build import ABLE, ACTIVE, LIMITED, NOW, QUEUE, ZERO, Passes, queue, queued, reasons, seconds
from serin.scaling.autoscaler import recommend
from serin.scaling.behavior import Behavior
from serin.scaling.conditions import Condition, ConditionType, Status
from serin.scaling.history import EMPTY, History
from serin.scaling.metrics import (
    MetricSpec,
    ObjectMetric,
    PodsMetric,
    PrometheusMetric,
    ResourceMetric,
    average_value,
    utilization,
)
from serin.scaling.report import Limit, LimitType, Recommendation
from serin.scaling.samples import ResourceUsage, Sample
from serin.scaling.spec import DEFAULTS, AutoscalerSpec, Scale, Settings, Situation
from serin.scaling.zero import goes_to_sleep, knows_demand_without_pods, wakes

CPU = ResourceMetric("cpu", utilization(50))
ASLEEP = EMPTY.told(Condition(ConditionType.SCALED_TO_ZERO, Status.TRUE, "ScaledToZero", "", NOW - seconds(900)))
OFF = Settings(scale_to_zero=False)


def at_zero(
    spec: AutoscalerSpec, sample: Sample, history: History = ASLEEP, settings: Settings = DEFAULTS
) -> Recommendation:
    """A pass at no replicas."""
    return recommend(spec, Situation(Scale(0, 0), (), (sample,), NOW), history, settings)


@pytest.mark.parametrize(
    ("metric", "knows"),
    [
        (QUEUE, True),
        (ObjectMetric("rps", average_value(1)), True),
        (PrometheusMetric("rps", average_value(1)), True),
        (PrometheusMetric("rps", average_value(1), per_pod=True), False),
        (PodsMetric("rps", average_value(1)), False),
        (CPU, False),
    ],
)
def test_only_object_and_external_metrics_are_known_without_pods(metric: MetricSpec, knows: bool) -> None:
    """`hasObjectOrExternalMetrics`; a Prometheus metric counts as one unless it is given per pod."""
    assert knows_demand_without_pods((CPU, metric)) is knows


@pytest.mark.parametrize(
    ("minimum", "metric", "scaled", "runs"),
    [
        pytest.param(1, CPU, True, True, id="(min != 0 and z)"),
        pytest.param(0, QUEUE, True, True, id="or (z and has Object/External metric)"),
        pytest.param(0, CPU, True, False, id="neither"),
        pytest.param(1, QUEUE, False, False, id="not z: a person scaled it to zero"),
        pytest.param(0, QUEUE, False, False, id="not z, even with min 0"),
    ],
)
def test_at_spec_0_metrics_run_iff(minimum: int, metric: MetricSpec, scaled: bool, runs: bool) -> None:
    """At spec == 0 metrics run iff (min != 0 and z) or (z and has Object/External metric)."""
    spec = AutoscalerSpec(10, minimum, (metric,))
    assert wakes(spec, scaled=scaled) is runs
    history = ASLEEP if scaled else EMPTY
    sample = queue(3) if metric is QUEUE else ResourceUsage(())
    ran = ACTIVE in reasons(at_zero(spec, sample, history)) and (
        reasons(at_zero(spec, sample, history))[ACTIVE] != "False/ScalingDisabled"
    )
    assert ran is runs


def test_otherwise_it_is_disabled() -> None:
    """otherwise desired 0, no rescale, ScalingActive=False/ScalingDisabled."""
    result = at_zero(queued(), queue(3), EMPTY)
    assert (result.replicas, result.rescale, result.proposal, result.metrics) == (0, False, None, ())
    assert reasons(result) == {ABLE: "True/SucceededGetScale", ACTIVE: "False/ScalingDisabled"}


def test_gate_off_disables_and_removes_the_condition() -> None:
    """z = gate and condition ScaledToZero==True (and ScaledToZero removed when the gate is off)."""
    result = at_zero(queued(minimum=0), queue(3), ASLEEP, OFF)
    assert reasons(result) == {ABLE: "True/SucceededGetScale", ACTIVE: "False/ScalingDisabled"}


def test_gate_on_keeps_the_condition_of_a_disabled_one() -> None:
    unslept = EMPTY.told(Condition(ConditionType.SCALED_TO_ZERO, Status.FALSE, "NotScaledToZero", "", NOW))
    assert reasons(at_zero(queued(), queue(3), unslept))[ZERO] == "False/NotScaledToZero"


@pytest.mark.parametrize(
    ("minimum", "length", "replicas", "limited"),
    [
        pytest.param(0, 3, 3, "False/DesiredWithinRange", id="as the metrics say"),
        pytest.param(0, 0, 0, "False/DesiredWithinRange", id="nothing to do"),
        pytest.param(
            5, 3, 5, "False/DesiredWithinRange", id="desired < min -> min; ScalingLimited keeps the earlier reason"
        ),
        pytest.param(5, 0, 5, "False/DesiredWithinRange", id="also with nothing to do"),
    ],
)
def test_wakes_to_the_minimum_at_least(minimum: int, length: int, replicas: int, limited: str) -> None:
    """After normalising, if spec == 0, min != 0, z and desired < min -> desired = min."""
    result = at_zero(queued(minimum=minimum, behavior=Behavior()), queue(length))
    assert (result.replicas, reasons(result)[LIMITED]) == (replicas, limited)
    if replicas != length:
        assert result.limits == (Limit(LimitType.MIN_REPLICAS, length, replicas),)
    assert result.reason == ("external metric queue above target" if length else BELOW if replicas else "")


BELOW = "Current number of replicas below Spec.MinReplicas"


def test_without_behavior_the_minimum_is_a_limit_already() -> None:
    result = at_zero(queued(minimum=5), queue(2))
    assert (result.replicas, reasons(result)[LIMITED]) == (5, "True/TooFewReplicas")


def test_metric_that_fails_leaves_it_asleep() -> None:
    result = at_zero(replace(queued(minimum=5), metrics=(CPU,)), ResourceUsage(()))
    assert (result.replicas, result.proposal) == (0, None)
    assert reasons(result)[ACTIVE] == "False/FailedGetResourceMetric"


@pytest.mark.parametrize(
    ("minimum", "metric", "current", "desired", "sleeps"),
    [
        pytest.param(0, QUEUE, 3, 0, True, id="True/ScaledToZero iff spec>0, desired==0, min==0, has Object/External"),
        pytest.param(0, QUEUE, 0, 0, False, id="spec>0"),
        pytest.param(0, QUEUE, 3, 1, False, id="desired==0"),
        pytest.param(1, QUEUE, 3, 0, False, id="min==0"),
        pytest.param(0, CPU, 3, 0, False, id="has Object/External"),
    ],
)
def test_goes_to_sleep(minimum: int, metric: MetricSpec, current: int, desired: int, sleeps: bool) -> None:
    assert goes_to_sleep(AutoscalerSpec(10, minimum, (metric,)), current, desired) is sleeps


def test_every_successful_rescale_sets_the_condition() -> None:
    """Every successful rescale sets ScaledToZero True/ScaledToZero; else False/NotScaledToZero."""
    passes = Passes(queued(minimum=0), 2)
    passes.step(2)
    assert passes.last is not None
    assert ZERO not in reasons(passes.last)
    assert passes.step(4) == 4
    assert reasons(passes.last)[ZERO] == "False/NotScaledToZero"
    assert passes.step(0, after=400) == 0
    assert reasons(passes.last)[ZERO] == "True/ScaledToZero"
    assert passes.step(0) == 0
    assert passes.step(3) == 3
    assert reasons(passes.last)[ZERO] == "False/NotScaledToZero"


def test_gate_off_removes_it_with_a_rescale() -> None:
    """gate off: removed."""
    passes = Passes(queued(), 2, OFF)
    passes.history = ASLEEP
    assert passes.step(4) == 4
    assert passes.last is not None
    assert ZERO not in reasons(passes.last)
