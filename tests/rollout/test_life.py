"""The life of a rollout, told to `plan()` and read off the world that its actions make."""

from datetime import timedelta

import pytest

from rollout.simulator import OWNER, Simulator, manifest, service_of
from serin.api.names import FINALIZER
from serin.api.status import Outcome, Phase, Role, Verdict
from serin.rollout.actions import Delete, Patch

ANALYSIS = {"interval": "10s", "metrics": [{"name": "error-rate", "threshold": "2%"}]}


@pytest.fixture
def healthy() -> Simulator:
    """Version 1.0.0 has all the traffic."""
    world = Simulator()
    world.settle()
    return world


def phase_of(world: Simulator) -> Phase:
    return world.status.phase


def roll_out(world: Simulator, version: str = "2.0.0", **changes: object) -> str:
    """Apply a new version and return its revision."""
    world.apply(manifest(version, **changes))
    assert world.status.candidate is not None
    return world.status.candidate


class TestFirstDeployment:
    def test_becomes_healthy_without_analysis(self, healthy: Simulator) -> None:
        assert phase_of(healthy) is Phase.HEALTHY
        assert healthy.split == {healthy.status.stable: 100}
        assert healthy.status.history[0].outcome is Outcome.DEPLOYED
        assert healthy.condition("Ready").status == "True"

    def test_takes_the_finalizer_before_anything_is_made(self) -> None:
        world = Simulator()
        world.step()
        assert world.finalizers == (FINALIZER,)
        assert not world.workloads

    def test_gets_no_route_before_its_pods_are_ready(self) -> None:
        world = Simulator(broken_images={"example/fraud:1.0.0"})
        world.settle()
        assert world.workloads
        assert world.route is None
        assert phase_of(world) is Phase.PENDING
        assert "0 of 4 pods" in world.status.message

    def test_looks_at_pods_that_do_not_become_ready_before_a_short_deadline_is_over(self) -> None:
        world = Simulator(manifest(progressDeadline="8s"), broken_images={"example/fraud:1.0.0"})
        world.settle()
        assert world.last is not None
        assert world.last.wake_at == world.now + timedelta(seconds=5)

    def test_is_degraded_when_nothing_moves_for_the_progress_deadline_and_recovers(self) -> None:
        world = Simulator(broken_images={"example/fraud:1.0.0"})
        world.settle()
        world.pass_time(301)
        assert phase_of(world) is Phase.DEGRADED
        assert world.condition("Stalled").reason == "ProgressDeadlineExceeded"
        world.broken_images.clear()
        for revision, workload in world.workloads.items():
            world.workloads[revision] = workload.__class__(workload.uid, 4, 4, settled=True)
        world.settle()
        assert phase_of(world) is Phase.HEALTHY


