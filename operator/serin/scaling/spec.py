"""What an autoscaler is told: its spec, what it finds, and the settings of the controller."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from serin.scaling.behavior import Behavior
from serin.scaling.metrics import DEFAULT_METRIC, MetricSpec
from serin.scaling.pods import Pod
from serin.scaling.samples import Sample


@dataclass(frozen=True, slots=True)
class AutoscalerSpec:
    """The spec of a HorizontalPodAutoscaler. min_replicas None is 1."""

    max_replicas: int
    min_replicas: int | None = None
    metrics: tuple[MetricSpec, ...] = (DEFAULT_METRIC,)
    behavior: Behavior | None = None

    @property
    def minimum(self) -> int:
        """The least replicas: minReplicas nil = 1."""
        return 1 if self.min_replicas is None else self.min_replicas


@dataclass(frozen=True, slots=True)
class SelectorProblem:
    """Why the pods of a workload cannot be told: `InvalidSelector` or `AmbiguousSelector`, and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale subresource: the replicas that are asked for, and those that are there."""

    spec_replicas: int
    status_replicas: int
    selector_problem: SelectorProblem | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What one pass finds. samples: one a metric, in the order of the spec; pods: all that the selector selects."""

    scale: Scale
    pods: tuple[Pod, ...]
    samples: tuple[Sample, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class Settings:
    """The flags and feature gates of kube-controller-manager, with the defaults of Kubernetes v1.37."""

    tolerance: float = 0.1
    downscale_stabilization: timedelta = timedelta(minutes=5)
    cpu_initialization_period: timedelta = timedelta(minutes=5)
    initial_readiness_delay: timedelta = timedelta(seconds=30)
    scale_to_zero: bool = True
    """HPAScaleToZero"""
    configurable_tolerance: bool = True
    """HPAConfigurableTolerance"""
    pod_level_resources: bool = True
    """PodLevelResources"""


DEFAULTS = Settings()
