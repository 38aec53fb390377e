"""Whole lives on a real cluster, the operator killed by SIGKILL at a definite moment of each and started again at once.

A moment is a write of the operator: it dies before it is passed on to the API server, after it was done but before the
operator learns of that, or a while after. Each life has an operator of its own, for its own namespace alone, so that
several lives are lived at a time.
"""

import asyncio
import itertools
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from localcluster import LocalCluster
from scenarios.api import Api, Object, eventually, session_of
from scenarios.api_proxy import ApiProxy, Call, Cut, Fault
from scenarios.conftest import OperatorProcess
from scenarios.onlooker import Onlooker, Position, Split
from scenarios.stage import NAME, QUICK, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

AT_ONCE = 4
"""So many lives are lived at a time: two processors do not carry more without a delay that is not Serin's."""
RATE = 20.0
HOLDS = {20: 4.0, 50: 3.0}
STEPS = {"canary": {"steps": [{"weight": weight, "hold": f"{hold:g}s"} for weight, hold in HOLDS.items()]}}
AT_HALF = {"canary": {"steps": [{"weight": 50, "hold": "10m"}]}}
ONE_STEP = {"canary": {"steps": [{"weight": 20, "hold": f"{HOLDS[20]:g}s"}]}}
ALL_AT_ONCE = {"canary": {"steps": [{"weight": 100}]}}
ROLLBACK = {"keepWarm": "2s", "drain": "2s"}
SLACK_SECONDS = 1.0
"""By so much more than it was down a killed operator may be late."""


class MortalOperator(OperatorProcess):
    """The operator of one namespace. When it dies, a new process is started at once."""

    def __init__(self, cluster: LocalCluster, namespace: str, kubeconfig: Path, folder: Path) -> None:
        super().__init__(cluster, cluster.prometheus_url, folder)
        self._namespace, self._mortal_kubeconfig = namespace, kubeconfig
        self._midwife = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"midwife of {namespace}")
        self._born: Future[float] | None = None
        self._died_at = 0.0

    @property
    def environment(self) -> dict[str, str]:
        """Its own namespace, and nobody to agree with."""
        return {
            **super().environment,
            "SERIN_NAMESPACE": self._namespace,
            "SERIN_KUBECONFIG": str(self._mortal_kubeconfig),
            "SERIN_LEADER_ELECTION": "off",
            # As users have it: when a step began is not in the status for a while, and has to be found out again.
            "SERIN_STATUS_REFRESH": "60s",
        }

    def die(self) -> None:
        """Be killed, now; a new one is on its way."""
        self.stop(signal.SIGKILL)
        self._died_at = time.monotonic()
        self._born = self._midwife.submit(self._start)

    def down(self) -> float:
        """For how many seconds nobody was there, until the new one had seen everything and began; 0 if it lived on."""
        return self._born.result(timeout=60) - self._died_at if self._born else 0.0

    @property
    def died(self) -> bool:
        """Whether it did."""
        return self._born is not None

    def __enter__(self) -> Self:
        try:
            self.start()
        except AssertionError:
            self.stop(signal.SIGKILL)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._midwife.shutdown()  # whoever is being born is there then
        self.stop()
        assert self.audit_findings() == []

    def _start(self) -> float:
        self.start()
        return time.monotonic()


@dataclass(frozen=True)
class Moment:
    """When to die: at the first write of a life's armed part that `matches`, or at the `number`-th such.

    after: the write was done; else it is not even passed on. later: so many seconds after that write.
    """

    life: str
    what: str
    matches: Callable[[Call], bool]
    after: bool = True
    later: float = 0.0
    number: int = 1

    def __str__(self) -> str:
        """`promoted, after 20 % is decided`."""
        word = f"{self.later:g} s after" if self.later else "after" if self.after else "before"
        return f"{self.life}, {word} {self.what}"


class Death(Fault):
    """Strikes once, at a moment."""

    def __init__(self, moment: Moment, strike: Callable[[], None]) -> None:
        self._moment, self._strike = moment, strike
        self._seen = 0

    async def before(self, call: Call) -> None:
        """Kill before the write has any effect."""
        if not self._moment.after and self._is_now(call):
            self._strike()
            raise Cut

    async def after(self, call: Call, status: int) -> None:
        """Kill once it is done, before the operator knows."""
        if not self._moment.after or status >= 300 or not self._is_now(call):
            return
        if self._moment.later:
            asyncio.get_running_loop().call_later(self._moment.later, self._strike)
        else:
            self._strike()
            raise Cut

    def _is_now(self, call: Call) -> bool:
        matches = call.write and self._moment.matches(call)
        self._seen += matches
        return matches and self._seen == self._moment.number


