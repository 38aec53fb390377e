"""Pods of the API server become pods of the autoscaler, whole or slimmed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from serin.scaling.pods import Container, Pod, Readiness
from serin.scaling.reading import pod_of, slim_pod

WHOLE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "fraud-5c9d7f4b6d-abcde",
        "namespace": "ml",
        "uid": "1",
        "resourceVersion": "17",
        "labels": {"serin.dev/model": "fraud", "serin.dev/revision": "5c9d7f4b6d"},
        "annotations": {"long": "x" * 1000},
        "managedFields": [{"manager": "kubelet"}],
    },
    "spec": {
        "nodeName": "worker-1",
        "containers": [
            {"name": "model", "image": "x", "resources": {"requests": {"cpu": "250m", "memory": "1Gi"}}},
            {"name": "plain", "image": "x"},
        ],
        "initContainers": [
            {"name": "sidecar", "restartPolicy": "Always", "resources": {"requests": {"cpu": "0.1"}}},
            {"name": "setup", "resources": {"limits": {"cpu": "1"}}},
        ],
        "resources": {"requests": {"cpu": "2"}},
        "overhead": {"memory": "120Mi"},
    },
    "status": {
        "phase": "Running",
        "startTime": "2026-03-01T11:00:00Z",
        "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-03-01T11:00:00Z"},
            {"type": "Ready", "status": "False", "lastTransitionTime": "2026-03-01T11:00:30Z", "message": "x"},
        ],
        "containerStatuses": [{"name": "model", "state": {}}],
    },
}
READ = Pod(
    "fraud-5c9d7f4b6d-abcde",
    ready=Readiness("False", datetime(2026, 3, 1, 11, 0, 30, tzinfo=UTC)),
    started=datetime(2026, 3, 1, 11, tzinfo=UTC),
    containers=(Container("model", {"cpu": 250, "memory": 2**30 * 1000}), Container("plain")),
    init_containers=(Container("sidecar", {"cpu": 100}, restartable=True), Container("setup")),
    requests={"cpu": 2000},
    overhead={"memory": 120 * 2**20 * 1000},
)


def whole(manifest: Any) -> Any:
    """All of a pod."""
    return manifest


@pytest.mark.parametrize("reduced", [whole, slim_pod, lambda manifest: slim_pod(slim_pod(manifest))])
def test_a_pod_is_read_from_all_of_it_and_from_what_is_kept(reduced: Callable[[Any], Any]) -> None:
    assert pod_of(reduced(WHOLE)) == READ


@pytest.mark.parametrize("reduced", [whole, slim_pod])
def test_a_pod_that_nobody_has_taken_on_yet_is_pending(reduced: Callable[[Any], Any]) -> None:
    manifest = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "model"}]}}
    assert pod_of(reduced(manifest)) == Pod("p", phase="Pending", containers=(Container("model"),))


def test_a_pod_that_goes_is_known_as_one() -> None:
    going = {**WHOLE, "metadata": {**WHOLE["metadata"], "deletionTimestamp": "2026-03-01T12:00:00Z"}}
    assert pod_of(slim_pod(going)).deleted


def test_what_is_kept_is_a_small_part_and_knows_whose_pod_it_is() -> None:
    slim = slim_pod(WHOLE)
    assert slim["metadata"] == {
        "name": "fraud-5c9d7f4b6d-abcde",
        "namespace": "ml",
        "labels": {"serin.dev/model": "fraud", "serin.dev/revision": "5c9d7f4b6d"},
        "resourceVersion": "17",
    }
    assert len(str(slim)) < len(str(WHOLE)) / 2


def test_equal_requests_are_one_object() -> None:
    first, second = (pod_of(WHOLE).containers[0].requests for _ in range(2))
    assert first is second
