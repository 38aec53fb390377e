"""Without a proxy each version gets as much as it has pods behind one Service."""

from typing import Any

import pytest

from rollout.simulator import ANALYSIS, Simulator, manifest, roll_out
from serin.api.names import MODEL_LABEL, REVISION_LABEL
from serin.api.status import Outcome, Phase, Role, Verdict
from serin.rollout.ratio import pods_for_ratio

RATIO: dict[str, Any] = {"traffic": {"replicas": {}}}
SHARED = {MODEL_LABEL: "fraud"}


@pytest.fixture
def counted() -> Simulator:
    """A first version whose traffic follows the pods."""
    simulator = Simulator(manifest(**RATIO))
    simulator.settle()
    assert simulator.status.phase is Phase.HEALTHY
    return simulator


def selector(simulator: Simulator) -> dict[str, str]:
    """What the Service of the ModelDeployment's name selects."""
    assert simulator.user_service is not None
    selected: dict[str, str] = simulator.user_service["spec"]["selector"]
    return selected


def alone(revision: str) -> dict[str, str]:
    """A selector of one version."""
    return {MODEL_LABEL: "fraud", REVISION_LABEL: revision}


def pods(simulator: Simulator) -> dict[str, int]:
    """The pods of each version that has some."""
    return {name: found.replicas for name, found in simulator.workloads.items() if found.replicas}


@pytest.mark.parametrize(
    ("whole", "weight", "pods"),
    [(4, 0, 0), (4, 5, 1), (4, 20, 1), (4, 21, 2), (4, 50, 4), (4, 100, 4), (95, 5, 5), (0, 50, 0), (1, 1, 1)],
)
def test_the_fewest_pods_that_have_the_share(whole: int, weight: int, pods: int) -> None:
    assert pods_for_ratio(whole, weight) == pods


def test_weights_are_made_by_pods_and_promotion_is_one_write_of_the_selector(counted: Simulator) -> None:
    old = counted.stable
    assert selector(counted) == alone(old)
    new = roll_out(counted, **RATIO)
    assert (selector(counted), pods(counted)) == (SHARED, {old: 4, new: 1})
    assert counted.route is None
    counted.pass_time(60)
    assert (selector(counted), pods(counted)) == (SHARED, {old: 4, new: 4})
    counted.pass_time(60)
    assert selector(counted) == alone(new)
    assert counted.status.history[0].outcome is Outcome.PROMOTED


def test_the_service_leads_to_the_candidate_only_when_its_pods_are_ready(counted: Simulator) -> None:
    counted.pod_seconds = 20
    old = counted.stable
    roll_out(counted, **RATIO)
    counted.pass_time(19)
    assert selector(counted) == alone(old)
    counted.pass_time(1)
    assert selector(counted) == SHARED


def test_a_rollback_is_one_write_of_the_selector_and_stable_has_all_its_pods() -> None:
    simulator = Simulator(manifest(analysis=ANALYSIS, **RATIO))
    simulator.settle()
    old = simulator.stable
    new = roll_out(simulator, analysis=ANALYSIS, **RATIO)
    simulator.verdict = Verdict.FAIL
    simulator.settle()
    assert selector(simulator) == alone(old)
    assert pods(simulator)[old] == 4
    simulator.pass_time(6)
    assert pods(simulator) == {old: 4}
    assert simulator.entry(new).role is Role.RETIRED


def test_nothing_is_kept_warm_behind_the_same_service(counted: Simulator) -> None:
    new = roll_out(counted, **RATIO)
    counted.pass_time(130)
    assert (counted.stable, pods(counted)) == (new, {new: 4})


def test_a_third_version_waits_until_the_pods_of_the_one_before_have_gone(counted: Simulator) -> None:
    second = roll_out(counted, **RATIO)
    counted.pass_time(120)
    assert counted.stable == second
    third = roll_out(counted, "3.0.0", **RATIO)
    assert selector(counted) == alone(second)
    assert "have to go first" in counted.status.message
    counted.pass_time(6)
    assert (selector(counted), pods(counted)) == (SHARED, {second: 4, third: 1})


def test_what_a_weight_is_in_truth_is_told(counted: Simulator) -> None:
    roll_out(counted, **RATIO)
    assert any("gets 10 % of the traffic (1 of 5 pods, 20 %)" in notice.message for notice in counted.notices)


def test_a_version_at_another_port_is_turned_away(counted: Simulator) -> None:
    old = counted.stable
    counted.apply(manifest("2.0.0", service={"targetPort": 9000}, **RATIO))
    assert counted.status.rejected is not None
    assert (counted.status.rejected.version, counted.status.rejected.reason) == ("2.0.0", "PortChanged")
    assert (counted.stable, selector(counted)) == (old, alone(old))


def test_a_lost_status_is_rebuilt_from_the_pods(counted: Simulator) -> None:
    old = counted.stable
    new = roll_out(counted, **RATIO)
    counted.pass_time(60)
    counted.lose_status()
    counted.settle()
    assert (counted.status.stable, counted.status.candidate) == (old, new)
    assert counted.weights[-1] == 50