def status(look: Callable[[Object], bool]) -> Callable[[Call], bool]:
    """A status is written that looks so."""
    return lambda call: (call.plural, call.subresource) == ("modeldeployments", "status") and look(call.body["status"])


def candidate(version: str, weight: int | None = None) -> Callable[[Call], bool]:
    """A status is written in which this version is the candidate, at this weight if one is given."""
    return status(lambda it: it.get("candidateVersion") == version and weight in {None, it.get("weight")})


def phase(name: str) -> Callable[[Call], bool]:
    """A status is written with this phase."""
    return status(lambda it: it.get("phase") == name)


def stable(version: str) -> Callable[[Call], bool]:
    """A status is written in which this version is stable."""
    return status(lambda it: it.get("version") == version)


def route(*weights: int) -> Callable[[Call], bool]:
    """A route is written with these weights, in any order."""

    def matches(call: Call) -> bool:
        if call.plural != "httproutes":
            return False
        refs = call.body["spec"]["rules"][0]["backendRefs"]
        return sorted(ref["weight"] for ref in refs) == sorted(weights)

    return matches


def made(plural: str) -> Callable[[Call], bool]:
    """An object is created."""
    return lambda call: call.method == "POST" and call.plural == plural and "dryRun" not in call.query


def scaled(replicas: int) -> Callable[[Call], bool]:
    """A Deployment is scaled to so many."""
    return lambda call: (
        call.method == "PATCH"
        and call.plural == "deployments"
        and {"op": "replace", "path": "/spec/replicas", "value": replicas} in call.body
    )


@dataclass(frozen=True)
class Life:
    """A model's life, and what is measured in it.

    play: lives it; calls `arm` where the part begins in which the operator may die.
    candidate: whose steps are measured.
    holds: the seconds that its weights are held at least. varies: by so many a step varies by itself.
    """

    play: Callable[[Stage, Onlooker, Callable[[], None]], None]
    candidate: str
    holds: dict[int, float]
    varies: dict[int, float] = field(default_factory=dict)


def promoted(stage: Stage, onlooker: Onlooker, arm: Callable[[], None]) -> None:
    """Over two steps to all traffic, until the pods of the version before are gone."""
    arm()
    stage.apply(model("2.0.0", strategy=STEPS, rollback=ROLLBACK))
    at_rest(onlooker, "Healthy", {"2.0.0": 2})


def rolled_back(stage: Stage, onlooker: Onlooker, arm: Callable[[], None]) -> None:
    """Half of its answers are errors."""
    arm()
    bad = {"ERROR_SHARE": "0.5"}
    stage.apply(model("2.0.0", strategy=AT_HALF, rollback=ROLLBACK, analysis=QUICK, environment=bad))
    at_rest(onlooker, "Degraded", {"1.0.0": 2})


def replaced(stage: Stage, onlooker: Onlooker, arm: Callable[[], None]) -> None:
    """Another version comes when half of the traffic is there."""
    stage.apply(model("2.0.0", strategy=AT_HALF, rollback=ROLLBACK))
    onlooker.until("half of the traffic", lambda: onlooker.splits[-1][1].get("2.0.0") == 50)
    arm()
    stage.apply(model("3.0.0", strategy=ONE_STEP, rollback=ROLLBACK))
    at_rest(onlooker, "Healthy", {"3.0.0": 2})


def all_at_once(stage: Stage, onlooker: Onlooker, arm: Callable[[], None]) -> None:
    """From nothing to everything, as blue-green does."""
    arm()
    stage.apply(model("2.0.0", strategy=ALL_AT_ONCE, rollback=ROLLBACK))
    at_rest(onlooker, "Healthy", {"2.0.0": 2})


def at_rest(onlooker: Onlooker, phase: str, running: Split) -> None:
    """Wait until one version alone runs, and has all the traffic."""
    (version,) = running
    onlooker.until(
        f"{phase} with {version} alone",
        lambda: (
            onlooker.status.get("phase") == phase
            and onlooker.running == running
            and onlooker.splits[-1][1] == {version: 100}
        ),
        within=90,
    )


LIVES = {
    # Until a pod has started that the last step needs: a matter of the machine.
    "promoted": Life(promoted, "2.0.0", HOLDS, varies={50: 2.0}),
    # The looks of an analysis lie on a grid of their own in each life.
    "rolled back": Life(rolled_back, "2.0.0", {50: 0.0}, varies={50: 2.0}),
    "replaced": Life(replaced, "3.0.0", {20: HOLDS[20]}),
    "all at once": Life(all_at_once, "2.0.0", {}),
}

