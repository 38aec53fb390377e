"""Both stand beside each other at full size; the traffic moves in one write, and back in one."""

from typing import Any

import pytest

from rollout.simulator import ANALYSIS, Simulator, phase_of, roll_out
from serin.api.status import Outcome, Phase, Role, StepKind, Verdict

WATCHED = {**ANALYSIS, "watch": "10m"}
HEADERS = {"X-Serin-Preview": "true"}


def blue_green(**how: Any) -> dict[str, Any]:
    """A spec's strategy with a preview, and an analysis that watches."""
    strategy = {"type": "BlueGreen", "blueGreen": {"hold": "5m", **how}, "preview": {"headers": HEADERS}}
    return {"strategy": strategy, "analysis": WATCHED}


def kind_of(world: Simulator) -> StepKind | None:
    return world.status.step.kind if world.status.step else None


@pytest.fixture
def beside(healthy: Simulator) -> Simulator:
    """Version 2.0.0 stands beside 1.0.0, previewed and judged by copies."""
    roll_out(healthy, **blue_green(mirror=100))
    return healthy


def test_the_candidate_stands_ready_for_all_the_traffic_and_gets_none(beside: Simulator) -> None:
    new = beside.status.candidate
    assert new is not None
    assert (beside.workloads[new].ready, beside.split[new]) == (4, 0)
    assert (beside.previewed(), beside.mirrored()) == (new, (new, 100))


def test_the_switch_is_one_write_by_evidence_and_the_old_one_stays_warm(beside: Simulator) -> None:
    old, new = beside.stable, beside.status.candidate
    beside.verdict = Verdict.CONTINUE
    beside.pass_time(600)
    assert beside.weights == [0]
    beside.verdict, generation = Verdict.PASS, beside.route_generation
    beside.pass_time(1)
    assert (kind_of(beside), beside.split, beside.mirrored()) == (StepKind.WATCH, {old: 0, new: 100}, (None, 0))
    assert (beside.route_generation, beside.workloads[old].ready) == (generation + 1, 4)
    beside.pass_time(600)
    assert (beside.stable, beside.entry(old).role, beside.pods[old]) == (new, Role.PREVIOUS, 4)
    assert beside.weights == [0, 100]


def test_what_fails_after_the_switch_goes_back_in_one_write(beside: Simulator) -> None:
    old, new = beside.stable, beside.status.candidate
    beside.verdict = Verdict.PASS
    beside.pass_time(301)
    assert beside.split == {old: 0, new: 100}
    beside.verdict, generation = Verdict.FAIL, beside.route_generation
    beside.settle()
    assert beside.split[old] == 100
    assert beside.route_generation == generation + 1
    assert (beside.previewed(), beside.mirrored()) == (None, (None, 0))
    assert beside.status.history[0].outcome is Outcome.ROLLED_BACK


def test_what_fails_on_copies_never_gets_a_request_of_a_users(beside: Simulator) -> None:
    generation = beside.route_generation
    beside.verdict = Verdict.FAIL
    beside.settle()
    assert (beside.weights, beside.previewed(), beside.mirrored()) == ([0], None, (None, 0))
    assert beside.route_generation == generation + 1


def test_the_version_before_comes_back_at_once_while_it_is_kept_warm(beside: Simulator) -> None:
    old = beside.stable
    beside.verdict = Verdict.PASS
    beside.pass_time(910)
    generation = beside.route_generation
    beside.apply({**beside.spec, "model": {"version": "1.0.0"}, "template": Simulator().spec["template"]})
    assert (beside.stable, beside.split[old]) == (old, 100)
    assert beside.route_generation == generation + 1
    assert beside.status.history[0].outcome is Outcome.RESTORED


def test_without_copies_the_hold_is_a_time_and_no_data_are_waited_for(healthy: Simulator) -> None:
    new = roll_out(healthy, **blue_green())
    healthy.pass_time(299)
    assert (kind_of(healthy), healthy.split[new], healthy.mirrored()) == (StepKind.PREVIEW, 0, (None, 0))
    assert healthy.workloads[new].ready == 4
    healthy.pass_time(1)
    assert (kind_of(healthy), healthy.split[new]) == (StepKind.WATCH, 100)


def test_a_manual_promotion_waits_for_a_person_and_is_judged_meanwhile(healthy: Simulator) -> None:
    new = roll_out(healthy, **blue_green(mirror=100, promotion="Manual"))
    healthy.verdict = Verdict.PASS
    healthy.pass_time(7200)
    assert (phase_of(healthy), healthy.mirrored(), healthy.split[new]) == (Phase.PAUSED, (new, 100), 0)
    assert healthy.pods[new] == 4
    healthy.ask("resume")
    healthy.settle()
    assert (healthy.split[new], kind_of(healthy)) == (100, StepKind.WATCH)


def test_a_manual_promotion_that_fails_while_it_waits_is_turned_away(healthy: Simulator) -> None:
    roll_out(healthy, **blue_green(mirror=100, promotion="Manual"))
    healthy.verdict = Verdict.PASS
    healthy.pass_time(400)
    healthy.verdict = Verdict.FAIL
    healthy.settle()
    assert healthy.status.history[0].outcome is Outcome.ROLLED_BACK


def test_time_that_is_over_does_not_decide_in_a_persons_place(healthy: Simulator) -> None:
    how = blue_green(mirror=100, promotion="Manual")
    how["analysis"] = {**WATCHED, "maxDuration": "20m", "onInconclusive": "Promote"}
    new = roll_out(healthy, **how)
    healthy.verdict = Verdict.CONTINUE
    healthy.pass_time(3600)
    assert (phase_of(healthy), healthy.split[new], kind_of(healthy)) == (Phase.PAUSED, 0, StepKind.PAUSE)


def test_a_lost_status_does_not_switch(healthy: Simulator) -> None:
    how = blue_green()
    del how["strategy"]["preview"]
    new = roll_out(healthy, **how)
    healthy.lose_status()
    healthy.settle()
    assert (healthy.status.candidate, healthy.split[new]) == (new, 0)
    assert healthy.weights == [0]


def test_a_canary_that_becomes_blue_green_in_the_middle_gives_its_traffic_back_first(healthy: Simulator) -> None:
    new = roll_out(healthy)
    healthy.pass_time(70)
    assert healthy.split[new] == 50
    healthy.apply({**healthy.spec, **blue_green(mirror=100)})
    assert (healthy.split[new], healthy.mirrored(), healthy.pods[new]) == (0, (new, 100), 4)
