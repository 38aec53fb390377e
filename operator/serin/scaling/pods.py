"""Pods as the autoscaler sees them, and which of them count for a metric."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

Amounts = Mapping[str, int]
"""Amounts by resource (`cpu`, `memory`), in milli-units: 250m CPU is 250, one byte is 1000."""


@dataclass(frozen=True, slots=True)
class Container:
    """What one container requests.

    restartable: an init container with `restartPolicy: Always`, which runs as long as the pod does.
    """

    name: str
    requests: Amounts = field(default_factory=dict)
    restartable: bool = False


@dataclass(frozen=True, slots=True)
class Readiness:
    """The Ready condition of a pod: `True`, `False` or `Unknown`, and since when."""

    status: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod.

    started: `status.startTime`, when the kubelet took it on; ready: None without a Ready condition.
    requests: those of the pod as a whole (`spec.resources.requests`).
    """

    name: str
    phase: str = "Running"
    deleted: bool = False
    ready: Readiness | None = None
    started: datetime | None = None
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    requests: Amounts = field(default_factory=dict)
    overhead: Amounts = field(default_factory=dict)

    @property
    def serves(self) -> bool:
        """Whether it runs and is Ready."""
        return self.phase == "Running" and self.ready is not None and self.ready.status == "True"