MOMENTS = (
    Moment("promoted", "the first word of it", candidate("2.0.0"), after=False),
    Moment("promoted", "its Deployment is made", made("deployments")),
    Moment("promoted", "20 % is decided", candidate("2.0.0", 20)),
    Moment("promoted", "the route has 20 %", route(20, 80)),
    Moment("promoted", "the route has 20 %", route(20, 80), later=HOLDS[20] / 2),
    Moment("promoted", "it is told stable", stable("2.0.0"), after=False),
    Moment("promoted", "the version before is scaled down", scaled(0), after=False),
    Moment("rolled back", "the route is as it was", route(0, 100), number=2),
    Moment("replaced", "the first word of the next", candidate("3.0.0")),
    Moment("all at once", "100 % is decided", candidate("2.0.0", 100)),
)
MORE_MOMENTS = (
    Moment("promoted", "it has joined the route at 0 %", route(0, 100)),
    Moment("promoted", "its promotion is decided", phase("Promoting")),
    Moment("promoted", "it is told stable", stable("2.0.0")),
    Moment("rolled back", "its end is decided", phase("RollingBack")),
    Moment("promoted", "the first word of it", candidate("2.0.0")),
    Moment("promoted", "its Service is made", made("services"), after=False),
    Moment("promoted", "its Service is made", made("services")),
    Moment("promoted", "its ControllerRevision is made", made("controllerrevisions"), after=False),
    Moment("promoted", "its ControllerRevision is made", made("controllerrevisions")),
    Moment("promoted", "its Deployment is made", made("deployments"), after=False),
    Moment("promoted", "it has joined the route at 0 %", route(0, 100), after=False),
    Moment("promoted", "20 % is decided", candidate("2.0.0", 20), after=False),
    Moment("promoted", "the route has 20 %", route(20, 80), after=False),
    Moment("promoted", "50 % is decided", candidate("2.0.0", 50), after=False),
    Moment("promoted", "50 % is decided", candidate("2.0.0", 50)),
    Moment("promoted", "the route has 50 %", route(50, 50), after=False),
    Moment("promoted", "the route has 50 %", route(50, 50), later=HOLDS[50] / 2),
    Moment("promoted", "its promotion is decided", phase("Promoting"), after=False),
    Moment("promoted", "it gets all its pods", scaled(2), after=False),
    Moment("promoted", "it gets all its pods", scaled(2)),
    Moment("promoted", "100 % is decided", candidate("2.0.0", 100), after=False),
    Moment("promoted", "100 % is decided", candidate("2.0.0", 100)),
    Moment("promoted", "the route has 100 %", route(0, 100), number=2, after=False),
    Moment("promoted", "the route has 100 %", route(0, 100), number=2),
    Moment("promoted", "it has the route for itself", route(100), after=False),
    Moment("promoted", "it has the route for itself", route(100)),
    Moment("promoted", "the version before is scaled down", scaled(0)),
    Moment("rolled back", "its end is decided", phase("RollingBack"), after=False),
    Moment("rolled back", "half of the traffic", route(50, 50), later=2.0),
    Moment("rolled back", "the route is as it was", route(0, 100), number=2, after=False),
    Moment("rolled back", "it is turned away", phase("Degraded"), after=False),
    Moment("rolled back", "it is turned away", phase("Degraded")),
    Moment("rolled back", "it is scaled down", scaled(0)),
    Moment("replaced", "the first word of the next", candidate("3.0.0"), after=False),
    Moment("replaced", "the next one's Deployment is made", made("deployments")),
    Moment("replaced", "the next one gets its 20 %", candidate("3.0.0", 20)),
    Moment("all at once", "the route has 100 %", route(0, 100), number=2, after=False),
    Moment("all at once", "the route has 100 %", route(0, 100), number=2),
)


@dataclass(frozen=True)
class Told:
    """What a life came to, from outside."""

    positions: list[Position]
    splits: list[Split]
    weights: dict[str, list[int]]
    stays: list[tuple[int, float]]
    made: list[tuple[str, str]]
    pods: dict[str, int]
    restarts: int
    remains: Object
    lost: list[str]
    down: float


@contextmanager
def namespace_of(cluster: LocalCluster) -> Iterator[str]:
    """A namespace that is gone soon after: what idles in it would slow the lives that follow."""
    name = f"test-{secrets.token_hex(3)}"
    cluster.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    try:
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        cluster.api.wait_for("a service account", account, lambda it: bool(it["metadata"]["uid"]), timeout=20)
        yield name
    finally:
        cluster.api.delete(f"/api/v1/namespaces/{name}")