class TestCanary:
    def test_passes_every_step_in_order_and_is_promoted_without_a_restart(self, healthy: Simulator) -> None:
        old = healthy.stable
        new = roll_out(healthy)
        made = healthy.workloads[new].uid
        assert healthy.split == {old: 90, new: 10}
        healthy.pass_time(59)
        assert healthy.split[new] == 10
        healthy.pass_time(1)
        assert healthy.split[new] == 50
        healthy.pass_time(60)
        assert healthy.status.stable == new
        assert healthy.split == {old: 0, new: 100}
        assert healthy.workloads[new].uid == made
        assert healthy.weights == [0, 10, 50, 100]
        assert healthy.status.history[0].outcome is Outcome.PROMOTED
        patches = [a for a in healthy.actions if isinstance(a, Patch) and a.target.name == service_of(new)]
        assert [patch.operations[-1]["path"] for patch in patches] == ["/spec/replicas"] * 2

    def test_candidate_has_its_pods_before_its_weight(self, healthy: Simulator) -> None:
        new = roll_out(healthy)
        assert healthy.entry(new).replicas == 1
        healthy.pass_time(60)
        assert healthy.entry(new).replicas == 2
        assert healthy.split[new] == 50

    def test_joins_the_route_at_weight_0_before_it_gets_traffic(self, healthy: Simulator) -> None:
        healthy.apply(manifest("2.0.0"))
        assert healthy.weights[:2] == [0, 10]

    def test_its_time_does_not_run_before_the_route_is_accepted(self, healthy: Simulator) -> None:
        healthy.accept_routes = False
        new = roll_out(healthy)
        healthy.pass_time(200)
        assert healthy.status.step is not None
        assert healthy.status.step.since is None
        healthy.accept_routes = True
        healthy.accept()
        healthy.settle()
        assert healthy.split[new] == 10
        began = healthy.now
        assert healthy.status.step.since == began
        healthy.pass_time(59)
        assert healthy.split[new] == 10

    def test_previous_version_stays_warm_and_goes_after_keep_warm(self, healthy: Simulator) -> None:
        old = healthy.stable
        roll_out(healthy)
        healthy.pass_time(120)
        assert healthy.entry(old).role is Role.PREVIOUS
        assert healthy.workloads[old].replicas == 4
        healthy.pass_time(601)
        assert healthy.entry(old).role is Role.RETIRED
        assert healthy.workloads[old].replicas == 0
        assert old not in healthy.split

    def test_going_back_to_the_warm_version_takes_one_route_write(self, healthy: Simulator) -> None:
        old = healthy.stable
        new = roll_out(healthy)
        healthy.pass_time(130)
        generation = healthy.route_generation
        healthy.apply(manifest("1.0.0"))
        assert healthy.status.stable == old
        assert healthy.split == {old: 100, new: 0}
        assert healthy.route_generation == generation + 1
        assert healthy.status.history[0].outcome is Outcome.RESTORED
        assert healthy.now - healthy.status.history[0].started_at == timedelta(0)

    def test_new_revision_in_the_middle_starts_from_the_first_step(self, healthy: Simulator) -> None:
        old = healthy.stable
        second = roll_out(healthy)
        healthy.pass_time(60)
        assert healthy.split[second] == 50
        third = roll_out(healthy, "3.0.0")
        assert healthy.split == {old: 90, second: 0, third: 10}
        assert healthy.workloads[old].replicas == 4
        healthy.pass_time(6)
        assert healthy.workloads[second].replicas == 0
        assert healthy.status.history[0].outcome is Outcome.REPLACED

    def test_going_back_to_stable_in_the_middle_ends_the_rollout_at_once(self, healthy: Simulator) -> None:
        old = healthy.stable
        new = roll_out(healthy)
        healthy.apply(manifest("1.0.0"))
        assert healthy.status.candidate is None
        assert phase_of(healthy) is Phase.HEALTHY
        assert healthy.split == {old: 100, new: 0}
        assert healthy.status.history[0].outcome is Outcome.WITHDRAWN
        assert healthy.status.rejected is None

    @pytest.mark.parametrize(
        "change",
        [{"replicas": 5}, {"progressDeadline": "7m"}, {"rollback": {"keepWarm": "1m"}}, {"analysis": ANALYSIS}, {}],
        ids=lambda change: next(iter(change), "same manifest"),
    )
    def test_what_is_no_part_of_a_revision_starts_nothing(self, healthy: Simulator, change: dict[str, object]) -> None:
        healthy.apply(manifest("1.0.0", **change))
        assert healthy.status.candidate is None
        assert len(healthy.workloads) == 1

    def test_scaling_in_the_middle_keeps_both_right(self, healthy: Simulator) -> None:
        old = healthy.stable
        new = roll_out(healthy)
        healthy.pass_time(60)
        healthy.apply(manifest("2.0.0", replicas=8))
        assert (healthy.workloads[old].replicas, healthy.workloads[new].replicas) == (8, 4)
        healthy.apply(manifest("2.0.0", replicas=4))
        assert (healthy.workloads[old].replicas, healthy.workloads[new].replicas) == (4, 2)

    def test_editing_the_steps_never_raises_the_weight_by_itself(self, healthy: Simulator) -> None:
        new = roll_out(healthy)
        steps = [{"weight": 40, "hold": "1m"}, {"weight": 80, "hold": "1m"}]
        healthy.spec = manifest("2.0.0", strategy={"canary": {"steps": steps}})
        healthy.step()
        assert healthy.status.step is not None
        assert healthy.status.step.index == 0
        assert healthy.split[new] == 10

    def test_edited_steps_are_entered_at_the_highest_weight_not_above(self, healthy: Simulator) -> None:
        new = roll_out(healthy)
        healthy.pass_time(60)
        steps = [{"weight": 5}, {"weight": 30, "hold": "1m"}, {"weight": 90, "hold": "1m"}]
        healthy.apply(manifest("2.0.0", strategy={"canary": {"steps": steps}}))
        assert healthy.split[new] == 30

    def test_ramp_rises_in_eight_pieces(self, healthy: Simulator) -> None:
        ramp = {"from": 2, "to": 50, "over": "8m", "curve": "Exponential"}
        roll_out(healthy, strategy={"canary": {"steps": [{"ramp": ramp}]}})
        healthy.pass_time(8 * 60)
        assert healthy.weights == [0, 2, 3, 5, 8, 13, 20, 32, 50, 100]

    def test_without_traffic_a_new_version_takes_over_when_it_is_ready(self) -> None:
        world = Simulator(spec=manifest(traffic=None, strategy=None))
        world.settle()
        old = world.stable
        world.apply(manifest("2.0.0", traffic=None, strategy=None))
        assert world.status.stable != old
        assert world.user_service is not None
        assert world.user_service["spec"]["selector"]["serin.dev/revision"] == world.status.stable
        assert world.route is None


