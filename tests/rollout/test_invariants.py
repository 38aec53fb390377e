"""Whatever happens, in whatever order: what must always hold of a rollout."""

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rollout.simulator import ANALYSIS, Simulator, manifest, service_of
from serin.api.status import Phase, Role, Verdict
from serin.scaling.capacity import pods_for

VERSIONS = ("1.0.0", "2.0.0", "3.0.0", "4.0.0")
PREVIEW = {"preview": {"headers": {"X-Preview": "true"}}}
SHADOW = {"type": "Shadow", "shadow": {"duration": "30s"}}
STRATEGIES: tuple[dict[str, Any], ...] = (
    {"canary": {"steps": [{"weight": 10, "hold": "30s"}, {"weight": 50, "hold": "30s"}]}},
    {"canary": {"steps": [{"weight": 5}, {"pause": {}}, {"weight": 80, "hold": "10s"}], "stickiness": {}}},
    {"canary": {"steps": [{"ramp": {"from": 1, "to": 90, "over": "2m"}}]}, **PREVIEW},
    {"canary": {"steps": [{"weight": 100, "hold": "1m"}]}},
    {"type": "BlueGreen", "blueGreen": {"mirror": 100, "hold": "30s"}, **PREVIEW},
    {"type": "BlueGreen", "blueGreen": {"promotion": "Manual", "hold": "5s"}},
    SHADOW,
    {"type": "Shadow", "shadow": {"duration": "30s", "then": "Promote"}},
)


class RolloutMachine(RuleBasedStateMachine):
    """Users, pods, Gateways, the judge and the clock, at random; checked after every single plan."""

    world: Any

    @initialize()
    def deploy(self) -> None:
        self.version, self.strategy, self.replicas, self.paused, self.analyzed = "1.0.0", STRATEGIES[0], 4, False, False
        self.world = _Watched(spec=self.spec())
        self.world.settle()

    def spec(self) -> dict[str, Any]:
        return manifest(
            self.version,
            replicas=self.replicas,
            paused=self.paused,
            strategy=dict(self.strategy),
            analysis=ANALYSIS if self.analyzed else None,
        )

    def apply(self) -> None:
        self.world.apply(self.spec())

    @rule(version=st.sampled_from(VERSIONS))
    def change_version(self, version: str) -> None:
        self.version = version
        self.apply()

    @rule(strategy=st.sampled_from(STRATEGIES))
    def edit_strategy(self, strategy: dict[str, Any]) -> None:
        before = self.world.status.weight or 0
        self.strategy, self.world.spec = strategy, {**self.world.spec, "strategy": strategy}
        decided = self.world.step()
        if decided.status.phase is not Phase.PROMOTING:
            assert (decided.status.weight or 0) <= before, "an edit of the strategy raised the weight"
        self.world.settle()

    @rule(replicas=st.sampled_from([0, 1, 3, 4, 8]))
    def scale(self, replicas: int) -> None:
        self.replicas = replicas
        self.apply()

    @rule()
    def toggle_pause(self) -> None:
        self.paused = not self.paused
        self.apply()

    @rule()
    def toggle_analysis(self) -> None:
        self.analyzed = not self.analyzed
        self.apply()

    @rule(seconds=st.sampled_from([1, 5, 29, 31, 120, 700]))
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @rule(verdict=st.sampled_from([None, *Verdict]))
    def judge_says(self, verdict: Verdict | None) -> None:
        self.world.verdict = verdict
        self.world.settle()

    @rule(action=st.sampled_from(["pause", "resume", "abort", "promote"]))
    def somebody_asks(self, action: str) -> None:
        self.world.ask(action)
        self.world.settle()

    @precondition(lambda self: self.world.status.rejected is not None)
    @rule()
    def somebody_retries(self) -> None:
        assert self.world.status.rejected is not None
        self.world.ask("retry", revision=self.world.status.rejected.revision)
        self.world.settle()

    @rule(data=st.data())
    def a_deployment_is_deleted(self, data: st.DataObject) -> None:
        if self.world.workloads:
            self.world.workloads.pop(data.draw(st.sampled_from(sorted(self.world.workloads))))
        self.world.settle()

    @rule()
    def route_is_deleted(self) -> None:
        self.world.route = None
        self.world.settle()

    @rule()
    def gateway_falls_silent_and_comes_back(self) -> None:
        self.world.accept_routes = not self.world.accept_routes
        if self.world.accept_routes:
            self.world.accept()
        self.world.settle()

    @rule()
    def status_is_lost(self) -> None:
        self.world.lose_status()
        self.world.settle()

    @rule()
    def another_serin_takes_over(self) -> None:
        self.world.restart()
        self.world.settle()

    @rule(version=st.sampled_from(VERSIONS))
    def image_breaks_or_is_mended(self, version: str) -> None:
        image = f"example/fraud:{version}"
        if image in self.world.broken_images:
            self.world.broken_images.clear()
            for revision, workload in self.world.workloads.items():
                self.world.workloads[revision] = replace(workload, ready=workload.replicas)
        else:
            self.world.broken_images.add(image)
        self.world.settle()

    @invariant()
    def weights_add_up_to_the_whole(self) -> None:
        split = self.world.split
        assert not split or sum(split.values()) == 100

    @invariant()
    def there_is_one_stable_and_at_most_one_candidate(self) -> None:
        status = self.world.status
        assert len([entry for entry in status.revisions if entry.role is Role.STABLE]) == (status.stable is not None)
        assert len([entry for entry in status.revisions if entry.role is Role.CANDIDATE]) <= 1

    @invariant()
    def kstatus_is_not_contradictory(self) -> None:
        true = {c.type for c in self.world.status.conditions if c.status == "True"}
        assert not {"Reconciling", "Stalled"} <= true
        assert not {"Ready", "Reconciling"} <= true
        assert not {"Ready", "Stalled"} <= true
        assert not {"Promoted", "RolledBack"} <= true

    @invariant()
    def nobody_is_led_to_who_lost_its_part(self) -> None:
        routing, status = self.world.routing(), self.world.status
        shown = {audience.service for audience in routing.audiences} | (
            {routing.mirror.service} if routing.mirror else set()
        )
        assert shown <= {service_of(status.candidate)}
        assert not shown or status.phase is not Phase.ROLLING_BACK

    @invariant()
    def what_is_at_rest_asks_for_nothing(self) -> None:
        before = self.world.status
        decided = self.world.step()
        assert self.world.status == before
        assert not [action for action in decided.actions if type(action).__name__ != "InspectPods"]


