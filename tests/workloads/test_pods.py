from typing import Any

import pytest

from serin.workloads import deployment_problem, pod_problem


def pod(
    *containers: dict[str, Any], name: str = "fraud-1", init: tuple[dict[str, Any], ...] = (), **status: Any
) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "status": {
            "phase": "Pending",
            "containerStatuses": list(containers),
            "initContainerStatuses": list(init),
            **status,
        },
    }


def container(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "server", "image": "server:1", "ready": False, "state": state, **more}


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return container({"waiting": {"reason": reason, "message": message}}, **more)


def ended(reason: str = "Error", code: int = 1, **more: Any) -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": code, **more}}


def condition(kind: str, status: str, message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": "R", "message": message}


READY = pod(container({"running": {}}, ready=True), conditions=[condition("Ready", "True")])
NO_NODE = condition("PodScheduled", "False", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
BACK_OFF = waiting("CrashLoopBackOff", "back-off 20s restarting failed container", lastState=ended(code=3))
UNREADY = container({"running": {}}, started=True)


@pytest.mark.parametrize(
    ("pods", "told"),
    [
        (
            [pod(waiting("ImagePullBackOff", 'Back-off pulling image "server:1": ErrImagePull: not found'))],
            "pod fraud-1: container server cannot pull the image server:1: not found",
        ),
        (
            [pod(waiting("ErrImagePull", "not found"))],
            "pod fraud-1: container server cannot pull the image server:1: not found",
        ),
        (
            [pod(waiting("InvalidImageName"))],
            "pod fraud-1: container server cannot pull the image server:1: InvalidImageName",
        ),
        (
            [pod(waiting("CreateContainerConfigError", 'secret "key" not found'))],
            'pod fraud-1: container server cannot start: CreateContainerConfigError: secret "key" not found',
        ),
        ([pod(BACK_OFF)], "pod fraud-1: container server ends again and again: Error, exit code 3"),
        (
            [pod(waiting("CrashLoopBackOff", lastState=ended("OOMKilled", 137)))],
            "pod fraud-1: container server ends again and again: OOMKilled, it needs more memory than its limit allows",
        ),
        (
            [pod(container(ended("OOMKilled", 137)))],
            "pod fraud-1: container server ends: OOMKilled, it needs more memory than its limit allows",
        ),
        (
            [pod(container(ended(message="no weights\nat s3://m")))],
            "pod fraud-1: container server ends: Error, exit code 1: no weights at s3://m",
        ),
        (
            [pod(init=(waiting("CrashLoopBackOff", lastState=ended(code=2)),))],
            "pod fraud-1: container server ends again and again: Error, exit code 2",
        ),
        (
            [pod(conditions=[NO_NODE])],
            "pod fraud-1 cannot be scheduled: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        ),
        (
            [pod(phase="Failed", reason="Evicted", message="The node was low on memory.")],
            "pod fraud-1 failed: Evicted: The node was low on memory.",
        ),
        ([pod(UNREADY)], "pod fraud-1: container server runs, but does not pass its readiness probe"),
        (
            [pod(container({"running": {}}, started=False))],
            "pod fraud-1: container server runs, but has not passed its startup probe",
        ),
        (
            [pod(conditions=[condition("PodReadyToStartContainers", "False")])],
            "pod fraud-1 waits for its volumes, its network or its sandbox",
        ),
    ],
)
def test_what_is_wrong_with_a_pod_is_told_in_one_sentence(pods: list[dict[str, Any]], told: str) -> None:
    assert pod_problem(pods) == told


@pytest.mark.parametrize(
    "pods",
    [
        [],
        [READY],
        [pod(waiting("ContainerCreating"))],
        [pod(waiting("PodInitializing"), init=(container(ended("Completed", 0), ready=True),))],
        [pod(init=(container({"running": {}}),))],
        [{"metadata": {"name": "x"}}],
        [{**pod(BACK_OFF), "metadata": {"name": "x", "deletionTimestamp": "2026-11-01T00:00:00Z"}}],
    ],
)
def test_pods_that_are_ready_or_on_their_way_have_no_problem(pods: list[dict[str, Any]]) -> None:
    assert pod_problem(pods) is None


def test_the_most_telling_reason_of_all_pods_is_told() -> None:
    image = pod(waiting("ErrImagePull", "not found"), name="fraud-4")
    pods = [
        pod(UNREADY, name="fraud-1"),
        pod(conditions=[NO_NODE], name="fraud-2"),
        pod(BACK_OFF, name="fraud-3"),
        image,
    ]
    assert "fraud-4" in (pod_problem(pods) or "")
    assert "fraud-3" in (pod_problem(pods[:3]) or "")
    assert "fraud-2" in (pod_problem(pods[:2]) or "")


def test_the_sentence_stays_the_same_whatever_the_order_of_pods_and_of_restarts() -> None:
    first, second = pod(BACK_OFF, name="fraud-1"), pod(BACK_OFF, name="fraud-2")
    later = pod(waiting("CrashLoopBackOff", "back-off 5m0s", lastState=ended(code=3), restartCount=9), name="fraud-1")
    assert pod_problem([first, second]) == pod_problem([second, first]) == pod_problem([second, later])


def test_a_long_message_is_cut() -> None:
    assert len(pod_problem([pod(waiting("ErrImagePull", "x" * 5000))]) or "") < 700


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ([], None),
        ([condition("Progressing", "True"), condition("Available", "False", "no minimum")], None),
        (
            [condition("ReplicaFailure", "True", 'pods "x" is forbidden: exceeded quota')],
            'pods cannot be made: pods "x" is forbidden: exceeded quota',
        ),
        ([condition("ReplicaFailure", "False", "was so")], None),
        ([condition("Progressing", "False", "denied")], "pods cannot be made: denied"),
        ([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}], None),
        ([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}], "pods cannot be made: FailedCreate"),
    ],
)
def test_a_deployment_that_cannot_make_pods_tells_why(conditions: list[dict[str, Any]], told: str | None) -> None:
    assert deployment_problem({"status": {"conditions": conditions}}) == told


def test_a_deployment_without_a_status_has_no_problem() -> None:
    assert deployment_problem({"metadata": {"name": "fraud"}}) is None