class TestPausing:
    def test_pause_step_waits_for_somebody_to_resume(self, healthy: Simulator) -> None:
        steps = [{"weight": 10}, {"pause": {}}, {"weight": 50}]
        new = roll_out(healthy, strategy={"canary": {"steps": steps}})
        healthy.pass_time(3600)
        assert phase_of(healthy) is Phase.PAUSED
        assert healthy.split[new] == 10
        healthy.ask("resume")
        healthy.settle()
        assert healthy.status.stable == new

    def test_timed_pause_ends_by_itself(self, healthy: Simulator) -> None:
        steps = [{"weight": 10}, {"pause": {"duration": "5m"}}, {"weight": 50, "hold": "1m"}]
        new = roll_out(healthy, strategy={"canary": {"steps": steps}})
        healthy.pass_time(299)
        assert healthy.split[new] == 10
        healthy.pass_time(1)
        assert healthy.split[new] == 50

    def test_paused_in_the_spec_stops_the_time_of_the_step(self, healthy: Simulator) -> None:
        new = roll_out(healthy)
        healthy.pass_time(30)
        healthy.apply(manifest("2.0.0", paused=True))
        healthy.pass_time(7200)
        assert phase_of(healthy) is Phase.PAUSED
        assert healthy.split[new] == 10
        healthy.apply(manifest("2.0.0", paused=False))
        healthy.pass_time(29)
        assert healthy.split[new] == 10
        healthy.pass_time(1)
        assert healthy.split[new] == 50

    def test_a_failing_candidate_is_rolled_back_even_while_paused(self, healthy: Simulator) -> None:
        roll_out(healthy, analysis=ANALYSIS)
        healthy.ask("pause")
        healthy.settle()
        healthy.verdict = Verdict.FAIL
        healthy.settle()
        assert phase_of(healthy) is Phase.DEGRADED


