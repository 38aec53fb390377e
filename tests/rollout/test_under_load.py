"""Whole rollouts under load, with the autoscaler's own algorithm: no version lacks pods, and none flaps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from rollout.simulator import Simulator, manifest
from serin.api.status import Phase
from serin.rollout.actions import WriteScale
from serin.rollout.world import Advice
from serin.scaling.afterwards import applied
from serin.scaling.asked import asked
from serin.scaling.autoscaler import recommend
from serin.scaling.history import EMPTY, History
from serin.scaling.metrics import PodsMetric, average_value
from serin.scaling.pods import Pod, Readiness
from serin.scaling.remembered import recall
from serin.scaling.samples import PodSample, PodValues
from serin.scaling.share import Part, of_all_traffic, only_raising, raised
from serin.scaling.spec import AutoscalerSpec, Scale, Situation

TARGET = 10
"""Requests under way that one pod is meant to have."""
PASS = 15
"""Seconds from one look of an autoscaler to the next."""
STEPS = [{"weight": weight, "hold": "10m"} for weight in (10, 50, 80)]
RUNNING = {
    "type": "Prometheus",
    "prometheus": {"metric": "running-requests", "target": {"type": "AverageValue", "averageValue": str(TARGET)}},
}
SCALED = {"minReplicas": 1, "maxReplicas": 60, "metrics": [RUNNING]}


@dataclass
class Load:
    """Requests under way, split as the route says; and what was seen of the versions' pods."""

    world: Simulator
    requests: float = 100.0
    history: History = EMPTY
    seen: list[dict[str, int]] = field(default_factory=list)
    fullest: float = 0.0

    def of(self, revision: str) -> float:
        """The requests under way in one version."""
        return self.requests * self.world.split.get(revision, 0) / 100

    def sample(self, revision: str) -> tuple[tuple[Pod, ...], PodValues]:
        """A version's pods, and how many requests each of them has."""
        world, ready = self.world, self.world.workloads[revision].ready
        long_ago = world.now - timedelta(hours=1)
        pods = tuple(Pod(f"p{n}", ready=Readiness("True", long_ago), started=long_ago) for n in range(ready))
        each = round(self.of(revision) * 1000 / max(1, ready))
        return pods, PodValues({pod.name: PodSample(each, world.now) for pod in pods})

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with a pass of the autoscaler each 15 seconds."""
        for _ in range(round(seconds / PASS)):
            self.world.pass_time(PASS)
            self.look()
            self.scale()
            self.world.settle()

    def look(self) -> None:
        """See whether anybody has more than it is meant to have."""
        pods = {name: each.ready for name, each in self.world.workloads.items() if each.replicas}
        if not self.seen or self.seen[-1] != pods:
            self.seen.append(pods)
        for name in self.world.split:
            if self.of(name):
                self.fullest = max(self.fullest, self.of(name) / (pods.get(name, 0) or 0.001))

    def scale(self) -> None:
        """What an autoscaler does."""
        raise NotImplementedError


class OnScale(Load):
    """The autoscaler of Kubernetes, aimed at the ModelDeployment's /scale."""

    def scale(self) -> None:
        """Follow the pods of /scale's selector, and write /scale."""
        spec = AutoscalerSpec(60, 1, (PodsMetric("running", average_value(TARGET * 1000)),))
        pods, values = self.sample(self.world.stable)
        current = self.world.spec["replicas"]
        situation = Situation(Scale(current, self.world.status.replicas), pods, (values,), self.world.now)
        said = recommend(spec, situation, self.history)
        self.history = applied(said, spec, self.world.now).history
        if said.rescale:
            self.world.autoscaled = True
            self.world.apply({**self.world.spec, "replicas": said.replicas})


@dataclass
class OfSerin(Load):
    """Serin's own, for each version.

    under_way: what each version had under way at each pass. What is told of that is the mean over two minutes, and a
    pass old, as it is where it is the rate of the time that requests took.
    """

    under_way: dict[str, list[float]] = field(default_factory=dict)

    def measured(self, revision: str) -> float:
        """The requests under way in one version, as they are measured."""
        before = self.under_way.setdefault(
            revision, [0.0] * 9 if self.world.status.candidate else [self.of(revision)] * 9
        )
        before.append(self.of(revision))
        return sum(before[-9:-1]) / 8

    def scale(self) -> None:
        """Advise on stable for all the traffic, and on the candidate for its own."""
        status = self.world.status
        for revision in filter(None, (status.stable, status.candidate)):
            stable, now = revision == status.stable, self.world.now
            spec = asked(self.world.world().desired.spec.autoscaling)  # type: ignore[arg-type]
            known = next((entry for entry in status.autoscaling if entry.revision == revision), None)
            pods, values = self.sample(revision)
            part = Part(self.world.split.get(revision, 0) if stable else 100)
            sample = of_all_traffic(spec.metrics[0], values, part) if part.percent else values
            current = status.capacity.whole if stable and status.capacity else self.world.entry(revision).replicas
            situation = Situation(Scale(current, len(pods)), pods, (sample,), now)
            said = recommend(spec, situation, recall(known, now) if known else EMPTY)
            if stable and only_raising(spec.metrics, part):
                said = raised(said, now)
            self.world.advice[revision] = Advice(now, said, spec, self.measured(revision))


