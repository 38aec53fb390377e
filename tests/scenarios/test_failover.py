"""Two operators, and the one that acts goes away in the middle of a rollout, while requests go through Envoy."""

import logging
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from localcluster import LocalCluster
from scenarios.api import eventually
from scenarios.conftest import OperatorProcess
from scenarios.prometheus_proxy import PrometheusProxy
from scenarios.stage import NAME, Stage, model
from scenarios.witness import Witness

logger = logging.getLogger(__name__)

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

HOLD = 4.0
STEPS = {"canary": {"steps": [{"weight": 20, "hold": f"{HOLD:g}s"}, {"weight": 50, "hold": f"{HOLD:g}s"}]}}
STANDS_BY = "Serin has seen"
ACTS = "and begins"
WRITES = re.compile(
    r'^serin_kubernetes_requests_total{code="\d+",resource="(?!leases)[^"]+",verb="(?:POST|PUT|PATCH|DELETE)"} (.*)$',
    re.MULTILINE,
)


@pytest.fixture
def standby(
    cluster: LocalCluster, operator: OperatorProcess, _proxy: PrometheusProxy, tmp_path: Path
) -> Iterator[OperatorProcess]:
    """A second operator, that stands by. Afterwards there is the first one alone, and it acts."""
    second = OperatorProcess(cluster, _proxy.url, tmp_path)
    second._audit_log = operator._audit_log  # both write to one: a rollout that changes hands has one chain
    second.start(until=STANDS_BY)
    try:
        yield second
    finally:
        if not operator.running:
            operator.start(until=STANDS_BY)
        second.stop()
        eventually(lambda: leads(operator), what="the first operator leads", within=30)


def metrics(operator: OperatorProcess) -> str:
    """What an operator tells about itself."""
    return requests.get(f"{operator.url}/metrics", timeout=10).text


def leads(operator: OperatorProcess) -> bool:
    """Whether an operator says that it acts."""
    return "\nserin_leader 1.0\n" in metrics(operator)


def writes(operator: OperatorProcess) -> float:
    """How many requests an operator has sent that change something, those about the Lease left out."""
    return sum(float(count) for count in WRITES.findall(metrics(operator)))


def follow(
    cluster: LocalCluster, stage: Stage, standby: OperatorProcess, goes: Callable[[], None]
) -> tuple[float, list[float]]:
    """Play a rollout whose leader goes in its first step: how long nobody acted, and how long the steps took."""
    stage.deploy(model("1.0.0", replicas=1))
    with stage.load() as load, Witness(cluster, stage.api.namespace) as witness:
        stage.apply(model("2.0.0", replicas=1, strategy=STEPS))
        stage.until("the time of the first step runs", lambda it: it.get("weight") == 20)
        eventually(lambda: 20 in witness.weights(f"{NAME}-{stage.status['candidate']}"), what="20 % in the route")
        backend = f"{NAME}-{stage.status['candidate']}"
        assert ACTS not in standby.log()
        began = time.monotonic()
        goes()
        eventually(lambda: ACTS in standby.log(), what="the standby acts", within=25, every=0.01)
        took = time.monotonic() - began
        stage.until_phase("Healthy", version="2.0.0")
        eventually(lambda: witness.weights(backend)[-1] == 100, what="100 % in the route")
    assert not load.lost
    assert [weight for weight in witness.weights(backend) if weight] == [20, 50, 100]
    return took, witness.step_seconds(backend)


def test_told_to_stop_it_is_followed_in_less_than_three_seconds(
    cluster: LocalCluster, stage: Stage, operator: OperatorProcess, standby: OperatorProcess
) -> None:
    assert requests.get(f"{standby.url}/readyz", timeout=10).status_code == 200
    assert (leads(operator), leads(standby)) == (True, False)
    took, steps = follow(cluster, stage, standby, lambda: operator.send(signal.SIGTERM))
    logger.info("Followed after %.2f s; steps of %s s", took, steps)
    assert took < 3
    assert all(HOLD - 1 <= seconds <= HOLD + took + 2 for seconds in steps), steps
    assert operator.stop(signal.SIGTERM) == 0


def test_killed_it_is_followed_in_less_than_twenty_seconds(
    cluster: LocalCluster, stage: Stage, operator: OperatorProcess, standby: OperatorProcess
) -> None:
    took, steps = follow(cluster, stage, standby, lambda: operator.send(signal.SIGKILL))
    logger.info("Followed after %.2f s; steps of %s s", took, steps)
    assert 10 < took < 20
    assert all(HOLD - 1 <= seconds <= HOLD + took + 2 for seconds in steps), steps
    operator.stop(signal.SIGKILL)


@pytest.mark.long
def test_frozen_and_woken_when_another_one_leads_it_changes_nothing(
    cluster: LocalCluster, stage: Stage, operator: OperatorProcess, standby: OperatorProcess
) -> None:
    written = 0.0

    def freeze() -> None:
        nonlocal written
        written = writes(operator)
        operator.send(signal.SIGSTOP)

    def freeze_and_wake() -> None:
        freeze()
        try:
            eventually(lambda: ACTS in standby.log(), what="the standby acts", within=25, every=0.01)
            # It has overslept the end of the step: now it would have everything to do.
        finally:
            operator.send(signal.SIGCONT)

    took, steps = follow(cluster, stage, standby, freeze_and_wake)
    logger.info("Followed after %.2f s; steps of %s s", took, steps)
    eventually(lambda: "Leading no more" in operator.log(), what="the sleeper notices")
    assert (leads(operator), leads(standby)) == (False, True)
    assert writes(operator) == written
    assert 10 < took < 20
    assert all(HOLD - 1 <= seconds <= HOLD + took + 2 for seconds in steps), steps
    assert requests.get(f"{operator.url}/livez", timeout=10).status_code == 200