class TestAnalysis:
    def test_failure_rolls_back_in_one_write_and_is_remembered(self, healthy: Simulator) -> None:
        old = healthy.stable
        new = roll_out(healthy, analysis=ANALYSIS)
        generation = healthy.route_generation
        healthy.verdict = Verdict.FAIL
        healthy.settle()
        assert healthy.split == {old: 100, new: 0}
        assert healthy.route_generation == generation + 1
        assert phase_of(healthy) is Phase.DEGRADED
        assert healthy.status.rejected is not None
        assert healthy.status.rejected.revision == new
        assert healthy.condition("RolledBack").status == "True"
        healthy.pass_time(6)
        assert healthy.workloads[new].replicas == 0
        assert healthy.workloads[old].replicas == 4
        healthy.pass_time(3600)
        assert healthy.status.candidate is None

    def test_hold_stops_the_time_of_the_step(self, healthy: Simulator) -> None:
        new = roll_out(healthy, analysis=ANALYSIS)
        healthy.verdict = Verdict.CONTINUE
        healthy.pass_time(30)
        healthy.verdict = Verdict.HOLD
        healthy.pass_time(500)
        assert healthy.split[new] == 10
        healthy.verdict = Verdict.CONTINUE
        healthy.pass_time(29)
        assert healthy.split[new] == 10
        healthy.pass_time(1)
        assert healthy.split[new] == 50

    def test_a_hold_outlives_a_restart_of_the_operator_which_has_no_verdict_yet(self, healthy: Simulator) -> None:
        new = roll_out(healthy, analysis=ANALYSIS)
        healthy.verdict = Verdict.CONTINUE
        healthy.pass_time(30)
        healthy.verdict = Verdict.HOLD
        healthy.pass_time(100)
        healthy.verdict = None
        healthy.pass_time(100)
        healthy.verdict = Verdict.CONTINUE
        healthy.pass_time(29)
        assert healthy.split[new] == 10
        healthy.pass_time(1)
        assert healthy.split[new] == 50

    def test_a_step_needs_enough_ticks_and_samples(self, healthy: Simulator) -> None:
        new = roll_out(healthy, analysis=ANALYSIS)
        healthy.verdict, healthy.ticks = Verdict.CONTINUE, 2
        healthy.pass_time(600)
        assert healthy.split[new] == 10
        healthy.ticks, healthy.samples = 3, 49
        healthy.pass_time(600)
        assert healthy.split[new] == 10
        healthy.samples = 50
        healthy.settle()
        assert healthy.split[new] == 50

    def test_only_a_pass_promotes(self, healthy: Simulator) -> None:
        new = roll_out(healthy, analysis=ANALYSIS)
        healthy.verdict = Verdict.CONTINUE
        healthy.pass_time(600)
        assert healthy.split[new] == 50
        healthy.verdict = Verdict.PASS
        healthy.settle()
        assert healthy.status.stable == new

    @pytest.mark.parametrize(
        ("choice", "phase"),
        [("Pause", Phase.PAUSED), ("Rollback", Phase.DEGRADED), ("Promote", Phase.HEALTHY)],
    )
    def test_without_a_decision_max_duration_does_what_the_user_said(
        self, healthy: Simulator, choice: str, phase: Phase
    ) -> None:
        roll_out(healthy, analysis={**ANALYSIS, "maxDuration": "10m", "onInconclusive": choice})
        healthy.verdict = Verdict.HOLD
        healthy.pass_time(601)
        assert phase_of(healthy) is phase

    def test_whoever_resumes_after_max_duration_grants_it_once_more(self, healthy: Simulator) -> None:
        roll_out(healthy, analysis={**ANALYSIS, "maxDuration": "10m"})
        healthy.verdict = Verdict.HOLD
        healthy.pass_time(601)
        healthy.ask("resume")
        healthy.settle()
        assert phase_of(healthy) is Phase.PROGRESSING
        healthy.pass_time(500)
        assert phase_of(healthy) is Phase.PROGRESSING
        healthy.pass_time(200)
        assert phase_of(healthy) is Phase.PAUSED


