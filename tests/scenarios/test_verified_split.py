"""A weight is only believed when the requests are split like that: whoever goes around it holds the rollout."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from localcluster import LocalCluster
from scenarios.analyses import HALF, analysis, message, reason, verdict
from scenarios.api import Object
from scenarios.inside import bypass
from scenarios.stage import NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

GATEWAY = {"name": "serin", "namespace": "serin-gateway"}


@contextmanager
def rival_route(stage: Stage, version: str) -> Iterator[None]:
    """Somebody's own HTTPRoute for the same host and a longer path, past Serin's: all of it to one version."""
    rule: Object = {
        "matches": [{"path": {"type": "Exact", "value": "/predict"}}],
        "backendRefs": [{"name": f"{NAME}-{stage.revision(version)}", "port": 80}],
    }
    stage.api.create(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "rival", "namespace": stage.api.namespace},
            "spec": {"parentRefs": [GATEWAY], "hostnames": [stage.host], "rules": [rule]},
        }
    )
    try:
        yield
    finally:
        stage.api.delete("HTTPRoute", "rival")


def test_a_route_past_serins_own_holds_the_rollout_until_it_is_gone(stage: Stage) -> None:
    stage.deploy(model("1.0.0", analysis=analysis(), strategy=HALF))
    with stage.load() as load:
        with rival_route(stage, "1.0.0"):
            stage.apply(model("2.0.0", analysis=analysis(), strategy=HALF))
            status = stage.until("a hold", lambda it: reason(it) == "TrafficMissing")
            assert "Its traffic does not reach it: the candidate got 0% of" in message(status)
            assert "its weight is 50%" in message(status)
            assert status["analysis"]["split"]["observed"] == 0
            stage.stays("held", lambda it: verdict(it) == "Hold" and it["weight"] == 50, seconds=4)
            assert load.by_version["2.0.0"] == 0
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost


@pytest.mark.long
def test_a_client_that_goes_around_the_route_holds_the_rollout_until_it_stops(
    stage: Stage, cluster: LocalCluster
) -> None:
    stage.deploy(model("1.0.0", analysis=analysis(), strategy=HALF))
    with stage.load(rate=30) as load:
        stage.apply(model("2.0.0", analysis=analysis(), strategy=HALF))
        stage.until("traffic of the candidate", lambda it: it.get("weight", 0) > 0)
        with bypass(cluster, stage, "2.0.0", rate=100):
            status = stage.until("a hold", lambda it: reason(it) == "TrafficUnverified")
            assert "The split is not the one asked for" in message(status)
            assert status["analysis"]["split"]["observed"] > 0.6
            stage.stays("held", lambda it: verdict(it) == "Hold" and it["weight"] == 50, seconds=4)
        stage.until_phase("Healthy", version="2.0.0")
    assert not load.lost
