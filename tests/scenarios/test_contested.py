"""A writer that changes the user's route back each second is named and not fought, while requests flow."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scenarios.api import Refused
from scenarios.stage import NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

OWN = {"gatewayAPI": {"httpRoute": {"name": "front"}}}
WRITER = "gitops-tool"


def front_route(stage: Stage) -> dict[str, object]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "front"},
        "spec": {
            "parentRefs": [{"name": "serin", "namespace": "serin-gateway"}],
            "hostnames": [stage.host],
            "rules": [{"backendRefs": [{"name": NAME, "port": 80}]}],
        },
    }


@contextmanager
def reverting(stage: Stage, to: dict[str, int]) -> Iterator[list[str]]:
    """Somebody who gives the route these weights each second, by a field manager of their own."""
    wrote: list[str] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(1.0):
            if stage.split("front") == to:
                continue
            route = stage.api.get("HTTPRoute", "front")
            assert route is not None
            backends = [
                {"name": name, "port": 80, "weight": weight, "kind": "Service", "group": ""}
                for name, weight in to.items()
            ]
            rules = [{**route["spec"]["rules"][0], "backendRefs": backends}]
            try:
                written = stage.api.patch("HTTPRoute", "front", {"spec": {"rules": rules}}, manager=WRITER)
            except Refused:
                continue
            wrote.append(written["metadata"]["resourceVersion"])

    thread = threading.Thread(target=work, name="reverting", daemon=True)
    thread.start()
    try:
        yield wrote
    finally:
        stop.set()
        thread.join(timeout=10)


def test_a_writer_that_reverts_each_second_is_named_and_when_it_stops_the_rollout_goes_on(stage: Stage) -> None:
    stage.api.apply(front_route(stage))
    stage.deploy(model("1.0.0", replicas=1, traffic=OWN))
    with stage.load() as load:
        stage.apply(model("2.0.0", replicas=1, traffic=OWN))
        stage.until("the first step", lambda it: it.get("weight") == 20 and it["step"].get("since"))
        decided = stage.split("front")
        stable = f"{NAME}-{stage.revision('1.0.0')}"
        assert decided[stable] == 80
        since = stage.resource_version
        with reverting(stage, {name: 100 if name == stable else 0 for name in decided}) as wrote:
            stage.until("the word of it", lambda _: stage.condition("TrafficShifted")["reason"] == "Contested")
            told = stage.status["message"]
            stage.stays("the word of it", lambda it: it["message"] == told and it["weight"] == 20, seconds=5)
        assert len(wrote) >= 4
        assert f"the field manager {WRITER} (weights: " in told
        assert f"{stable}=100" in told
        assert "ignoreDifferences" in told
        assert len(stage.events("RouteContested")) == 1
        again = [split for split in stage.splits(since, "front") if split == decided]
        assert 2 <= len(again) <= 5, "twice at once, then after pauses of 2, 4 and 8 seconds"
        assert len({str(status.get("conditions")) for status in stage.statuses(since)}) <= 3
        stage.until_phase("Healthy", version="2.0.0")
        assert len(stage.events("ContestOver")) == 1
    assert not load.lost
