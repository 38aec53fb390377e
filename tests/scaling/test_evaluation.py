"""One metric of a spec with its sample: replicas.md, sections 2 and 3."""

from dataclasses import replace

import pytest

from scaling.build import NOW, observed, pods, samples, usage
from serin.scaling.evaluation import evaluate
from serin.scaling.metrics import (
    ContainerResourceMetric,
    ExternalMetric,
    MetricSpec,
    ObjectMetric,
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
from serin.scaling.report import Current, MetricReport
from serin.scaling.samples import ExternalValues, ObjectValue, PodSample, PodValues, ResourceUsage, Sample, Unavailable

USED = ResourceUsage(
    (usage("p0", {"model": {"cpu": 600}, "proxy": {"cpu": 300}}), usage("p1", {"model": {"cpu": 1000}, "proxy": {}}))
)
BOTH = Target(TargetType.VALUE, average_utilization=1, average_value=500, value=1)
NEITHER = Target(TargetType.UTILIZATION)


def of(metric: MetricSpec, sample: Sample, *, status: int = 2) -> MetricReport:
    """What it says of two ready pods."""
    return evaluate(metric, sample, observed(pods(2), status=status))


@pytest.mark.parametrize(
    ("metric", "sample", "replicas", "current"),
    [
        pytest.param(
            ContainerResourceMetric("cpu", "model", utilization(50)), USED, 4, Current(80, 800), id="ContainerResource"
        ),
        pytest.param(
            ContainerResourceMetric("cpu", "model", average_value(500)),
            USED,
            4,
            Current(average_value=800),
            id="ContainerResource, AverageValue",
        ),
        pytest.param(ResourceMetric("cpu", utilization(80)), USED, 2, Current(90, 900), id="Resource: one is missing"),
        pytest.param(
            ResourceMetric("cpu", average_value(400)), USED, 3, Current(average_value=900), id="Resource, AverageValue"
        ),
        pytest.param(
            PodsMetric("rps", average_value(500)),
            PodValues(samples(800, 800)),
            4,
            Current(average_value=800),
            id="Pods",
        ),
        pytest.param(ObjectMetric("rps", value(500)), ObjectValue(900), 4, Current(value=900), id="Object"),
        pytest.param(
            ObjectMetric("rps", average_value(500)),
            ObjectValue(1600),
            4,
            Current(average_value=800),
            id="Object, AverageValue",
        ),
        pytest.param(
            ExternalMetric("rps", value(500)), ExternalValues((600, 300)), 4, Current(value=900), id="External"
        ),
        pytest.param(
            ExternalMetric("rps", average_value(500)),
            ExternalValues((600, 1000)),
            4,
            Current(average_value=800),
            id="External, AverageValue",
        ),
        pytest.param(
            PrometheusMetric("rps", value(500)),
            ExternalValues((600, 300)),
            4,
            Current(value=900),
            id="Prometheus is as External",
        ),
        pytest.param(
            PrometheusMetric("rps", average_value(500), per_pod=True),
            PodValues(samples(800, 800)),
            4,
            Current(average_value=800),
            id="Prometheus per pod is as Pods",
        ),
    ],
)
def test_each_type_has_its_rule(metric: MetricSpec, sample: Sample, replicas: int, current: Current) -> None:
    report = of(metric, sample)
    assert (report.metric, report.replicas, report.current, report.error) == (metric, replicas, current, "")


@pytest.mark.parametrize(
    ("metric", "sample", "current"),
    [
        pytest.param(ResourceMetric("cpu", BOTH), USED, Current(average_value=900), id="Resource"),
        pytest.param(ContainerResourceMetric("cpu", "model", BOTH), USED, Current(average_value=800), id="Container"),
        pytest.param(ExternalMetric("rps", BOTH), ExternalValues((1600,)), Current(average_value=800), id="External"),
        pytest.param(ObjectMetric("rps", BOTH), ObjectValue(1600), Current(value=1600), id="Object tests the type"),
    ],
)
def test_target_precedence(metric: MetricSpec, sample: Sample, current: Current) -> None:
    """Target precedence: Resource/External test AverageValue first."""
    assert of(metric, sample).current == current


def test_average_value_of_object_and_external_uses_the_status_replicas() -> None:
    """`current` = scale.spec.replicas, except AverageValue for Object/External which uses scale.status.replicas."""
    assert of(ObjectMetric("rps", average_value(500)), ObjectValue(2500), status=5).replicas == 5
    assert of(ExternalMetric("rps", average_value(500)), ExternalValues((2500,)), status=5).replicas == 5
    assert of(ExternalMetric("rps", value(500)), ExternalValues((500,)), status=5).replicas == 2


CPU, CONTAINER = ResourceMetric("cpu", utilization(50)), ContainerResourceMetric("cpu", "model", average_value(500))
PODS, OBJECT = PodsMetric("rps", average_value(500)), ObjectMetric("rps", value(5), "Ingress", "main")
EXTERNAL, PROMETHEUS = ExternalMetric("queue", value(500)), PrometheusMetric("queue", average_value(5))
NOBODY = "no metrics returned from"
RESOURCE_TARGET = (
    "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
)
EXTERNAL_TARGET = "invalid external metric source: neither a value target nor an average value target was set"
OBJECT_TARGET = "invalid object metric source: neither a value target nor an average value target was set"
RESOURCES = "unable to get metrics for resource cpu"


@pytest.mark.parametrize(
    ("metric", "sample", "reason", "error"),
    [
        pytest.param(
            CPU,
            Unavailable("gone"),
            "FailedGetResourceMetric",
            f"failed to get cpu utilization: {RESOURCES}: gone",
            id="Resource",
        ),
        pytest.param(
            CPU,
            ResourceUsage(()),
            "FailedGetResourceMetric",
            f"failed to get cpu utilization: {RESOURCES}: {NOBODY} resource metrics API",
            id="empty list -> error",
        ),
        pytest.param(
            CPU,
            ResourceUsage((usage("p0", {}),)),
            "FailedGetResourceMetric",
            "failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)",
            id="Resource of nobody",
        ),
        pytest.param(
            CONTAINER,
            Unavailable("gone"),
            "FailedGetContainerResourceMetric",
            f"failed to get cpu usage: {RESOURCES}: gone",
            id="ContainerResource",
        ),
        pytest.param(
            PODS,
            Unavailable("gone"),
            "FailedGetPodsMetric",
            "unable to get metric rps: gone",
            id="Pods",
        ),
        pytest.param(
            PODS,
            PodValues({}),
            "FailedGetPodsMetric",
            f"unable to get metric rps: {NOBODY} custom metrics API",
            id="Pods: empty list -> error",
        ),
        pytest.param(
            OBJECT,
            Unavailable("gone"),
            "FailedGetObjectMetric",
            "unable to get metric rps on Ingress main: gone",
            id="Object",
        ),
        pytest.param(
            replace(OBJECT, target=average_value(5)),
            Unavailable("gone"),
            "FailedGetObjectMetric",
            "unable to get metric rps on Ingress main: gone",
            id="Object, AverageValue",
        ),
        pytest.param(
            EXTERNAL,
            Unavailable("gone"),
            "FailedGetExternalMetric",
            "unable to get external metric queue: gone",
            id="External",
        ),
        pytest.param(
            EXTERNAL,
            ExternalValues(()),
            "FailedGetExternalMetric",
            f"unable to get external metric queue: {NOBODY} external metrics API",
            id="External: empty list -> error",
        ),
        pytest.param(
            PROMETHEUS,
            Unavailable("gone"),
            "FailedGetPrometheusMetric",
            "unable to get external metric queue: gone",
            id="Prometheus",
        ),
        pytest.param(replace(CPU, target=NEITHER), USED, "FailedGetResourceMetric", RESOURCE_TARGET, id="no target"),
        pytest.param(
            replace(CONTAINER, target=NEITHER), USED, "FailedGetContainerResourceMetric", RESOURCE_TARGET, id="nor"
        ),
        pytest.param(
            replace(EXTERNAL, target=NEITHER),
            ExternalValues((1,)),
            "FailedGetExternalMetric",
            EXTERNAL_TARGET,
            id="here",
        ),
        pytest.param(
            replace(OBJECT, target=replace(BOTH, type=TargetType.UTILIZATION)),
            ObjectValue(1),
            "FailedGetObjectMetric",
            OBJECT_TARGET,
            id="Object of a type that it has not",
        ),
        pytest.param(
            replace(PODS, target=NEITHER),
            PodValues(samples(1)),
            "FailedGetPodsMetric",
            "invalid pods metric source: no average value target was set",
            id="Pods without",
        ),
        pytest.param(
            UnknownMetric("Moon"),
            ObjectValue(1),
            "InvalidMetricSourceType",
            'unknown metric source type "Moon"',
            id="Unknown type or fetch error = invalid",
        ),
    ],
)
def test_invalid_metric(metric: MetricSpec, sample: Sample, reason: str, error: str) -> None:
    """FailedGet{Resource,ContainerResource,Pods,Object,External}Metric, InvalidMetricSourceType."""
    report = of(metric, sample)
    assert (report.replicas, report.reason, report.error) == (None, reason, error)


def test_sample_of_another_kind_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="unable to get metric rps: it needs PodValues, not ObjectValue"):
        of(PODS, ObjectValue(1))


def test_prometheus_sees_a_pod_as_a_pods_metric_does() -> None:
    """No initialization period: only CPU has one."""
    report = of(PrometheusMetric("queue", average_value(10), per_pod=True), PodValues({"p0": PodSample(30, NOW)}))
    assert report.pods is not None
    assert (report.replicas, report.pods.ready, report.pods.missing, report.ratio) == (3, 1, 1, 1.5)
