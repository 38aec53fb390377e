"""Random pods and what they use, near the edges at which they change from one group to another."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from serin.scaling.numbers import MAX_INT64
from serin.scaling.pods import Container, Pod, Readiness
from serin.scaling.samples import PodSample, PodUsage
from serin.scaling.spec import Settings

CONTAINERS = ("model", "proxy", "logger")
INIT_CONTAINERS = ("sidecar", "fetch", "unpack")
RESOURCES = ("cpu", "memory", "example.com/gpu")
SECOND = timedelta(seconds=1)


class PodMaker:
    """Makes pods and samples for one pass. One kind of request for all pods is likely: else no utilization is valid."""

    def __init__(self, random: Random, now: datetime, settings: Settings) -> None:
        self.random = random
        self.now = now.replace(microsecond=0)
        self.settings = settings
        self.whole = random.random() < 0.15
        self.flawed = random.random() < 0.15
        self.healthy = random.random() < 0.3
        self.huge = random.random() < 0.05
        self.factor = random.choice((None, self._factor()))
        self.request = random.choice((0, 1, 7, 100, 250, 1000, random.randrange(1, 100_000)))

    def pods(self) -> tuple[Pod, ...]:
        """Up to nine of them."""
        return tuple(self.pod(f"p{index}") for index in range(self.random.choice((0, 1, 1, 2, 3, 3, 4, 6, 9))))

    def pod(self, name: str) -> Pod:
        """One pod: mostly Running and Ready, else anything."""
        random = self.random
        calm = self.healthy or random.random() < 0.4
        started = self.now - random.choice((0, 1, 60, 3600)) * SECOND if calm else self._near_initialization()
        return Pod(
            name,
            phase="Running" if calm else random.choice(("Running", "Running", "Pending", "Failed", "Succeeded")),
            deleted=not calm and random.random() < 0.1,
            ready=Readiness("True", started) if calm else self._readiness(started),
            started=started if calm or random.random() < 0.9 else None,
            containers=tuple(self._container(one) for one in CONTAINERS[: random.choice((1, 1, 2, 3))]),
            init_containers=self._init_containers(),
            requests=self._of_the_whole() if self.whole and random.random() < 0.9 else {},
            overhead={"cpu": random.choice((0, 10, 250))} if random.random() < (0.3 if self.whole else 0.1) else {},
        )

    def _near_initialization(self) -> datetime:
        period = self.settings.cpu_initialization_period
        return self.now - self.random.choice((period, period * 2)) + self.random.randint(-2, 2) * SECOND

    def _readiness(self, started: datetime) -> Readiness | None:
        """Since around the start, the readiness delay after it, or a window before now."""
        random = self.random
        base = random.choice((started, started + self.settings.initial_readiness_delay, self.now - 30 * SECOND))
        status = random.choice(("True", "False", "False", "Unknown", None))
        return None if status is None else Readiness(status, base + random.randint(-2, 2) * SECOND)

    def _init_containers(self) -> tuple[Container, ...]:
        if self.random.random() < (0.2 if self.whole else 0.8):
            return ()
        return tuple(self._container(name, init=True) for name in INIT_CONTAINERS[: self.random.choice((1, 2, 3))])

    def _of_the_whole(self) -> dict[str, int]:
        """What is not named here is taken from the containers, those that only run at the start included."""
        return {name: self.request for name in RESOURCES if self.random.random() < 0.4}

    def _container(self, name: str, *, init: bool = False) -> Container:
        amounts = self._amounts(always=not self.flawed)
        if init:
            times = self.random.choice((1, 5))
            amounts = {resource: amount * times for resource, amount in amounts.items()}
        return Container(name, amounts, init and self.random.random() < 0.6)

    def _amounts(self, *, always: bool) -> dict[str, int]:
        same = self.random.random() < 0.7
        return {
            name: self.request if same else self.random.randrange(2000)
            for name in RESOURCES
            if always or self.random.random() < 0.7
        }

    def names(self, pods: tuple[Pod, ...]) -> list[str]:
        """Of whom there are samples: most pods, and sometimes a stranger."""
        random = self.random
        missing = random.choice((0.0, 0.0, 0.2, 0.5))
        known = [pod.name for pod in pods if random.random() >= missing]
        return [*known, "stranger"] if random.random() < 0.1 else known

    def value(self, target: int) -> int:
        """Around a target, around the ends of a tolerance, or far away."""
        random = self.random
        if self.huge:
            return random.choice((MAX_INT64, MAX_INT64 // 2, MAX_INT64 // 100, 2**53 + 1, 2**31))
        factor = self._factor() if self.factor is None else self.factor
        return max(0, min(MAX_INT64, int(target * factor) + random.choice((0, 0, 0, -1, 1))))

    def _factor(self) -> float:
        return self.random.choice(
            (0.0, 0.25, 0.5, 0.7, 0.9, 0.95, 0.999, 1.0, 1.001, 1.05, 1.1, 1.3, 1.5, 2.0, 3.0, self.random.random() * 4)
        )

    def usages(self, pods: tuple[Pod, ...], target: int) -> tuple[PodUsage, ...]:
        """What the containers use, with samples from around a window after a change of readiness."""
        return tuple(self._usage(name, pods, target) for name in self.names(pods))

    def _usage(self, name: str, pods: tuple[Pod, ...], target: int) -> PodUsage:
        random = self.random
        pod = next((it for it in pods if it.name == name), None)
        window = random.choice((15, 30, 60)) * SECOND
        at = self.now
        if pod is not None and pod.ready is not None and random.random() < 0.5:
            at = pod.ready.since + window + random.randint(-1, 1) * SECOND
        containers = [it.name for it in pod.containers] if pod is not None else ["model"]
        if random.random() < 0.05:
            containers = containers[:-1]
        used = {
            container: {it: self.value(target) for it in RESOURCES if random.random() >= 0.03}
            for container in containers
        }
        return PodUsage(name, at, window, used)

    def values(self, pods: tuple[Pod, ...], target: int) -> dict[str, PodSample]:
        """What pods say of themselves."""
        return {name: PodSample(self.value(target), self.now) for name in self.names(pods)}
