"""Whatever the API server, etcd, Prometheus, the network or the log's disk does: the rollout waits, and goes on."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from localcluster import LocalCluster, LocalClusterError
from scenarios.analyses import analysis, reason
from scenarios.api import Object, eventually
from scenarios.conftest import OperatorProcess
from scenarios.far_operator import API, PROMETHEUS, FarOperator, far_operator
from scenarios.stage import NAME, Stage, model
from scenarios.witness import Witness

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.scenario,
    # Python forgets to close a socket that was reset before its TLS handshake, as those are of a server that is away.
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
]

HOLD = 4.0
OUTAGE = 20.0
"""Longer than a request's patience (15 s), so that what is under way fails."""
AGAIN = 15.0
"""How long after an outage the operator may take to find that it is over: it asks again at growing intervals."""
WEIGHTS = [10, 20, 30, 40, 50, 60]
STEPS = {"canary": {"steps": [{"weight": weight, "hold": "4s"} for weight in WEIGHTS]}}


@pytest.fixture(scope="module")
def far(
    cluster: LocalCluster, operator: OperatorProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FarOperator]:
    """The operator at the end of a cable."""
    folder: Path = tmp_path_factory.mktemp("far")
    with far_operator(cluster, operator, folder) as process:
        yield process


@contextmanager
def stopped(cluster: LocalCluster, name: str) -> Iterator[None]:
    cluster.component(name).stop()
    try:
        yield
    finally:
        cluster.component(name).start()


@contextmanager
def frozen(cluster: LocalCluster, name: str) -> Iterator[None]:
    cluster.component(name).freeze()
    try:
        yield
    finally:
        cluster.component(name).thaw()


def stands_at(weight: int, status: Object) -> bool:
    """Whether the rollout is in the step of this weight."""
    return status.get("weight") == weight and bool(status.get("step", {}).get("since"))


def answers(cluster: LocalCluster) -> bool:
    """Whether the API server answers, which it does a moment after etcd is back."""
    try:
        return bool(cluster.api.get("/api/v1/namespaces/default"))
    except LocalClusterError:
        return False


def version(number: str, policy: Object | None) -> Object:
    """A model that gives Kubernetes time: its controllers too must find the API server again before a pod is Ready."""
    return model(number, replicas=1, strategy=STEPS, analysis=policy, progressDeadline="1m")


def test_a_rollout_outlives_the_faults_of_its_control_plane(
    cluster: LocalCluster, far: FarOperator, stages: Callable[[int], list[Stage]]
) -> None:
    """Two models at once: one judged by Prometheus, whose steps say when the next fault comes, one by time alone."""
    judged, timed = stages(2)
    policies = {judged.host: analysis(interval="1s"), timed.host: None}
    for stage in (judged, timed):
        stage.operator_log = far.tail
        stage.apply(version("1.0.0", policies[stage.host]))
    for stage in (judged, timed):
        stage.until_phase("Healthy", version="1.0.0")
    faults: dict[int, tuple[AbstractContextManager[None], float, str]] = {
        10: (stopped(cluster, "apiserver"), 5, "cannot reach https://10.250.0.1:6443"),
        20: (stopped(cluster, "etcd"), 5, ""),
        30: (frozen(cluster, "apiserver"), OUTAGE, "no answer from https://10.250.0.1:6443 in time"),
        40: (far.cut(API), OUTAGE, "no answer from https://10.250.0.1:6443 in time"),
        50: (far.full_disk(), 5, ""),
    }
    lost_seconds = 0.0
    with ExitStack() as watching:
        loads = [watching.enter_context(stage.load(20)) for stage in (judged, timed)]
        witnesses = [watching.enter_context(Witness(cluster, stage.api.namespace)) for stage in (judged, timed)]
        for stage in (judged, timed):
            stage.apply(version("2.0.0", policies[stage.host]))
        for weight, (fault, seconds, said) in faults.items():
            judged.until(f"the step of {weight}", partial(stands_at, weight))
            before, began = far.log(), time.monotonic()
            with fault:
                time.sleep(seconds)
                log = far.log()[len(before) :]
            eventually(lambda: answers(cluster), what="the API server's answer")
            lost_seconds += time.monotonic() - began
            assert said in log, f"{weight}: {log}"
        judged.until("the last step", partial(stands_at, 60))
        with far.cut(PROMETHEUS):
            status = judged.until("a hold", lambda it: reason(it) == "PrometheusUnavailable")
            assert "did not answer" in status["analysis"]["message"]
            assert judged.condition("AnalysisHealthy")["status"] == "Unknown"
            judged.stays("held", lambda it: it["weight"] == 60 and "rejected" not in it, seconds=2)
        for stage in (judged, timed):
            stage.until_phase("Healthy", version="2.0.0")
    for stage, load, witness in zip((judged, timed), loads, witnesses, strict=True):
        assert not load.lost
        weights = witness.weights(f"{NAME}-{stage.revision('2.0.0')}")
        assert [weight for weight in weights if weight] == [*WEIGHTS, 100], "0 may be too short to be seen"
        assert [step["weight"] for step in witness.steps()] == WEIGHTS
        lengths = step_seconds(witness)
        assert min(lengths) >= HOLD, lengths
        assert [it["outcome"] for it in stage.status["history"]] == ["Promoted", "Deployed"]
    print(  # noqa: T201
        step_seconds(witnesses[0]), step_seconds(witnesses[1]), lost_seconds
    )
    assert "Traceback" not in far.log()


def step_seconds(witness: Witness) -> list[float]:
    """How long each step took, the last one left out."""
    began = [datetime.fromisoformat(step["since"]) for step in witness.steps()]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(began)]
