"""Whatever happens, in whatever order: pods before traffic, in every mode, with pods that take time and need room."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from rollout.simulator import Simulator
from rollout.test_invariants import STRATEGIES, RolloutMachine
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import Phase, Role, Verdict
from serin.rollout.capacity import is_rebalancing, whole_of
from serin.scaling.capacity import pods_for

MODES: tuple[dict[str, Any], ...] = (
    {},
    {"capacity": "Surge"},
    {"capacity": "Rebalance"},
    {"capacity": "Rebalance", "maxSurgeReplicas": 1},
    {"capacity": "Rebalance", "maxSurgeReplicas": 3},
)
LEAST_SURGE = 2
"""What a percent of the traffic needs at most where it does not fit, in a load of up to a hundred pods."""


class _Crowded(Simulator):
    """Checks each plan against the pods that were Ready when it was made."""

    def step(self) -> Any:
        self.run_pods()
        before, pods = self.status, self.pods
        ready = {name: item.ready for name, item in self.workloads.items()}
        decided = super().step()
        if before.revisions:
            self.check_traffic(before, ready)
            self.check_room(pods)
        self.check_stable()
        return decided

    @property
    def whole(self) -> int:
        """The pods that carry the whole traffic."""
        return whole_of(self.status, self.desired)

    @property
    def desired(self) -> ModelDeploymentSpec:
        """The spec."""
        return ModelDeploymentSpec.model_validate(self.spec)

    def check_traffic(self, before: Any, ready: dict[str, int]) -> None:
        """Who gets more traffic has had the pods for it, Ready.

        Two things are worse than too few pods: a candidate that is turned away and still has traffic although stable
        never gave pods up, and one without any pod that answers.
        """
        moved = is_rebalancing(self.desired) or (before.capacity is not None and before.capacity.rebalanced)
        for entry in self.status.revisions:
            had = next((old.weight for old in before.revisions if old.revision == entry.revision), None) or 0
            if not entry.weight or entry.weight <= had or entry.revision not in {before.stable, before.candidate}:
                continue
            alive = ready.get(before.candidate or "", 0) > 0
            if entry.revision == before.candidate or (moved and alive):
                needed = pods_for(self.whole, entry.weight)
                assert ready.get(entry.revision, 0) >= needed, f"{entry.weight} % with {ready}, S is {self.whole}"

    def check_stable(self) -> None:
        """Stable is meant to have the pods of its share, and without `Rebalance` those of all the traffic."""
        for entry in self.status.revisions:
            if entry.role is Role.STABLE:
                share = (100 if entry.weight is None else entry.weight) if is_rebalancing(self.desired) else 100
                assert entry.replicas >= (pods_for(self.whole, share) if self.whole else 0)

    def check_room(self, pods: dict[str, int]) -> None:
        """Under `Rebalance` nobody grows beyond what there is room for, except for the traffic that it has by now."""
        strategy = self.desired.strategy
        surge = strategy.max_surge_replicas if strategy is not None else None
        if surge is None or sum(self.pods.values()) <= self.whole + max(surge, LEAST_SURGE):
            return
        for entry in self.status.revisions:
            if self.pods.get(entry.revision, 0) > pods.get(entry.revision, 0):
                needed = pods_for(self.whole, entry.weight or 0) if entry.weight != 0 else 0
                assert entry.replicas <= needed, f"{pods} became {self.pods}, S is {self.whole}"


class CapacityMachine(RolloutMachine):
    """The same people and troubles, and besides modes, autoscalers, slow pods and nodes that are full."""

    @initialize()
    def deploy(self) -> None:
        self.version, self.strategy, self.replicas, self.paused, self.analyzed = "1.0.0", STRATEGIES[0], 4, False, False
        self.mode: dict[str, Any] = {}
        self.autoscaled = False
        self.world: _Crowded = _Crowded(spec=self.spec(), pod_seconds=15)
        self.world.pass_time(20)

    def spec(self) -> dict[str, Any]:
        spec = super().spec()
        if "canary" in spec["strategy"]:
            spec["strategy"] |= self.mode
        if self.autoscaled:
            del spec["replicas"]
            spec["autoscaling"] = {"minReplicas": 1, "maxReplicas": 9}
        return spec

    @rule(mode=st.sampled_from(MODES))
    def change_mode(self, mode: dict[str, Any]) -> None:
        self.mode = mode
        self.apply()

    @rule()
    def toggle_autoscaling(self) -> None:
        self.autoscaled = not self.autoscaled
        self.world.advice.clear()
        self.apply()

    @precondition(lambda self: self.autoscaled and self.world.status.stable is not None)
    @rule(replicas=st.integers(0, 12), of_candidate=st.booleans())
    def autoscaler_says(self, replicas: int, of_candidate: bool) -> None:
        revision = self.world.status.candidate if of_candidate else self.world.status.stable
        if revision is not None:
            self.world.advise(revision, max(replicas, 1))

    @precondition(lambda self: not self.autoscaled)
    @rule(replicas=st.integers(1, 9))
    def an_autoscaler_of_the_users_writes_scale(self, replicas: int) -> None:
        self.world.autoscaled, self.replicas = True, replicas
        self.apply()

    @rule(replicas=st.sampled_from([0, 1, 3, 4, 8]))
    def scale(self, replicas: int) -> None:
        self.world.autoscaled, self.replicas = False, replicas
        self.apply()

    @rule(gpus=st.sampled_from([None, 0, 4, 6, 9]))
    def nodes_come_and_go(self, gpus: int | None) -> None:
        self.world.gpus = gpus
        self.world.settle()

    @rule()
    def everything_comes_right(self) -> None:
        """Nothing is stuck for good: with room, Gateways, images and good data it comes to rest."""
        world = self.world
        world.gpus, world.accept_routes, world.verdict, self.paused = None, True, Verdict.PASS, False
        world.broken_images.clear()
        world.accept()
        self.strategy = STRATEGIES[0]
        self.apply()
        world.ask("resume")
        for _ in range(4):
            world.pass_time(1800)
        self.replicas = world.spec.get("replicas", self.replicas)
        status = world.status
        assert status.candidate is None, status.message
        assert status.phase in {Phase.HEALTHY, Phase.DEGRADED}
        assert world.workloads[world.stable].ready == world.whole
        assert world.split.get(world.stable, 0) == 100
        assert set(world.pods) <= {world.stable}
        assert world.status.capacity is None or not world.status.capacity.rebalanced


TestCapacity = CapacityMachine.TestCase
TestCapacity.settings = settings(max_examples=60, stateful_step_count=25, deadline=timedelta(minutes=1))
