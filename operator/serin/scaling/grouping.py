"""Which pods count for a metric (upstream's `groupPods`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from serin.scaling.pods import Pod
from serin.scaling.report import PodCounts
from serin.scaling.samples import PodSample
from serin.scaling.spec import Settings


@dataclass(frozen=True, slots=True)
class Groups:
    """How many pods are ready, and the names of the others.

    unready: no samples of theirs are believed yet; missing: they have none; ignored: they are on their way out.
    """

    ready: int
    unready: tuple[str, ...]
    missing: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def counts(self) -> PodCounts:
        """How many there are of each."""
        return PodCounts(self.ready, len(self.unready), len(self.missing), len(self.ignored))


def group_pods(
    pods: Iterable[Pod], samples: Mapping[str, PodSample], resource: str, now: datetime, settings: Settings
) -> Groups:
    """Each pod in the first group that fits.

    1. deletionTimestamp set, or phase Failed: ignored. (Succeeded is not: upstream counts it as any other pod.)
    2. phase Pending: unready.
    3. no metric for the pod: missing.
    4. only if the resource is `cpu`: unready while its samples say nothing of its work (`cpu_unready`).
    5. else ready.
    """
    ready = 0
    unready: list[str] = []
    missing: list[str] = []
    ignored: list[str] = []
    is_cpu = resource == "cpu"
    for pod in pods:
        if pod.deleted or pod.phase == "Failed":
            ignored.append(pod.name)
        elif pod.phase == "Pending":
            unready.append(pod.name)
        elif (sample := samples.get(pod.name)) is None:
            missing.append(pod.name)
        elif is_cpu and cpu_unready(pod, sample, now, settings):
            unready.append(pod.name)
        else:
            ready += 1
    return Groups(ready, tuple(unready), tuple(missing), tuple(ignored))


def cpu_unready(pod: Pod, sample: PodSample, now: datetime, settings: Settings) -> bool:
    """No Ready condition or no StartTime: unready. Else, with start + cpuInitializationPeriod > now: unready iff
    Ready==False or metricTimestamp < readyTransition + metricWindow; otherwise: unready iff Ready==False and
    start + delayOfInitialReadinessStatus > readyTransition (= has never been ready).
    """
    if pod.ready is None or pod.started is None:
        return True
    fails = pod.ready.status == "False"
    if pod.started + settings.cpu_initialization_period > now:
        return fails or sample.timestamp < pod.ready.since + sample.window
    return fails and pod.started + settings.initial_readiness_delay > pod.ready.since
