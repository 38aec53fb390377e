"""From `spec.autoscaling` to what the autoscaler follows: replicas.md, sections 1, 9 and 10."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.api.autoscaling import Autoscaling
from serin.scaling.asked import LONGEST_NAME, asked
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules, SelectPolicy
from serin.scaling.metrics import (
    DEFAULT_METRIC,
    ContainerResourceMetric,
    ExternalMetric,
    MetricSpec,
    ObjectMetric,
    PodsMetric,
    PrometheusMetric,
    ResourceMetric,
    average_value,
    utilization,
    value,
)
from serin.scaling.spec import DEFAULTS, AutoscalerSpec
from serin.scaling.tolerance import tolerances_of
from serin.scaling.validity import problems

QUERY = 'sum(rate(requests_total{revision="$revision"}[2m]))'


def spec(**fields: Any) -> AutoscalerSpec:
    """What is followed if this is written, beside `maxReplicas: 20`."""
    return asked(Autoscaling.model_validate({"maxReplicas": 20} | fields))


def test_without_metrics_cpu_is_followed_as_upstream_does() -> None:
    assert spec() == AutoscalerSpec(20, 1, (DEFAULT_METRIC,))


def per_pod(amount: str) -> dict[str, str]:
    """A target."""
    return {"type": "AverageValue", "averageValue": amount}


@pytest.mark.parametrize(
    ("written", "metric"),
    [
        (
            {"type": "Resource", "resource": {"name": "memory", "target": per_pod("1.5Gi")}},
            ResourceMetric("memory", average_value(1_610_612_736_000)),
        ),
        (
            {
                "type": "ContainerResource",
                "containerResource": {
                    "name": "cpu",
                    "container": "model",
                    "target": {"type": "Utilization", "averageUtilization": 70},
                },
            },
            ContainerResourceMetric("cpu", "model", utilization(70)),
        ),
        (
            {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": per_pod("100m")}},
            PodsMetric("rps", average_value(100)),
        ),
        (
            {
                "type": "Object",
                "object": {
                    "describedObject": {"kind": "Ingress", "name": "shop", "apiVersion": "networking.k8s.io/v1"},
                    "metric": {"name": "rps"},
                    "target": {"type": "Value", "value": "2k"},
                },
            },
            ObjectMetric("rps", value(2_000_000), "Ingress", "shop"),
        ),
        (
            {
                "type": "External",
                "external": {
                    "metric": {"name": "queue", "selector": {"matchLabels": {"queue": "orders"}}},
                    "target": per_pod("30"),
                },
            },
            ExternalMetric("queue", average_value(30_000)),
        ),
        (
            {"type": "Prometheus", "prometheus": {"metric": "queue-length", "target": per_pod("10")}},
            PrometheusMetric("queue-length", average_value(10_000), per_pod=True),
        ),
        (
            {
                "type": "Prometheus",
                "prometheus": {"metric": "running-requests", "target": {"type": "Value", "value": "8"}},
            },
            PrometheusMetric("running-requests", value(8000)),
        ),
        (
            {"type": "Prometheus", "prometheus": {"query": QUERY, "target": per_pod("10")}},
            PrometheusMetric(QUERY, average_value(10_000)),
        ),
    ],
)
def test_every_type_of_metric_is_followed(written: dict[str, Any], metric: MetricSpec) -> None:
    assert spec(metrics=[written]).metrics == (metric,)


def test_a_long_query_is_named_by_its_beginning_on_one_line() -> None:
    query = f'sum(\n  x{{revision="$revision"}}) + {" + ".join(["1"] * 99)}'
    (metric,) = spec(metrics=[{"type": "Prometheus", "prometheus": {"query": query, "target": per_pod("1")}}]).metrics
    assert isinstance(metric, PrometheusMetric)
    assert metric.name.startswith('sum( x{revision="$revision"}) + 1')
    assert len(metric.name) == LONGEST_NAME
    assert metric.name.endswith("…")


def test_behavior_is_handed_on_field_by_field() -> None:
    up = {"stabilizationWindowSeconds": 30, "selectPolicy": "Min", "tolerance": "0.05"}
    down = {"policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}]}
    assert spec(behavior={"scaleUp": up, "scaleDown": down}).behavior == Behavior(
        ScalingRules(30, SelectPolicy.MIN, None, 0.05), ScalingRules(policies=(Policy(PolicyType.PERCENT, 10, 60),))
    )


def test_no_behavior_is_not_an_empty_one() -> None:
    assert spec().behavior is None
    assert spec(behavior={}).behavior == Behavior()


def test_the_shorthands_of_the_mission() -> None:
    """Scale up when CPU > 70 % or queue length > 10, down when CPU < 30 % for 5 minutes."""
    found = spec(scaleUpAbove={"cpu": "70%", "queueLength": 10}, scaleDownBelow={"cpu": "30%", "for": "5m"})
    queue = PrometheusMetric("queue-length", average_value(10_000), per_pod=True)
    assert found.metrics == (ResourceMetric("cpu", utilization(70)), queue)
    assert found.behavior is not None
    assert found.behavior.scale_up == ScalingRules(tolerance=0.0)
    assert found.behavior.scale_down == ScalingRules(300, tolerance=0.571429)
    assert 1 - 30 / 70 < 0.571429


def test_five_minutes_are_what_is_meant_without_for() -> None:
    found = spec(scaleUpAbove={"cpu": "70%"}, scaleDownBelow={"cpu": "30%"})
    assert found == spec(scaleUpAbove={"cpu": "70%"}, scaleDownBelow={"cpu": "30%", "for": "5m"})


def test_a_part_of_a_second_is_waited_for_whole() -> None:
    found = spec(scaleUpAbove={"cpu": "70%"}, scaleDownBelow={"cpu": "30%", "for": "1500ms"})
    assert found.behavior is not None
    assert found.behavior.scale_down.stabilization_window_seconds == 2


def test_without_a_lower_threshold_scaling_down_is_as_upstreams() -> None:
    found = spec(scaleUpAbove={"memory": "80%", "runningRequests": 8})
    assert found.behavior == Behavior(ScalingRules(tolerance=0.0), ScalingRules())


def test_of_several_lower_thresholds_none_is_passed_too_early() -> None:
    found = spec(scaleUpAbove={"cpu": "50%", "queueLength": 10}, scaleDownBelow={"cpu": "40%", "queueLength": 1})
    assert found.behavior is not None
    assert found.behavior.scale_down.tolerance == 0.9


@given(
    thresholds=st.tuples(st.integers(1, 9999), st.integers(1, 9999)).filter(lambda pair: pair[0] != pair[1]).map(sorted)
)
def test_scaling_begins_beyond_the_thresholds_and_not_at_them(thresholds: list[int]) -> None:
    below, above = thresholds
    found = spec(scaleUpAbove={"cpu": f"{above}%"}, scaleDownBelow={"cpu": f"{below}%"})
    tolerances = tolerances_of(found.behavior, DEFAULTS)
    assert tolerances.within(below / above)
    assert tolerances.within(1.0)
    assert not tolerances.within((above + 1) / above)
    assert below == 1 or not tolerances.within((below - 1) / above)


@given(
    below=st.dictionaries(st.sampled_from(["queueLength", "runningRequests"]), st.integers(1, 99), min_size=1),
    above=st.fixed_dictionaries({"queueLength": st.integers(100, 999), "runningRequests": st.integers(100, 999)}),
)
def test_the_shorthands_stand_for_what_the_api_server_takes(below: dict[str, int], above: dict[str, int]) -> None:
    written = Autoscaling.model_validate({"maxReplicas": 3, "scaleUpAbove": above, "scaleDownBelow": below})
    assert problems(asked(written)) == ()
    assert asked(written.expanded()) == asked(written)
    assert Autoscaling.model_validate(written.expanded().to_dict()) == written.expanded()