def begun(kind: type[Load], **changes: Any) -> Load:
    """Version 1.0.0 carries the load with ten pods, and has done so for a while."""
    spec = manifest(strategy={"canary": {"steps": STEPS}}, progressDeadline="30m", **changes)
    load = kind(Simulator(spec, pod_seconds=30))
    load.world.pass_time(60)
    load.pass_time(1200)
    assert load.world.pods == {load.world.stable: 10}
    load.seen.clear()
    load.fullest = 0.0
    return load


def roll_out(load: Load) -> str:
    """Apply version 2.0.0."""
    load.world.apply({**load.world.spec, "model": {"version": "2.0.0"}, "template": manifest("2.0.0")["template"]})
    assert load.world.status.candidate is not None
    return load.world.status.candidate


def course_of(load: Load, revision: str) -> list[int]:
    """How many Ready pods a version had, one after the other."""
    counts = [pods.get(revision, 0) for pods in load.seen]
    return [count for count, before in zip(counts, [None, *counts], strict=False) if count != before]


def is_right(load: Load, revision: str) -> bool:
    """Whether only this version is left, with as many pods as it needs, or more by no more than the tolerance."""
    return list(load.world.pods) == [revision] and 0.9 <= load.requests / TARGET / load.world.pods[revision] <= 1


@pytest.fixture(params=["the user's on /scale", "Serin's"])
def load(request: pytest.FixtureRequest) -> Iterator[Load]:
    """Either autoscaler."""
    if request.param == "Serin's":
        yield begun(OfSerin, replicas=None, autoscaling=SCALED)
    else:
        yield begun(OnScale)


def test_a_rollout_at_full_load_changes_nothing_of_stable_and_nobody_is_fuller_than_meant(load: Load) -> None:
    old = load.world.stable
    new = roll_out(load)
    while load.world.stable == old:
        load.pass_time(PASS)
    assert course_of(load, old) == [10]
    assert load.fullest <= TARGET
    # What is promoted stays as large: nobody finds it too small, or too large.
    load.pass_time(1200)
    assert is_right(load, new)
    # On its way up it gives up one pod at most, that was estimated from two weights; the headroom goes in the end.
    *rising, _ = course_of(load, new)
    assert all(after >= before - 1 for before, after in pairwise(rising))
    assert len([action for action in load.world.actions if isinstance(action, WriteScale)]) <= 1


def test_a_load_that_rises_in_the_middle_raises_both(load: Load) -> None:
    old = load.world.stable
    new = roll_out(load)
    load.pass_time(1000)
    assert load.world.split == {old: 50, new: 50}
    load.requests = 160.0
    load.pass_time(120)
    assert load.world.workloads[old].ready >= 16
    assert load.world.workloads[new].ready >= 8
    load.fullest = 0.0
    load.pass_time(3600)
    assert load.fullest <= TARGET
    assert is_right(load, new)


def test_a_rollback_in_the_middle_finds_stable_large_enough(load: Load) -> None:
    old = load.world.stable
    roll_out(load)
    load.pass_time(1000)
    load.world.ask("abort")
    load.pass_time(30)
    assert load.world.split[old] == 100
    assert load.fullest <= TARGET
    load.pass_time(1200)
    assert load.world.status.phase is Phase.DEGRADED
    assert load.world.pods == {old: 10}


@pytest.mark.parametrize("kind", [OnScale, OfSerin])
def test_with_rebalance_nobody_is_fuller_than_meant_either(kind: type[Load]) -> None:
    scaled: dict[str, Any] = {} if kind is OnScale else {"replicas": None, "autoscaling": SCALED}
    load = begun(kind, **scaled)
    load.world.apply({**load.world.spec, "strategy": {"canary": {"steps": STEPS}, "capacity": "Rebalance"}})
    old = load.world.stable
    new = roll_out(load)
    load.pass_time(1000)
    assert load.world.split == {old: 50, new: 50}
    assert load.world.pods[old] == 5
    load.pass_time(1500)
    assert load.world.stable == new
    assert load.fullest <= TARGET
    load.pass_time(1200)
    assert is_right(load, new)