def live(cluster: LocalCluster, folder: Path, life: Life, moment: Moment | None) -> Told:
    """Live a life, and die in it where it is told so."""
    folder.mkdir()
    with (
        namespace_of(cluster) as namespace,
        session_of(cluster.kubeconfig) as session,
        ApiProxy(cluster.kubeconfig) as proxy,
        Onlooker(cluster.kubeconfig, namespace) as onlooker,
        MortalOperator(cluster, namespace, proxy.write_kubeconfig(folder), folder) as operator,
    ):
        stage = Stage(Api(*session, namespace), cluster.gateway_url, operator.tail)

        def arm() -> None:
            if moment is not None:
                proxy.fault = Death(moment, operator.die)

        try:
            stage.deploy(model("1.0.0"))
            with stage.load(RATE) as load:
                life.play(stage, onlooker, arm)
            assert operator.died == (moment is not None), "that moment never came"
            down = operator.down()
            eventually(lambda: not operator.audit_findings(stage.object), what="each decision in the audit log once")
            return told(onlooker, life, [answer.error for answer in load.lost], down)
        finally:
            # While its operator is there: nobody else takes the finalizer off.
            stage.api.delete("ModelDeployment", NAME)
            onlooker.until("its end", lambda: onlooker.seen("ModelDeployment")[-1].type == "DELETED")


def told(onlooker: Onlooker, life: Life, lost: list[str], down: float) -> Told:
    """What can be compared between two lives: no uids, no times."""
    status = onlooker.status
    versions = sorted(set(onlooker.versions.values()))
    pods = {version: onlooker.pods(version) for version in versions}
    # When a version without requests leaves the route is another matter than when another one gets more.
    carrying = [{version: weight for version, weight in split.items() if weight} for _, split in onlooker.splits]
    splits = [split for split, _ in itertools.groupby(carrying)]
    return Told(
        positions=onlooker.positions,
        splits=splits,
        weights={version: [weight for _, weight in onlooker.weights(version)] for version in versions},
        stays=list(onlooker.stays(life.candidate)),
        made=onlooker.made,
        pods={version: len(names) for version, names in pods.items()},
        restarts=sum(restarts for names in pods.values() for restarts in names.values()),
        remains={
            "version": status["version"],
            "rejected": (status.get("rejected") or {}).get("reason"),
            "history": [(entry["version"], entry["outcome"]) for entry in status["history"]],
            "roles": {entry["version"]: entry["role"] for entry in status["revisions"]},
        },
        lost=lost,
        down=down,
    )


def problems(life: Life, undisturbed: Told, seen: Told) -> Iterator[str]:
    """What a life has that it should not have, or lacks."""
    for name in ("positions", "splits", "weights", "made", "pods", "remains"):
        mine, expected = getattr(seen, name), getattr(undisturbed, name)
        if mine != expected:
            yield f"{name}: {mine} instead of {expected}"
    if seen.restarts:
        yield f"{seen.restarts} restarts"
    if seen.lost:
        yield f"{len(seen.lost)} requests lost: {seen.lost[:3]}"
    for (weight, mine), (_, other) in zip(seen.stays, undisturbed.stays, strict=False):
        if mine < life.holds[weight]:
            yield f"shortened: {mine:.2f} s at {weight} %"
        if mine > other + life.varies.get(weight, 0.0) + seen.down + SLACK_SECONDS:
            yield f"lengthened: {mine:.2f} s at {weight} % instead of {other:.2f}; down for {seen.down:.2f} s"


def wrong_lives(cluster: LocalCluster, folder: Path, moments: Sequence[Moment]) -> dict[str, list[str]]:
    """Live each life undisturbed, and once for each moment: what is not as it should be, by the moment."""
    planned: list[tuple[str, Moment | None]] = [(name, None) for name in sorted({it.life for it in moments})]
    planned += [(moment.life, moment) for moment in moments]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = [
            pool.submit(live, cluster, folder / str(number), LIVES[name], moment)
            for number, (name, moment) in enumerate(planned)
        ]
    undisturbed: dict[str, Told] = {}
    wrong = {}
    for (name, moment), life in zip(planned, begun, strict=True):
        if moment is None:
            undisturbed[name] = life.result()
            assert not list(problems(LIVES[name], undisturbed[name], undisturbed[name])), name
            continue
        try:
            found = list(problems(LIVES[name], undisturbed[name], life.result()))
        except AssertionError as error:
            found = [f"it came to no end: {error}"]
        if found:
            wrong[str(moment)] = found
    return wrong


@pytest.fixture
def others_away(operator: OperatorProcess) -> Iterator[None]:
    """The operator of the other scenarios, which serves all namespaces, would do the work of those that die."""
    operator.stop()
    yield
    operator.start()


@pytest.mark.usefixtures("others_away")
def test_killed_at_moments_all_over_its_life_it_lives_the_same_life(cluster: LocalCluster, tmp_path: Path) -> None:
    assert wrong_lives(cluster, tmp_path, MOMENTS) == {}


@pytest.mark.explore
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("others_away")
def test_killed_at_many_more_moments_it_lives_the_same_life(cluster: LocalCluster, tmp_path: Path) -> None:
    assert wrong_lives(cluster, tmp_path, MORE_MOMENTS) == {}