class TestWhatCannotStart:
    def test_pods_that_do_not_start_never_get_traffic_and_are_turned_away(self, healthy: Simulator) -> None:
        old = healthy.stable
        healthy.broken_images.add("example/fraud:2.0.0")
        roll_out(healthy)
        healthy.pass_time(299)
        assert phase_of(healthy) is Phase.PROGRESSING
        healthy.pass_time(2)
        assert phase_of(healthy) is Phase.DEGRADED
        assert healthy.split == {old: 100}
        assert healthy.status.rejected is not None
        assert healthy.status.rejected.reason == "ProgressDeadlineExceeded"
        assert healthy.weights == [0]

    def test_invalid_template_is_told_before_anything_is_made(self, healthy: Simulator) -> None:
        healthy.invalid_images.add("example/fraud:2.0.0")
        healthy.spec = manifest("2.0.0")
        healthy.step()
        revision = healthy.status.candidate
        assert revision is not None
        healthy.settle()
        assert phase_of(healthy) is Phase.DEGRADED
        assert "is refused" in healthy.status.message
        assert revision not in healthy.workloads
        assert revision not in healthy.services
        assert revision not in healthy.records

    def test_missing_config_map_is_told_and_stable_goes_on(self, healthy: Simulator) -> None:
        template = {
            "spec": {"containers": [{"name": "m", "image": "i", "envFrom": [{"configMapRef": {"name": "settings"}}]}]}
        }
        healthy.apply(manifest("2.0.0", template=template))
        assert "ConfigMap settings" in healthy.status.message
        assert healthy.condition("Stalled").reason == "ConfigMapMissing"
        assert healthy.condition("Available").status == "True"
        healthy.config_maps["settings"] = "digest-1"
        healthy.settle()
        assert healthy.status.candidate is not None

    def test_changed_config_map_is_a_new_revision(self) -> None:
        template = {"spec": {"containers": [{"name": "m", "image": "i", "envFrom": [{"configMapRef": {"name": "s"}}]}]}}
        world = Simulator(spec=manifest(template=template), config_maps={"s": "digest-1"})
        world.settle()
        old = world.stable
        world.config_maps["s"] = "digest-2"
        world.settle()
        assert world.status.candidate not in {None, old}
        assert set(world.copies) == {f"s-{old}", f"s-{world.status.candidate}"}

    @pytest.mark.parametrize("source", ["digest-2", None])
    def test_a_frozen_copy_whose_content_is_lost_is_told_and_holds_nothing_up(self, source: str | None) -> None:
        reference = {"configMapRef": {"name": "s", "optional": True}}
        container = {"name": "model", "image": "example/fraud:1.0.0", "envFrom": [reference]}
        template = {"spec": {"containers": [container]}}
        world = Simulator(spec=manifest(template=template), config_maps={"s": "digest-1"})
        world.settle()
        assert list(world.copies) == [f"s-{world.status.stable}"]
        world.copies.clear()
        world.config_maps = {"s": source} if source else {}
        world.settle()
        assert world.condition("Stalled").reason == "ContentLost"
        world.pass_time(600)
        assert world.status.history[0].outcome is Outcome.PROMOTED
        assert world.condition("Ready").status == "True"

    def test_a_frozen_copy_that_is_deleted_comes_back_while_the_original_is_as_it_was(self) -> None:
        container = {"name": "model", "image": "example/fraud:1.0.0", "envFrom": [{"configMapRef": {"name": "s"}}]}
        world = Simulator(spec=manifest(template={"spec": {"containers": [container]}}), config_maps={"s": "digest-1"})
        world.settle()
        copies = dict(world.copies)
        world.copies.clear()
        world.settle()
        assert world.copies == copies
        assert world.condition("Ready").status == "True"

    def test_a_taken_name_gets_another_hash_and_starts_no_second_rollout(self, healthy: Simulator) -> None:
        healthy.spec = manifest("2.0.0")
        first = healthy.step().status.candidate
        world = Simulator()
        world.settle()
        world.taken.add(("Deployment", service_of(first)))
        world.apply(manifest("2.0.0"))
        assert world.status.candidate not in {None, first}
        second = world.status.candidate
        world.taken.clear()
        world.pass_time(600)
        assert world.status.stable == second
        assert world.status.candidate is None

    @pytest.mark.parametrize("kind", ["Deployment", "Service", "ControllerRevision"])
    def test_a_name_that_turns_out_to_be_taken_is_left_alone_and_told(self, kind: str) -> None:
        world = Simulator()
        world.step()
        first = world.step().status.candidate
        world = Simulator(others={(kind, service_of(first))})
        world.settle()
        assert world.status.stable not in {None, first}
        assert [notice.reason for notice in world.notices].count("NameTaken") == 1
        world.taken.clear()
        world.settle()
        assert world.status.candidate is None

    def test_somebody_elses_object_in_the_place_of_a_running_revisions_is_told_and_tried_again_later(
        self, healthy: Simulator
    ) -> None:
        name = service_of(healthy.status.stable)
        healthy.services.clear()
        healthy.others.add(("Service", name))
        healthy.settle()
        assert healthy.condition("Stalled").reason == "NameTaken"
        assert name in healthy.status.message
        healthy.others.clear()
        healthy.taken.clear()
        healthy.settle()
        assert healthy.condition("Ready").status == "True"


