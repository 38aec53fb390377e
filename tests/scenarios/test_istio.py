"""Whole rollouts on Istio: in its own VirtualService, and in the Gateway API as istiod carries it out.

Requests are counted by the proxy at the gateway, in the series that Istio's own filter would give (emulated, see
docs/local-cluster.md), and judged by the preset `istio`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from localcluster import LocalCluster
from scenarios.analyses import until_all_answers_are_of
from scenarios.api import Api, Object, eventually
from scenarios.conftest import OperatorProcess
from scenarios.load import Answer, Load
from scenarios.stage import NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario, pytest.mark.long, pytest.mark.timeout(600)]

STEPS = {"canary": {"steps": [{"weight": 5}, {"pause": {}}, {"weight": 50}, {"pause": {}}]}}
RATE, REQUESTS = 200.0, 2000
POINTS = 0.03
"""How far the share of that many requests may be from the weight: Envoy chooses at random."""
SETTLED_SECONDS = 1.0
"""After a weight was written; istiod hands it out in a third of a second."""
SEEN_BY_ISTIO = {
    "interval": "2s",
    "confirm": 2,
    "minSamples": 30,
    "maxDuration": "10m",
    "metrics": [{"name": "error-rate", "threshold": "5%", "source": "Gateway"}],
}
GATEWAY = {"name": "serin", "namespace": "istio-system"}
HOSTED: dict[str, Callable[[str], Object]] = {
    "VirtualService": lambda host: {"istio": {"hosts": [host], "gateways": ["istio-system/serin"]}},
    "HTTPRoute": lambda host: {"gatewayAPI": {"parentRefs": [GATEWAY], "hostnames": [host]}, "metrics": "istio"},
}
"""The traffic of a ModelDeployment by the kind of the route that Serin then makes."""


@dataclass
class IstioStage(Stage):
    """A stage whose requests go through Istio's gateway, by one of the two kinds of route."""

    kind: str = field(default="VirtualService")

    def version(self, version: str, **options: Any) -> Object:
        """A version of the model behind Istio."""
        return model(version, traffic=HOSTED[self.kind](self.host), strategy=STEPS, analysis=SEEN_BY_ISTIO, **options)

    def splits(self, since: str, name: str = NAME) -> list[dict[str, int]]:
        """The splits that the route had since then, in order, each once."""
        splits: list[dict[str, int]] = []
        for route in self.api.story(self.kind, name, since):
            split = split_in(route)
            if not splits or splits[-1] != split:
                splits.append(split)
        return splits


def split_in(route: Object) -> dict[str, int]:
    """The weights in a route of either kind, by the backend's name: those of its last rule, which holds for all."""
    spec = route["spec"]
    if "http" in spec:
        return {it["destination"]["host"]: it.get("weight", 100) for it in spec["http"][-1]["route"]}
    return {it["name"]: it.get("weight", 1) for it in spec["rules"][-1]["backendRefs"]}


@pytest.fixture(scope="module")
def istio(cluster: LocalCluster, operator: OperatorProcess) -> LocalCluster:
    """The cluster with Istio in it, and an operator that has seen its kinds at its start."""
    cluster.start_istio()
    operator.kill()
    operator.start()
    return cluster


@pytest.fixture(params=HOSTED)
def mesh(
    request: pytest.FixtureRequest,
    istio: LocalCluster,
    operator: OperatorProcess,
    session: tuple[requests.Session, str],
    namespace: str,
) -> IstioStage:
    """A namespace behind Istio's gateway, for each kind of route."""
    return IstioStage(Api(*session, namespace), istio.istio_gateway_url, operator.tail, kind=request.param)


def measured(load: Load, version: str, weight: int) -> None:
    """See that a version gets its share of the next requests."""
    began = time.monotonic() + SETTLED_SECONDS
    eventually(lambda: len(answered(load, began)) >= REQUESTS, what=f"{REQUESTS} answers at {weight} %")
    answers = answered(load, began)
    share = sum(answer.version == version for answer in answers) / len(answers)
    assert abs(share - weight / 100) <= POINTS, f"{share:.1%} of {len(answers)} requests at a weight of {weight} %"


def answered(load: Load, since: float) -> list[Answer]:
    """Requests that a model server answered since then."""
    return [answer for answer in load.since(since) if not answer.error]


@contextmanager
def away(cluster: LocalCluster, component: str) -> Iterator[None]:
    """Have a component end and begin again; it is away meanwhile."""
    handle = cluster.component(component)
    handle.stop()
    try:
        yield
    finally:
        handle.start()


def at_pause(stage: Stage, weight: int) -> Object:
    """Wait until the rollout waits for a person at a weight."""
    return stage.until(
        f"the pause at {weight} %", lambda it: it["phase"] == "Paused" and it.get("weight") == weight, within=90
    )


def test_a_rollout_and_the_way_back_lose_no_request_and_split_them_as_asked(
    mesh: IstioStage, istio: LocalCluster
) -> None:
    mesh.deploy(mesh.version("1.0.0"))
    first = mesh.pods("1.0.0")
    with mesh.load(RATE) as load:
        since = mesh.resource_version
        mesh.apply(mesh.version("2.0.0"))
        at_pause(mesh, 5)
        pods = mesh.pods("2.0.0")
        measured(load, "2.0.0", 5)
        with away(istio, "istiod"):
            mesh.act("resume")
            time.sleep(2)  # a weight may be written meanwhile: the proxies do not hear of it
        at_pause(mesh, 50)
        measured(load, "2.0.0", 50)
        mesh.act("resume")
        mesh.until_phase("Healthy", version="2.0.0")
        measured(load, "2.0.0", 100)
        assert mesh.weights("2.0.0", since) == [0, 5, 50, 100]
        assert pods.items() <= mesh.pods("2.0.0").items()
        assert set(pods.values()) == {0}

        since = mesh.resource_version
        mesh.deploy(mesh.version("1.0.0"))
        assert mesh.weights("1.0.0", since) == [100], "the version before is warm: one write takes it back"
        until_all_answers_are_of(load, "1.0.0")
        assert mesh.pods("1.0.0") == first
    assert not load.lost


def test_a_version_that_fails_requests_is_rolled_back(mesh: IstioStage) -> None:
    mesh.deploy(mesh.version("1.0.0"))
    stable = mesh.pods("1.0.0")
    with mesh.load(RATE) as load:
        mesh.apply(mesh.version("2.0.0", environment={"ERROR_SHARE": "0.4"}))
        status = mesh.until_phase("Degraded", within=90)
        assert status["rejected"]["message"].startswith("error-rate: ")
        until_all_answers_are_of(load, "1.0.0")
        mesh.until("no pods of the bad version", lambda _: not mesh.pods("2.0.0"))
    assert mesh.pods("1.0.0") == stable
    assert not load.lost


def test_a_proxy_that_restarts_in_the_middle_splits_as_before(mesh: IstioStage, istio: LocalCluster) -> None:
    mesh.deploy(mesh.version("1.0.0"))
    with mesh.load(RATE) as load:
        mesh.apply(mesh.version("2.0.0"))
        at_pause(mesh, 5)
        mesh.act("resume")
        at_pause(mesh, 50)
        gone = time.monotonic()
        with away(istio, "istio-gateway"):
            pass
        back = time.monotonic()
        measured(load, "2.0.0", 50)
        mesh.act("resume")
        mesh.until_phase("Healthy", version="2.0.0")
        until_all_answers_are_of(load, "2.0.0")
    outside = [it for it in load.lost if not gone < it.at < back + SETTLED_SECONDS]
    assert not outside, "only while nobody was there who could take a request"
