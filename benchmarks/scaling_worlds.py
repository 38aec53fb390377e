"""One rollout at full load, thrice: by Serin, and by a controller that moves weights beside one plain HPA.

The model is the same each time. Its new version takes twice as long and twice the processor time for a request, a pod
serves five at once, five more wait, and what comes then is refused, as model servers do. What the autoscalers follow is
calibrated: processor time at which five pods are right for the old version. Scaling down is stabilized over 15 s in
place of the customary 300, so that steps of a minute show what steps of half an hour would.
"""

from __future__ import annotations

import copy
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import requests

from localcluster import LocalCluster
from scenarios.api import Api, Object, eventually
from scenarios.diary import Diary
from scenarios.load import Load
from scenarios.stage import IMAGE, NAME, Stage, model

RATE = 150.0
LATENCY, WORK = {"1.0.0": 0.08, "2.0.0": 0.16}, {"1.0.0": 0.001, "2.0.0": 0.002}
RIGHT = 5
"""Pods that are right for the old version."""
AT_ONCE = 2.6
"""Requests under way in each of them."""
MOST = 20
WEIGHTS, HOLD = (20, 50), 90.0
CALM = 60.0
"""Seconds before the rollout, and after the last weight."""
PORT = 8080
BESIDE, BESIDE_RATE = "beside", 20.0
"""A pod that is asked beside the model, and how often a second: with the latency of the old version."""
DOWN_AT_ONCE = {"scaleDown": {"stabilizationWindowSeconds": 15}}


@dataclass
class Told:
    """What became of one rollout. Times are seconds from its beginning.

    answers: when, how long it took in seconds, by which version ("" if by none), and whether it failed.
    replicas: when, and how many of each version. weights: when, and the percentage of the new version.
    beside: when, and how long a request took to a pod that nobody else asks: what the machine and the proxy do.
    """

    answers: list[tuple[float, float, str, bool]] = field(default_factory=list)
    replicas: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    weights: list[tuple[float, int]] = field(default_factory=list)
    beside: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class World:
    """A namespace of a cluster, how to reach it, and how much processor time a pod is meant to use, in milli-units."""

    cluster: LocalCluster
    connection: tuple[requests.Session, str]
    namespace: str
    target: int = 0

    @property
    def stage(self) -> Stage:
        """The namespace as the scenarios see it."""
        return Stage(Api(*self.connection, self.namespace), self.cluster.gateway_url)

    def cpu_metric(self) -> Object:
        """The metric that every autoscaler follows."""
        target = {"type": "AverageValue", "averageValue": f"{self.target}m"}
        return {"type": "Resource", "resource": {"name": "cpu", "target": target}}

    def use(self) -> list[float]:
        """What each pod uses of a processor, in milli-units, as metrics-server says it."""
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.namespace}/pods"
        found = self.cluster.api.get(path)["items"]
        return [float(it["containers"][0]["usage"]["cpu"].rstrip("n")) / 1e6 for it in found]


def by_serin(world: World) -> Told:
    """The rollout as Serin does it, with metrics for each version and pods before weight."""
    running = {"metric": "running-requests", "target": {"type": "AverageValue", "averageValue": str(AT_ONCE)}}
    autoscaling = {
        "minReplicas": 2,
        "maxReplicas": MOST,
        "metrics": [world.cpu_metric(), {"type": "Prometheus", "prometheus": running}],
        "behavior": DOWN_AT_ONCE,
    }
    strategy = {"canary": {"steps": [{"weight": weight, "hold": f"{HOLD:g}s"} for weight in WEIGHTS]}}

    def version(number: str) -> Object:
        manifest = model(number, replicas=None, autoscaling=autoscaling, strategy=strategy, progressDeadline="2m")
        template = manifest["spec"]["template"]
        template["spec"]["containers"][0] |= {"env": environment(number), "resources": requested()}
        return manifest

    stage = world.stage
    stage.deploy(version("1.0.0"))

    def settle() -> None:
        stage.until("the right pods", lambda _: len(stage.pods("1.0.0")) == RIGHT, within=240)

    def roll_out() -> None:
        stage.apply(version("2.0.0"))
        stage.until_phase("Healthy", version="2.0.0", within=600)

    return _told(world, settle, roll_out)


def by_one_autoscaler(world: World, *, over_both: bool) -> Told:
    """A controller that gives the new version its share of the replicas that one HPA asks for, and then the weight.

    over_both: the HPA sees the pods of both versions, and not those of the old one alone.
    """
    api = world.stage.api
    names = {"1.0.0": NAME, "2.0.0": f"{NAME}-canary"}
    old_selector = {"app": NAME} if over_both else {"app": NAME, "track": "stable"}
    for number, selector in (("1.0.0", old_selector), ("2.0.0", {"app": NAME, "track": "canary"})):
        labels = {"app": NAME, "track": "stable" if number == "1.0.0" else "canary", "serin.dev/version": number}
        api.apply(deployment(names[number], number, selector, labels, RIGHT if number == "1.0.0" else 0))
        api.apply(service(names[number], {"app": NAME, "track": labels["track"]}))
    api.apply(route(world.stage.host, {names["1.0.0"]: 100, names["2.0.0"]: 0}))

    def settle() -> None:
        api.apply(autoscaler(world, names["1.0.0"]))
        time.sleep(40)  # two of its passes, so that its metrics speak of the load

    def asked() -> int:
        return int(_existing(api, names["1.0.0"])["spec"]["replicas"])

    def roll_out() -> None:
        with _share(api, names, asked) as want:
            for weight in (*WEIGHTS, 100):
                want(weight)
                api.apply(route(world.stage.host, {names["1.0.0"]: 100 - weight, names["2.0.0"]: weight}))
                if weight != 100:
                    time.sleep(HOLD)
        api.apply(autoscaler(world, names["2.0.0"]))

    return _told(world, settle, roll_out)


