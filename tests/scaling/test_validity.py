"""API validation: replicas.md, section 9."""

from dataclasses import replace

import pytest

from scaling.build import QUEUE, queued
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules
from serin.scaling.metrics import (
    DEFAULT_METRIC,
    ContainerResourceMetric,
    MetricSpec,
    PodsMetric,
    PrometheusMetric,
    ResourceMetric,
    Target,
    TargetType,
    UnknownMetric,
    average_value,
    utilization,
    value,
)
from serin.scaling.spec import DEFAULTS, AutoscalerSpec, Settings
from serin.scaling.validity import problems


def test_controller_defaults() -> None:
    """tolerance 0.1; downscale stabilisation 300 s; cpuInitializationPeriod 300 s; initialReadinessDelay 30 s."""
    assert DEFAULTS.tolerance == 0.1
    assert DEFAULTS.downscale_stabilization.total_seconds() == 300
    assert DEFAULTS.cpu_initialization_period.total_seconds() == 300
    assert DEFAULTS.initial_readiness_delay.total_seconds() == 30
    assert DEFAULTS.scale_to_zero
    assert DEFAULTS.configurable_tolerance
    assert DEFAULTS.pod_level_resources


def test_default_metric_is_cpu_80_percent() -> None:
    """default metric cpu 80 %."""
    assert AutoscalerSpec(3).metrics == (DEFAULT_METRIC,) == (ResourceMetric("cpu", utilization(80)),)


def limited(**changed: object) -> AutoscalerSpec:
    """An autoscaler with such rules for scaling up."""
    return queued(behavior=Behavior(replace(ScalingRules(), **changed)))  # type: ignore[arg-type]


def policy(amount: int = 1, period: int = 15) -> tuple[Policy, ...]:
    """A list of one policy."""
    return (Policy(PolicyType.PODS, amount, period),)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        pytest.param(queued(0), "maxReplicas: 0, must be greater than or equal to 1", id="max >= 1"),
        pytest.param(queued(2, 3), "maxReplicas: 2, must be greater than or equal to `minReplicas`", id="max >= min"),
        pytest.param(queued(2, -1), "minReplicas: -1, must be greater than or equal to 0", id="min >= 0"),
        pytest.param(
            AutoscalerSpec(3, 0),
            "metrics: must specify at least one Object or External metric to support scaling to zero replicas",
            id="at least one Object/External metric",
        ),
        pytest.param(AutoscalerSpec(3, 1, ()), "metrics: must specify at least one metric", id="at least one metric"),
        pytest.param(
            limited(stabilization_window_seconds=3601),
            "behavior.scaleUp.stabilizationWindowSeconds: 3601, must be from 0 to 3600",
            id="stabilizationWindowSeconds 0..3600",
        ),
        pytest.param(
            limited(stabilization_window_seconds=-1),
            "behavior.scaleUp.stabilizationWindowSeconds: -1, must be from 0 to 3600",
            id="stabilizationWindowSeconds not negative",
        ),
        pytest.param(
            limited(policies=policy(period=1801)),
            "behavior.scaleUp.policies[0].periodSeconds: 1801, must be from 1 to 1800",
            id="periodSeconds 1..1800",
        ),
        pytest.param(
            limited(policies=policy(period=0)),
            "behavior.scaleUp.policies[0].periodSeconds: 0, must be from 1 to 1800",
            id="periodSeconds not 0",
        ),
        pytest.param(
            limited(policies=policy(0)),
            "behavior.scaleUp.policies[0].value: 0, must be greater than zero",
            id="policy value > 0",
        ),
        pytest.param(
            limited(policies=()),
            "behavior.scaleUp.policies: must specify at least one Policy",
            id=">= 1 policy after defaulting",
        ),
        pytest.param(
            queued(behavior=Behavior(scale_down=ScalingRules(tolerance=-0.1))),
            "behavior.scaleDown.tolerance: -0.1, must be greater than or equal to 0",
            id="tolerance not negative",
        ),
    ],
)
def test_what_is_refused(spec: AutoscalerSpec, problem: str) -> None:
    assert problems(spec) == (problem,)


@pytest.mark.parametrize(
    "spec",
    [
        queued(),
        queued(1, 0),
        queued(1, None),
        limited(),
        limited(stabilization_window_seconds=3600, policies=policy(1, 1800), tolerance=0.0),
        limited(stabilization_window_seconds=0, policies=policy(1, 1)),
        AutoscalerSpec(1),
    ],
)
def test_what_is_not(spec: AutoscalerSpec) -> None:
    assert problems(spec) == ()


def test_min_0_needs_the_gate() -> None:
    """min >= 1 (0 with gate)."""
    refused = problems(queued(1, 0), Settings(scale_to_zero=False))
    assert refused == ("minReplicas: 0, must be greater than or equal to 1",)


NEITHER = Target(TargetType.UTILIZATION)
BOTH = Target(TargetType.UTILIZATION, average_utilization=1, average_value=1)
ONE_OF_TWO = "target: must set either a target raw value or a target utilization, and not both"


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        (UnknownMetric("Moon"), "type: unsupported value 'Moon'"),
        (PodsMetric("rps", value(1)), "target.averageValue: must specify a positive target averageValue"),
        (
            PrometheusMetric("rps", value(1), per_pod=True),
            "target.averageValue: must specify a positive target averageValue",
        ),
        (ResourceMetric("cpu", NEITHER), ONE_OF_TWO),
        (ResourceMetric("cpu", BOTH), ONE_OF_TWO),
        (ContainerResourceMetric("cpu", "model", NEITHER), ONE_OF_TWO),
        (replace(QUEUE, target=NEITHER), "target.averageValue: must set either a target value or averageValue"),
        (
            replace(QUEUE, target=Target(TargetType.VALUE, average_value=1, value=1)),
            "target.value: may not set both a target value for metric and a per-pod target",
        ),
        (replace(QUEUE, target=value(0)), "target.value: 0, must be greater than 0"),
        (PodsMetric("rps", average_value(-1)), "target.averageValue: -1, must be greater than 0"),
        (ResourceMetric("cpu", utilization(0)), "target.averageUtilization: 0, must be greater than 0"),
    ],
)
def test_metrics_and_targets(metric: MetricSpec, problem: str) -> None:
    assert problems(AutoscalerSpec(3, 1, (QUEUE, metric))) == (f"metrics[1].{problem}",)
