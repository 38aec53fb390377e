"""What pods request: replicas.md, section 2, Resource, Utilization."""

from dataclasses import replace

import pytest

from serin.scaling.errors import InvalidMetricError
from serin.scaling.pods import Container, Pod
from serin.scaling.requests import requests_of

TWO = Pod("p", containers=(Container("a", {"cpu": 100, "memory": 7}), Container("b", {"cpu": 20})))
SIDECAR = Container("sidecar", {"cpu": 3}, restartable=True)
INIT = Container("init", {"cpu": 5000})


def request(pod: Pod, container: str = "", *, resource: str = "cpu", pod_level: bool = True) -> int:
    """The request of one pod."""
    return requests_of([pod], resource, container, pod_level=pod_level)["p"]


@pytest.mark.parametrize(
    ("pod", "container", "amount"),
    [
        pytest.param(TWO, "b", 20, id="named container"),
        pytest.param(
            replace(TWO, requests={"cpu": 900}), "a", 100, id="named container, also with a pod-level request"
        ),
        pytest.param(replace(TWO, init_containers=(SIDECAR,)), "sidecar", 3, id="a restartable init container by name"),
        pytest.param(replace(TWO, requests={"cpu": 900}), "", 900, id="else pod-level request"),
        pytest.param(TWO, "", 120, id="else sum of containers"),
        pytest.param(replace(TWO, init_containers=(INIT, SIDECAR)), "", 123, id="+ restartable init containers"),
        pytest.param(
            replace(TWO, requests={"example.com/gpu": 1}), "", 120, id="pod level knows cpu, memory, hugepages"
        ),
        pytest.param(
            replace(TWO, overhead={"cpu": 7}), "", 120, id="overhead does not count with containers' requests"
        ),
    ],
)
def test_request_per_pod(pod: Pod, container: str, amount: int) -> None:
    assert request(pod, container) == amount


def test_gate_pod_level_resources() -> None:
    """else pod-level request (gate PodLevelResources)."""
    assert request(replace(TWO, requests={"cpu": 900}), pod_level=False) == 120


@pytest.mark.parametrize(
    ("pod", "amount"),
    [
        pytest.param(TWO, 120, id="the containers' sum"),
        pytest.param(
            replace(TWO, containers=(Container("a", {"cpu": 100}), Container("b"))), 100, id="none is no error"
        ),
        pytest.param(replace(TWO, overhead={"cpu": 7}), 127, id="with the overhead"),
        pytest.param(replace(TWO, init_containers=(INIT,)), 5000, id="an init container that takes more"),
        pytest.param(replace(TWO, init_containers=(SIDECAR, INIT)), 5003, id="beside the sidecars before it"),
        pytest.param(replace(TWO, init_containers=(INIT, SIDECAR)), 5000, id="not beside those after it"),
        pytest.param(replace(TWO, init_containers=(SIDECAR, Container("i"))), 123, id="one without a request"),
    ],
)
def test_pod_level_request_that_leaves_the_resource_out(pod: Pod, amount: int) -> None:
    """`PodRequests` of component-helpers: what the containers need at any time, and the overhead."""
    assert request(replace(pod, requests={"memory": 1})) == amount
    assert request(replace(pod, requests={"hugepages-2Mi": 1})) == amount


@pytest.mark.parametrize(
    ("pod", "container", "message"),
    [
        pytest.param(TWO, "c", "container c not found in Pod p", id="no such container"),
        pytest.param(
            replace(TWO, init_containers=(INIT,)), "init", "container init not found in Pod p", id="an init one"
        ),
        pytest.param(
            Pod("p", containers=(Container("a"),)), "", "missing request for cpu in container a of Pod p", id="sum"
        ),
        pytest.param(
            Pod("p", containers=(Container("a"),)), "a", "missing request for cpu in container a of Pod p", id="one"
        ),
        pytest.param(
            Pod("p", containers=(Container("a"),), requests={"memory": 1}),
            "",
            "missing pod-level request for cpu in Pod p",
            id="pod level",
        ),
    ],
)
def test_any_missing_request_is_an_error(pod: Pod, container: str, message: str) -> None:
    """Any missing request -> error for the whole metric."""
    with pytest.raises(InvalidMetricError, match=f"^{message}$"):
        requests_of(
            [
                Pod(
                    "p0",
                    containers=(Container("c", {"cpu": 1}), Container("a", {"cpu": 1}), Container("init", {"cpu": 1})),
                ),
                pod,
            ],
            "cpu",
            container,
            pod_level=True,
        )