@contextmanager
def _share(api: Api, names: dict[str, str], asked: Callable[[], int]) -> Iterator[Callable[[int], None]]:
    """Keep the new version at its share of what is asked for; yields what waits until it has the pods for a weight."""
    wanted, over = [0], threading.Event()

    def follow() -> int:
        pods = -(-asked() * wanted[0] // 100)
        api.patch("Deployment", names["2.0.0"], {"spec": {"replicas": pods}})
        return pods

    def keep() -> None:
        while not over.wait(2):
            follow()

    def want(weight: int) -> None:
        wanted[0] = weight
        pods = follow()
        eventually(lambda: ready(api, names["2.0.0"]) >= pods, what=f"{pods} pods", within=60)

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield want
    finally:
        over.set()
        thread.join()


def _told(world: World, settle: Callable[[], None], roll_out: Callable[[], None]) -> Told:
    stage, told = world.stage, Told()
    deployments = Diary(world.connection, "Deployment", world.namespace)
    routes = Diary(world.connection, "HTTPRoute", world.namespace)
    beside = _idle(world)
    with deployments, routes, stage.load(RATE) as load, Load(stage.gateway_url, beside, BESIDE_RATE) as other:
        load.longest = other.longest = 1200
        settle()
        time.sleep(CALM)
        began, wall = time.monotonic(), datetime.now(UTC)
        roll_out()
        time.sleep(CALM)
    told.beside = [(it.at - began, it.took) for it in other.answers]
    told.answers = [(it.at - began, it.took, it.version, it.status != 200) for it in load.answers]
    versions: dict[str, str] = {}
    for page in deployments.pages:
        counts: Counter[str] = Counter()
        for name, it in page.objects.items():
            versions[name] = it["spec"]["template"]["metadata"]["labels"]["serin.dev/version"]
            counts[versions[name]] += it["spec"]["replicas"] if name != BESIDE else 0
        told.replicas.append(((page.at - wall).total_seconds(), dict(counts)))
    for page in routes.pages:
        if NAME in page.objects:
            shares: Counter[str] = Counter()
            for backend in page.objects[NAME]["spec"]["rules"][0]["backendRefs"]:
                shares[versions[backend["name"]]] += backend.get("weight", 1)
            told.weights.append(((page.at - wall).total_seconds(), 100 * shares["2.0.0"] // shares.total()))
    return told


def _idle(world: World) -> str:
    """A pod that has nothing to do but a few requests, and the host name that leads to it."""
    api, labels, host = world.stage.api, {"app": BESIDE, "serin.dev/version": "1.0.0"}, f"{BESIDE}.{world.stage.host}"
    api.apply(deployment(BESIDE, "1.0.0", {"app": BESIDE}, labels, 1))
    api.apply(service(BESIDE, {"app": BESIDE}))
    api.apply(route(host, {BESIDE: 100}, name=BESIDE))
    eventually(lambda: ready(api, BESIDE) == 1, what="a pod beside")
    return host


def environment(number: str) -> list[Object]:
    """How good a version is."""
    variables = {
        "LATENCY": LATENCY[number],
        "WORK": WORK[number],
        "SLOTS": 5,
        "QUEUE": 5,
        "SERIN_MODEL_VERSION": number,
        "LINGER": 3,
    }
    return [{"name": name, "value": str(value)} for name, value in variables.items()]


def requested() -> Object:
    """What a pod requests."""
    return {"requests": {"cpu": "50m"}}


def deployment(name: str, number: str, selector: Object, labels: Object, replicas: int) -> Object:
    """A version as a plain Deployment."""
    container = copy.deepcopy(model(number)["spec"]["template"]["spec"]["containers"][0])
    container |= {"env": environment(number), "resources": requested(), "image": IMAGE}
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 5, "containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": selector}, "template": template},
    }


def service(name: str, selector: Object) -> Object:
    """The pods of one version."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": selector, "ports": [{"port": 80, "targetPort": PORT}]},
    }


def route(host: str, weights: dict[str, int], *, name: str = NAME) -> Object:
    """Who gets how much."""
    backends = [{"name": backend, "port": 80, "weight": weight} for backend, weight in weights.items()]
    parents = [{"name": "serin", "namespace": "serin-gateway"}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {"hostnames": [host], "parentRefs": parents, "rules": [{"backendRefs": backends}]},
    }


def autoscaler(world: World, name: str) -> Object:
    """The HPA, on one Deployment."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": NAME},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": 2,
            "maxReplicas": MOST,
            "metrics": [world.cpu_metric()],
            "behavior": DOWN_AT_ONCE,
        },
    }


def ready(api: Api, name: str) -> int:
    """The Ready pods of a Deployment."""
    return int(_existing(api, name)["status"].get("readyReplicas", 0))


def _existing(api: Api, name: str) -> Object:
    found = api.get("Deployment", name)
    assert found is not None, name
    return found


def calibrated(world: World) -> int:
    """How much of a processor each of the right number of pods uses for the load, with room for half a pod."""
    api, stage = world.stage.api, world.stage
    labels = {"app": NAME, "serin.dev/version": "1.0.0"}
    api.apply(deployment(NAME, "1.0.0", {"app": NAME}, labels, RIGHT))
    api.apply(service(NAME, {"app": NAME}))
    api.apply(route(stage.host, {NAME: 100}))
    with stage.load(RATE):
        eventually(lambda: ready(api, NAME) == RIGHT, what="pods")
        time.sleep(50)  # metrics-server then speaks of nothing but the load
        used = world.use()
    return round(sum(used) / (RIGHT - 0.5))
