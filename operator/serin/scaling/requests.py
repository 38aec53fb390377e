"""What pods request of a resource, in milli-units (upstream's `calculateRequests`)."""

from collections.abc import Iterable

from serin.scaling.errors import InvalidMetricError
from serin.scaling.pods import Container, Pod


def requests_of(pods: Iterable[Pod], resource: str, container: str, *, pod_level: bool) -> dict[str, int]:
    """Request per pod = named container, else pod-level request (gate PodLevelResources), else the sum of containers.

    Of every pod that is listed, also of those that no metric counts.

    Raises:
        InvalidMetricError: any missing request: an error for the whole metric.
    """
    return {pod.name: _request(pod, resource, container, pod_level=pod_level) for pod in pods}


def _request(pod: Pod, resource: str, container: str, *, pod_level: bool) -> int:
    if container:
        return _one_container(pod, resource, container)
    if pod_level and pod.requests and any(_at_pod_level(name) for name in pod.requests):
        return _whole_pod(pod, resource)
    return sum(_of_container(one, pod, resource) for one in _lasting(pod))


def _one_container(pod: Pod, resource: str, container: str) -> int:
    for one in _lasting(pod):
        if one.name == container:
            return _of_container(one, pod, resource)
    raise InvalidMetricError(f"container {container} not found in Pod {pod.name}")


def _of_container(container: Container, pod: Pod, resource: str) -> int:
    request = container.requests.get(resource)
    if request is None:
        raise InvalidMetricError(f"missing request for {resource} in container {container.name} of Pod {pod.name}")
    return request


def _lasting(pod: Pod) -> tuple[Container, ...]:
    """Containers + restartable init containers."""
    if not pod.init_containers:
        return pod.containers
    return (*pod.containers, *(container for container in pod.init_containers if container.restartable))


def _whole_pod(pod: Pod, resource: str) -> int:
    """The request of a pod that has requests at the level of the pod (`PodRequests` of component-helpers).

    Where it does not name the resource, its containers' requests count, those of init containers as far as they exceed
    what runs later; a container without a request is none. Its overhead is added in any case.
    """
    amounts = [pod.requests[resource]] if resource in pod.requests and _at_pod_level(resource) else []
    if not amounts:
        amounts = _from_containers(pod, resource)
    if resource in pod.overhead:
        amounts = [*amounts, pod.overhead[resource]]
    if not amounts:
        raise InvalidMetricError(f"missing pod-level request for {resource} in Pod {pod.name}")
    return sum(amounts)


def _from_containers(pod: Pod, resource: str) -> list[int]:
    """The larger of what runs in the end and what runs at any time of the start; empty without any request."""
    running = [amount for container in _lasting(pod) if (amount := container.requests.get(resource)) is not None]
    peaks = []
    sidecars = 0
    for container in pod.init_containers:
        amount = container.requests.get(resource)
        if container.restartable:
            sidecars += amount or 0
            peak = sidecars
        else:
            peak = sidecars + (amount or 0)
        if amount is not None or sidecars:
            peaks.append(peak)
    candidates = [sum(running)] if running else []
    return [max(candidates + peaks)] if candidates or peaks else []


def _at_pod_level(resource: str) -> bool:
    return resource in {"cpu", "memory"} or resource.startswith("hugepages-")