class TestRequests:
    def test_abort_rolls_back_and_says_who_and_why(self, healthy: Simulator) -> None:
        roll_out(healthy)
        healthy.ask("abort", reason="looks wrong")
        healthy.settle()
        assert phase_of(healthy) is Phase.DEGRADED
        assert healthy.status.rejected is not None
        assert healthy.status.rejected.message == "aborted by alice: looks wrong"
        assert healthy.reports["ask-1"].startswith("Done")

    def test_retry_rolls_the_rejected_revision_out_again(self, healthy: Simulator) -> None:
        new = roll_out(healthy)
        healthy.ask("abort")
        healthy.settle()
        healthy.ask("retry", revision=new)
        healthy.settle()
        assert healthy.status.candidate == new
        assert healthy.split[new] == 10

    def test_promote_skips_the_steps_but_not_the_capacity(self, healthy: Simulator) -> None:
        new = roll_out(healthy)
        healthy.ask("promote")
        healthy.settle()
        assert healthy.status.stable == new
        assert healthy.workloads[new].replicas == 4

    def test_the_same_wish_twice_does_not_skip_two_steps(self, healthy: Simulator) -> None:
        steps = [{"weight": 10}, {"pause": {}}, {"weight": 50}, {"pause": {}}]
        new = roll_out(healthy, strategy={"canary": {"steps": steps}})
        assert healthy.status.step is not None
        healthy.ask("resume", step=2)
        healthy.ask("resume", step=2)
        healthy.settle()
        assert healthy.split[new] == 50
        assert healthy.reports["ask-1"].startswith("Done")
        assert "meant for step 2" in healthy.reports["ask-2"]

    def test_a_wish_for_another_revision_is_refused_with_the_reason(self, healthy: Simulator) -> None:
        roll_out(healthy)
        healthy.ask("promote", revision="other")
        healthy.settle()
        assert "was meant for revision other" in healthy.reports["ask-1"]
        assert healthy.status.candidate is not None

    def test_what_was_carried_out_but_not_yet_reported_is_not_done_twice(self, healthy: Simulator) -> None:
        steps = [{"weight": 10}, {"pause": {}}, {"weight": 50}, {"pause": {}}]
        new = roll_out(healthy, strategy={"canary": {"steps": steps}})
        healthy.reporting = False
        healthy.ask("resume")
        for _ in range(20):
            healthy.step()
        assert healthy.split[new] == 50
        assert phase_of(healthy) is Phase.PAUSED
        healthy.reporting = True
        healthy.settle()
        assert healthy.reports == {"ask-1": "Done: the pause step is over"}
        assert healthy.split[new] == 50

    def test_what_was_carried_out_is_recorded_before_it_is_reported(self, healthy: Simulator) -> None:
        roll_out(healthy)
        healthy.ask("pause")
        decided = healthy.step()
        assert decided.status.actions[0].by == "alice"
        assert decided.status.paused is not None


