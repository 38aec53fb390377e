"""Pods, templates and ConfigMaps that are wrong, and names that are taken."""

import pytest

from rollout.simulator import Simulator, manifest, phase_of, roll_out, service_of
from serin.api.status import Outcome, Phase


def test_pods_that_do_not_start_never_get_traffic_and_are_turned_away(healthy: Simulator) -> None:
    old = healthy.stable
    healthy.broken_images.add("example/fraud:2.0.0")
    roll_out(healthy)
    healthy.pass_time(299)
    assert phase_of(healthy) is Phase.PROGRESSING
    healthy.pass_time(2)
    assert phase_of(healthy) is Phase.DEGRADED
    healthy.pass_time(6)
    assert healthy.split == {old: 100}
    assert healthy.status.rejected is not None
    assert healthy.status.rejected.reason == "ProgressDeadlineExceeded"
    assert healthy.weights == [0]


def test_invalid_template_is_told_before_anything_is_made(healthy: Simulator) -> None:
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


def test_missing_config_map_is_told_and_stable_goes_on(healthy: Simulator) -> None:
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


def test_changed_config_map_is_a_new_revision() -> None:
    template = {"spec": {"containers": [{"name": "m", "image": "i", "envFrom": [{"configMapRef": {"name": "s"}}]}]}}
    world = Simulator(spec=manifest(template=template), config_maps={"s": "digest-1"})
    world.settle()
    old = world.stable
    world.config_maps["s"] = "digest-2"
    world.settle()
    assert world.status.candidate not in {None, old}
    assert set(world.copies) == {f"s-{old}", f"s-{world.status.candidate}"}


@pytest.mark.parametrize("source", ["digest-2", None])
def test_a_frozen_copy_whose_content_is_lost_is_told_and_holds_nothing_up(source: str | None) -> None:
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


def test_a_frozen_copy_that_is_deleted_comes_back_while_the_original_is_as_it_was() -> None:
    container = {"name": "model", "image": "example/fraud:1.0.0", "envFrom": [{"configMapRef": {"name": "s"}}]}
    world = Simulator(spec=manifest(template={"spec": {"containers": [container]}}), config_maps={"s": "digest-1"})
    world.settle()
    copies = dict(world.copies)
    world.copies.clear()
    world.settle()
    assert world.copies == copies
    assert world.condition("Ready").status == "True"


def test_a_taken_name_gets_another_hash_and_starts_no_second_rollout(healthy: Simulator) -> None:
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
def test_a_name_that_turns_out_to_be_taken_is_left_alone_and_told(kind: str) -> None:
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
    healthy: Simulator,
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
