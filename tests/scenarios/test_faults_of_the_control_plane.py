"""Whatever the API server, etcd, Prometheus, the network or the log's disk does: the rollout waits, and goes on."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
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

HOLD = 5.0
OUTAGE = 20.0
"""Longer than a request's patience (15 s), so that what is under way fails."""
LEASE = 14.0
"""Longer than a leader may go on without renewing its Lease (10 s)."""
SILENCE = 70.0
"""After which a watch counts as dead."""
AGAIN = 30.0
"""How long after an outage everybody may take to find that it is over: all ask again at growing intervals."""
WEIGHTS = [10, 20, 30, 40, 50]
STEPS = {"canary": {"steps": [{"weight": weight, "hold": "5s"} for weight in WEIGHTS]}}


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


def has_reached(weight: int, status: Object) -> bool:
    """Whether the rollout is at this weight, or further: a busy machine looks late."""
    return bool(status.get("weight", 0) >= weight)


def has_seen(witness: Witness, split: dict[str, int]) -> bool:
    """Whether the witness has seen a route with these weights."""
    return split in witness.splits


def answers(cluster: LocalCluster) -> bool:
    """Whether the API server answers, which it does a moment after etcd is back."""
    try:
        return bool(cluster.api.get("/api/v1/namespaces/default"))
    except LocalClusterError:
        return False


def version(number: str, policy: Object | None) -> Object:
    """A model that gives Kubernetes time: its controllers too must find the API server again before a pod is Ready."""
    return model(number, replicas=1, strategy=STEPS, analysis=policy, progressDeadline="1m")


@pytest.mark.usefixtures("no_namespace_goes")
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
        10: (stopped(cluster, "apiserver"), 3, "cannot reach https://10.250.0.1:6443"),
        20: (stopped(cluster, "etcd"), 3, ""),
        30: (frozen(cluster, "apiserver"), OUTAGE, "no answer from https://10.250.0.1:6443 in time"),
        40: (far.cut(API), LEASE, "The Lease could not be renewed"),
    }
    with ExitStack() as watching:
        loads = [watching.enter_context(stage.load(20)) for stage in (judged, timed)]
        witnesses = [watching.enter_context(Witness(cluster, stage.api.namespace)) for stage in (judged, timed)]
        for stage in (judged, timed):
            stage.apply(version("2.0.0", policies[stage.host]))
        for weight, (fault, seconds, said) in faults.items():
            judged.until(f"the step of {weight}", partial(has_reached, weight))
            # What was written just before a fault may be changed right after it, before anybody looks again.
            seen = [eventually(stage.split, what="a route") for stage in (judged, timed)]
            for witness, split in zip(witnesses, seen, strict=True):
                eventually(partial(has_seen, witness, split), what=f"a witness of {split}", every=0.05)
            before = far.log()
            with fault:
                time.sleep(seconds)
                log = far.log()[len(before) :]
            eventually(lambda: answers(cluster), what="the API server's answer")
            assert said in log, f"{weight}: {log}"
        judged.until("the last step", partial(has_reached, 50))
        with far.full_disk(), far.cut(PROMETHEUS):
            full = far.log()
            status = judged.until("a hold", lambda it: reason(it) == "PrometheusUnavailable")
            assert "did not answer" in status["analysis"]["message"]
            assert judged.condition("AnalysisHealthy")["status"] == "Unknown"
            judged.stays("held", lambda it: it.get("weight") == 50 and "rejected" not in it, seconds=2)
            assert far.log() == full, "what it has to say finds no room"
        for stage in (judged, timed):
            stage.until_phase("Healthy", version="2.0.0")
    for stage, load, witness in zip((judged, timed), loads, witnesses, strict=True):
        assert not load.lost
        backend = f"{NAME}-{stage.revision('2.0.0')}"
        weights = [weight for weight in witness.weights(backend) if weight]  # 0 may be too short to be seen
        assert weights == [*WEIGHTS, 100]
        lengths = witness.step_seconds(backend)
        assert min(lengths) >= HOLD - 1, lengths
        assert max(lengths) <= HOLD + OUTAGE + AGAIN, lengths
        assert all(seconds >= HOLD for seconds in witness.told_step_seconds())
        assert [it["outcome"] for it in stage.status["history"]] == ["Promoted", "Deployed"]
    assert "Traceback" not in far.log()
    eventually(
        lambda: not far.audit_findings(judged.object, timed.object),
        what="each decision in the audit log once",
        within=20,
    )
    assert "version 2.0.0 is promoted" in far.log(), "it goes on logging when the disk has room again"


@pytest.mark.long
def test_a_watch_that_nobody_sends_to_any_more_is_noticed(
    cluster: LocalCluster, far: FarOperator, stages: Callable[[int], list[Stage]]
) -> None:
    """The API server forgets its watches while the cable is cut: it has nothing to send, and never says so."""
    (stage,) = stages(1)
    stage.operator_log = far.tail
    stage.deploy(model("1.0.0", replicas=1))
    before = far.log()
    with far.cut(API):
        far.forget(API)
    stage.apply(model("2.0.0", replicas=1))
    stage.until_phase("Healthy", version="2.0.0", within=SILENCE + AGAIN + 60)
    assert f"silent for {SILENCE:g} s" in far.log()[len(before) :]