class TestLostAndFound:
    def test_lost_status_is_rebuilt_from_records_and_route(self, healthy: Simulator) -> None:
        old = healthy.stable
        new = roll_out(healthy)
        healthy.pass_time(70)
        assert healthy.split[new] == 50
        healthy.status = healthy.status.__class__()
        healthy.settle()
        assert (healthy.status.stable, healthy.status.candidate) == (old, new)
        assert healthy.split == {old: 50, new: 50}
        healthy.pass_time(60)
        assert healthy.status.stable == new

    def test_rejection_survives_a_lost_status(self, healthy: Simulator) -> None:
        new = roll_out(healthy)
        healthy.ask("abort")
        healthy.settle()
        healthy.status = healthy.status.__class__()
        healthy.settle()
        assert healthy.status.rejected is not None
        assert healthy.status.rejected.revision == new
        assert healthy.status.candidate is None

    def test_children_deleted_by_hand_come_back(self, healthy: Simulator) -> None:
        stable = healthy.status.stable
        healthy.workloads.clear()
        healthy.services.clear()
        healthy.user_service = None
        healthy.route = None
        healthy.settle()
        assert stable in healthy.workloads
        assert stable in healthy.services
        assert healthy.user_service is not None
        assert healthy.split == {stable: 100}

    def test_old_revisions_go_beyond_the_history_limit(self) -> None:
        short = {"keepWarm": "0s", "drain": "1s"}
        world = Simulator(spec=manifest(rollback=short, revisionHistoryLimit=1))
        world.settle()
        for version in ("2.0.0", "3.0.0", "4.0.0"):
            world.apply(manifest(version, rollback=short, revisionHistoryLimit=1))
            world.pass_time(130)
        assert len(world.records) == 2
        assert len(world.workloads) == 2
        assert len(world.status.revisions) == 2
        assert any(isinstance(action, Delete) for action in world.actions)

    def test_plan_asks_for_nothing_when_nothing_is_to_be_done(self, healthy: Simulator) -> None:
        before = healthy.status
        decided = healthy.step()
        assert decided.actions == ()
        assert decided.notices == ()
        assert decided.status == before


class TestDeletion:
    def test_lets_go_at_once_when_serin_made_the_route(self, healthy: Simulator) -> None:
        healthy.deleting = True
        healthy.settle()
        assert healthy.gone

    def test_gives_a_route_of_the_users_own_back_and_drains_first(self) -> None:
        own = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {
                "name": "mine",
                "namespace": OWNER.namespace,
                "uid": "u",
                "resourceVersion": "1",
                "generation": 1,
            },
            "spec": {
                "parentRefs": [{"name": "gateway"}],
                "rules": [{"backendRefs": [{"name": "legacy", "port": 80}]}],
            },
        }
        world = Simulator(
            spec=manifest(traffic={"gatewayAPI": {"httpRoute": {"name": "mine", "backend": "legacy"}}}), route=own
        )
        world.accept()
        world.settle()
        assert set(world.split) == {world.status.stable}
        world.deleting = True
        world.settle()
        assert world.route is not None
        assert world.route["spec"] == own["spec"]
        assert not world.gone
        world.pass_time(6)
        assert world.gone

    def test_somebody_elses_route_to_a_revision_is_left_alone_and_not_talked_about(self, healthy: Simulator) -> None:
        backend = {"name": service_of(healthy.stable), "port": 80}
        rival = {"metadata": {"name": "rival", "generation": 1}, "spec": {"rules": [{"backendRefs": [backend]}]}}
        healthy.other_routes = [rival]
        said = len(healthy.notices)
        healthy.settle()
        assert len(healthy.notices) == said
        assert healthy.step().actions == ()

    def test_a_route_that_the_spec_names_no_more_is_given_back(self) -> None:
        own = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "mine", "namespace": OWNER.namespace, "resourceVersion": "1", "generation": 1},
            "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": [{"name": "legacy", "port": 80}]}]},
        }
        world = Simulator(
            spec=manifest(traffic={"gatewayAPI": {"httpRoute": {"name": "mine", "backend": "legacy"}}}), route=own
        )
        world.accept()
        world.settle()
        assert world.route is not None
        world.other_routes, world.route = [world.route], None
        world.apply(manifest())
        assert world.other_routes[0]["spec"]["rules"] == own["spec"]["rules"]  # type: ignore[index]
        assert world.split == {world.status.stable: 100}
