"""The node goes away in the middle of a rollout: who has no pods is waited for, and nobody is blamed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from localcluster import LocalCluster
from localcluster.api import condition
from localcluster.layout import NODE_NAME
from scenarios.api import eventually
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

NODE = f"/api/v1/nodes/{NODE_NAME}"
STEPS = {"canary": {"steps": [{"weight": 20, "hold": "6s"}, {"weight": 50, "hold": "2s"}]}}


@contextmanager
def without_its_node(cluster: LocalCluster, stage: Stage) -> Iterator[None]:
    """The machine is lost with all that ran on it, and an administrator who knows it deletes the node and its pods."""
    cluster.kubelet.stop()
    cluster.kube_proxy.stop()
    try:
        cluster.api.delete(NODE)
        lost = ["delete", "pods", "--all", "--namespace", stage.api.namespace, "--force", "--grace-period=0"]
        cluster.kubectl(*lost, "--wait=false")
        yield
    finally:
        cluster.kubelet.start()  # it registers its node anew
        cluster.kube_proxy.start()
        cluster.api.wait_for("the node", NODE, lambda it: condition(it, "Ready"), timeout=60)


@pytest.mark.long
def test_a_rollout_whose_pods_are_gone_waits_for_new_ones_and_goes_on(stage: Stage, cluster: LocalCluster) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    since = stage.resource_version
    stage.apply(model("2.0.0", replicas=1, strategy=STEPS, progressDeadline="2m"))
    stage.until("the step", lambda it: it.get("weight") == 20 and stage.weight("2.0.0") == 20)
    with without_its_node(cluster, stage):
        status = stage.until("no pods", lambda it: all(entry["readyReplicas"] == 0 for entry in it["revisions"]))
        stage.until("a hold", lambda it: it.get("step", {}).get("heldReason") == "PodsNotReady")
        assert stage.condition("Available")["status"] == "False"
        stage.stays("at its weight", lambda it: it.get("weight") == 20 and "rejected" not in it, seconds=4)
        assert stage.weight("2.0.0") == 20
    status = stage.until_phase("Healthy", version="2.0.0", within=120)
    assert "rejected" not in status
    assert [weight for weight in stage.weights("2.0.0", since) if weight] == [20, 50, 100]
    first, _ = stage.steps(since)
    assert first["heldSeconds"] >= 4
    with stage.load() as load:
        eventually(lambda: len(load.answers) > 50, what="answers")
    assert not load.lost


@pytest.mark.long
def test_a_node_that_is_not_heard_of_any_more_holds_the_rollout(stage: Stage, cluster: LocalCluster) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    since = stage.resource_version
    long = {"canary": {"steps": [{"weight": 20, "hold": "90s"}, {"weight": 50, "hold": "2s"}]}}
    stage.apply(model("2.0.0", replicas=1, strategy=long, progressDeadline="2m"))
    stage.until("the step", lambda it: it.get("weight") == 20 and stage.weight("2.0.0") == 20)
    cluster.kubelet.stop()
    try:
        cluster.api.wait_for("no node", NODE, lambda it: not condition(it, "Ready"), timeout=120)
        stage.until("a hold", lambda it: it.get("step", {}).get("heldReason") == "PodsNotReady")
        stage.stays("at its weight", lambda it: it.get("weight") == 20 and "rejected" not in it, seconds=10)
    finally:
        cluster.kubelet.start()
    status = stage.until_phase("Healthy", version="2.0.0", within=200)
    assert "rejected" not in status
    assert [weight for weight in stage.weights("2.0.0", since) if weight] == [20, 50, 100]