class _Watched(Simulator):
    """Checks what each plan decides against the world that it was made from."""

    def step(self) -> Any:
        before, ready = self.status, {name: item.ready for name, item in self.workloads.items()}
        led = self._led()
        decided = super().step()
        if before.revisions:
            for revision in self._led() - led:
                assert ready.get(revision, 0) > 0, f"{revision} was previewed, or got copies, without a pod"
        self._check_shadow(before, decided.status)
        self._check_capacity(before, decided.status, ready)
        self._check_failures(before, decided.status)
        return decided

    def _check_capacity(self, before: Any, after: Any, ready: dict[str, int]) -> None:
        """A version that is given more traffic has had the pods for it before."""
        old = {entry.revision: entry.weight or 0 for entry in before.revisions}
        for entry in after.revisions:
            given, had = entry.weight or 0, old.get(entry.revision, 0)
            recovered = not before.revisions
            if given > had and entry.role is Role.CANDIDATE and not recovered:
                needed = pods_for(self.spec["replicas"], given)
                assert ready.get(entry.revision, 0) >= needed, f"{entry.revision} got {given} % with too few pods"

    def _led(self) -> set[str]:
        """Who gets requests beside its weight."""
        return {revision for revision in (self.previewed(), self.mirrored()[0]) if revision is not None}

    def _check_shadow(self, before: Any, after: Any) -> None:
        """A shadow that leaves has no request of a user's, unless somebody promotes it."""
        if self.spec["strategy"] == SHADOW and before.revisions and after.candidate == before.candidate:
            given, had = after.weight or 0, before.weight or 0
            assert given <= had or after.phase is Phase.PROMOTING, "a shadow got requests of users"

    def _check_failures(self, before: Any, after: Any) -> None:
        """Nothing but a failed analysis is told as one: missing data least of all."""
        newly = after.rejected is not None and before.rejected is None
        if newly and after.rejected.reason == "AnalysisFailed":
            assert self.verdict is Verdict.FAIL or not before.revisions


TestRollout = RolloutMachine.TestCase
TestRollout.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
