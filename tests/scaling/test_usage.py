"""Metric client (`metrics/client.go`): replicas.md, section 2."""

import pytest

from scaling.build import NOW, WINDOW, usage
from serin.scaling.numbers import MAX_INT64, MIN_INT64
from serin.scaling.samples import PodSample, PodUsage
from serin.scaling.usage import one_container, whole_pods


@pytest.mark.parametrize(
    ("given", "value"),
    [
        pytest.param(usage("p", {"a": {"cpu": 5, "memory": 9}, "b": {"cpu": 7}}), 12, id="the sum of its containers"),
        pytest.param(usage("p", {"a": {"cpu": 5}, "b": {"memory": 7}}), None, id="one container's usage is not known"),
        pytest.param(usage("p", {}), None, id="no containers"),
        pytest.param(usage("p", {"a": {"cpu": MAX_INT64}, "b": {"cpu": 1}}), MIN_INT64, id="wraps around"),
    ],
)
def test_whole_pod_needs_every_container(given: PodUsage, value: int | None) -> None:
    """Whole-pod resource value needs every container's usage (else the pod is missing)."""
    assert whole_pods([given], "cpu") == ({} if value is None else {"p": PodSample(value, NOW, WINDOW)})


@pytest.mark.parametrize(
    ("given", "value"),
    [
        pytest.param(usage("p", {"a": {"cpu": 5}, "b": {"memory": 7}}), 5, id="others do not matter"),
        pytest.param(usage("p", {"b": {"cpu": 7}}), None, id="a pod lacking that container"),
        pytest.param(usage("p", {"a": {"memory": 7}}), None, id="a container lacking that resource"),
    ],
)
def test_container_metric(given: PodUsage, value: int | None) -> None:
    """Container metric: pod lacking that container simply has no metric."""
    assert one_container([given], "cpu", "a") == ({} if value is None else {"p": PodSample(value, NOW, WINDOW)})


def test_window_of_a_custom_metric_defaults_to_60_s() -> None:
    assert PodSample(1, NOW).window.total_seconds() == 60
