"""What pods use of a resource, from the usage of their containers (upstream's `metrics/client.go`)."""

from collections.abc import Iterable

from serin.scaling.numbers import wrap64
from serin.scaling.samples import PodSample, PodUsage


def whole_pods(usages: Iterable[PodUsage], resource: str) -> dict[str, PodSample]:
    """Whole-pod resource value needs every container's usage (else the pod is missing)."""
    samples = {}
    for usage in usages:
        containers = usage.containers
        known = [amounts[resource] for amounts in containers.values() if resource in amounts]
        if known and len(known) == len(containers):
            samples[usage.pod] = PodSample(wrap64(sum(known)), usage.timestamp, usage.window)
    return samples


def one_container(usages: Iterable[PodUsage], resource: str, container: str) -> dict[str, PodSample]:
    """Container metric: a pod lacking that container simply has no metric."""
    samples = {}
    for usage in usages:
        amount = usage.containers.get(container, {}).get(resource)
        if amount is not None:
            samples[usage.pod] = PodSample(amount, usage.timestamp, usage.window)
    return samples
