"""What a fleet costs: many ModelDeployments on a real API server, first idle, then all changed at once.

Pods are kwok's, so they are Ready at once; routes are accepted at once, and every query is answered well, by
`fleet_world.py`. Calls are counted by the API server's audit log, CPU and memory by /proc. The machine is shared by the
API server, etcd, the controllers and the operator: counts are exact, times depend on it.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from prometheus_client import CollectorRegistry

import fleet_audit
import fleet_process
import fleet_profile
from fleet_audit import Call
from fleet_process import Process
from localcluster import Audit, LocalCluster
from serin.cluster.client import KubeClient, Object
from serin.cluster.connect import load_configuration
from serin.cluster.metrics import ClientMetrics
from serin.cluster.resources import DEPLOYMENT, MODEL_DEPLOYMENT, ObjectKey, key_of

NAMESPACE = "fleet"
WEIGHTS = (20, 50, 80)
UNUSED = ("contour", "envoy", "prometheus", "coredns", "kubelet", "containerd", "kube-proxy")
"""Parts of the local cluster that nothing here needs."""
LONGEST = 3600.0
SETTLING = 45.0
"""Seconds after which the last counts, which need not be told at once, are in every status."""
LOOP_LAG, PLANS = "serin_event_loop_lag_seconds", "serin_reconcile_duration_seconds_count"


@dataclass
class Phase:
    """One part of the run. Times are Unix seconds."""

    title: str
    begin: float
    cpu_before: float
    queries_before: int
    lags_before: int
    plans_before: float
    end: float = 0.0
    cpu: float = 0.0
    queries: int = 0
    plans: float = 0.0
    tick_lags: list[float] = field(default_factory=list)
    loop_lags: list[float] = field(default_factory=list)
    peak: float = 0.0
    after: float = 0.0


@dataclass
class Fleet:
    """Everything that runs, and what was measured."""

    client: KubeClient
    process: Process
    world: str
    number: int
    interval: timedelta
    profile: Path | None
    phases: list[Phase] = field(default_factory=list)
    changed_at: dict[ObjectKey, float] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """What the world saw."""
        found: dict[str, Any] = requests.get(f"{self.world}/facts", timeout=60).json()
        return found

    def begin(self, title: str) -> Phase:
        """Begin to measure."""
        facts = self.facts()
        self.process.reset_peak()
        plans = _metric(self.process.url(), PLANS)
        begun = Phase(title, time.time(), self.process.cpu_seconds, facts["queries"], len(facts["lags"]), plans)
        self.phases.append(begun)
        return begun

    def end(self) -> None:
        """Stop measuring."""
        facts, done = self.facts(), self.phases[-1]
        done.end, done.cpu = time.time(), self.process.cpu_seconds - done.cpu_before
        done.queries, done.tick_lags = facts["queries"] - done.queries_before, facts["lags"][done.lags_before :]
        done.plans = _metric(self.process.url(), PLANS) - done.plans_before
        done.peak, done.after = self.process.peak_megabytes, self.process.megabytes
        print(f"{done.title}: {done.end - done.begin:.0f} s, CPU {done.cpu:.1f} s", flush=True)

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and look at the event loop's lag meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(5.0, left))
            self.phases[-1].loop_lags.append(await asyncio.to_thread(_metric, self.process.url(), LOOP_LAG))

    async def until(self, holds: Callable[[Sequence[Object], Sequence[Object]], bool], what: str) -> None:
        """Wait until a condition holds of all ModelDeployments and their Deployments."""
        end = time.monotonic() + LONGEST
        while time.monotonic() < end:
            models = (await self.client.list(MODEL_DEPLOYMENT, NAMESPACE)).items
            workloads = (await self.client.list(DEPLOYMENT, NAMESPACE)).items
            if holds(models, workloads):
                return
            await self.sleep(5)
        raise RuntimeError(f"{what}: not within {LONGEST:.0f} s; the operator's log ends\n{self.process.tail()}")


def _metric(url: str, name: str) -> float:
    text = requests.get(f"{url}/metrics", timeout=60).text
    line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
    return float(line.split()[1])


def model(index: int, version: str, interval: str) -> Object:
    """One ModelDeployment of the fleet."""
    container = {
        "name": "model",
        "image": f"registry.example.com/fraud:{version}",
        "ports": [{"containerPort": 8080}],
        "env": [{"name": f"SETTING_{number}", "value": "v" * 30} for number in range(12)],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}},
    }
    pod = {
        "nodeSelector": {"type": "kwok"},
        "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
        "containers": [container],
    }
    return {
        "apiVersion": MODEL_DEPLOYMENT.api_version,
        "kind": MODEL_DEPLOYMENT.kind,
        "metadata": {"name": f"model-{index:04}", "namespace": NAMESPACE},
        "spec": {
            "model": {"name": "fraud-detector", "version": version, "uri": f"models:/fraud/{version}"},
            "replicas": 1,
            "template": {"spec": pod},
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public", "namespace": "gateways"}]}},
            "strategy": {"canary": {"steps": [{"weight": weight, "hold": "30s"} for weight in WEIGHTS]}},
            "analysis": {
                "interval": interval,
                "confirm": 1,
                "metrics": [
                    {"name": "error-rate", "threshold": "2%"},
                    {"name": "latency", "threshold": "250ms"},
                    {"name": "accuracy", "delta": "5%"},
                ],
            },
            "rollback": {"keepWarm": "30s", "drain": "5s"},
        },
    }


def _healthy(version: str, number: int) -> Callable[[Sequence[Object], Sequence[Object]], bool]:
    """All have a version and nothing else: the pods of the one before are gone."""

    def holds(models: Sequence[Object], workloads: Sequence[Object]) -> bool:
        states = [item.get("status") or {} for item in models]
        done = sum(1 for state in states if state.get("phase") == "Healthy" and state.get("version") == version)
        pods = sum(item["spec"].get("replicas", 1) for item in workloads)
        return done == number and pods == number

    return holds


async def play(fleet: Fleet, interval: str, idle_seconds: float) -> None:
    """The whole run."""
    fleet.begin("first deployment")
    await asyncio.gather(*(fleet.client.create(model(index, "1", interval)) for index in range(fleet.number)))
    await fleet.until(_healthy("1", fleet.number), "the first deployment")
    fleet.end()
    await asyncio.sleep(SETTLING)
    fleet.begin("idle")
    await fleet.sleep(idle_seconds)
    fleet.end()

    async def change(index: int) -> None:
        item = model(index, "2", interval)
        key = key_of(item)
        await fleet.client.merge_patch(MODEL_DEPLOYMENT, NAMESPACE, key.name, {"spec": item["spec"]})
        fleet.changed_at[key] = time.time()

    fleet.begin("all progressing")
    with fleet_profile.recorded(fleet.process, fleet.profile):
        await asyncio.gather(*(change(index) for index in range(fleet.number)))
        await fleet.until(_healthy("2", fleet.number), "the rollouts")
    fleet.end()


def _report(fleet: Fleet, calls: Sequence[Call], cluster: str) -> None:
    print(f"\n{fleet.number} ModelDeployments, interval {fleet.interval.total_seconds():g} s. {cluster}\n")
    print("| | first deployment | idle | all progressing |\n|---|---|---|---|")
    counted = [fleet_audit.between(calls, it.begin, it.end) for it in fleet.phases]
    seconds = [it.end - it.begin for it in fleet.phases]
    for title, cells in (
        ("seconds", [f"{it:.0f}" for it in seconds]),
        ("API calls in all", [str(_no_watches(it)) for it in counted]),
        ("API calls per second", [f"{_no_watches(it) / s:.2f}" for it, s in zip(counted, seconds, strict=True)]),
        ("API calls per ModelDeployment", [f"{_no_watches(it) / fleet.number:.1f}" for it in counted]),
        ("plans per ModelDeployment", [f"{it.plans / fleet.number:.1f}" for it in fleet.phases]),
        ("CPU seconds per ModelDeployment", [f"{it.cpu / fleet.number:.4f}" for it in fleet.phases]),
        ("CPU, percent of a core", [f"{it.cpu / s * 100:.1f}" for it, s in zip(fleet.phases, seconds, strict=True)]),
        ("peak memory, MB", [f"{it.peak:.0f}" for it in fleet.phases]),
        ("memory at the end, MB", [f"{it.after:.0f}" for it in fleet.phases]),
        ("Prometheus queries in all", [str(it.queries) for it in fleet.phases]),
        ("tick lag, median (max) s", [_spread(it.tick_lags) for it in fleet.phases]),
        ("event loop lag, median (max) s", [_spread(it.loop_lags) for it in fleet.phases]),
    ):
        print(f"| {title} | {' | '.join(cells)} |")
    _report_steps(fleet, counted[-1])
    for it, phase_calls in zip(fleet.phases, counted, strict=True):
        print(f"\n{it.title}, calls by verb and resource:\n\n| call | in all | per ModelDeployment |\n|---|---|---|")
        for kind, count in fleet_audit.by_verb_and_resource(phase_calls).most_common():
            print(f"| {kind} | {count} | {count / fleet.number:.2f} |")


def _report_steps(fleet: Fleet, calls: Sequence[Call]) -> None:
    """Steps by the API server's own times of the route's writes."""
    reached = _weights_reached(fleet, calls)
    first = [times[WEIGHTS[0]] - fleet.changed_at[key] for key, times in reached.items()]
    print(f"\n| change to first weight, median (max) s | {_spread(first)} |\n|---|---|")
    for weight, following in zip(WEIGHTS, (*WEIGHTS[1:], 100), strict=True):
        lengths = [times[following] - times[weight] for times in reached.values()]
        print(f"| length of the step of {weight} %, min / median / max s | {_three(lengths)} |")


def _weights_reached(fleet: Fleet, calls: Sequence[Call]) -> dict[ObjectKey, dict[int, float]]:
    """When each route was written with each weight: what is told by the world, when by the audit log."""
    writes: dict[ObjectKey, list[float]] = defaultdict(list)
    for call in calls:
        if call.resource == "httproutes" and call.verb == "patch" and call.code < 300:
            writes[ObjectKey(call.namespace, call.name)].append(call.at)
    found = {}
    for name, past in fleet.facts()["routes"].items():
        key = ObjectKey(*name.split("/"))
        stable = past[0][1][0][0]
        splits = [sum(weight for backend, weight in weights if backend != stable) for _, weights in past[1:]]
        if len(splits) != len(writes[key]):
            raise RuntimeError(f"the route {name} had the weights {splits}, but was written {len(writes[key])} times")
        times: dict[int, float] = {}
        for weight, at in zip(splits, writes[key], strict=True):
            times.setdefault(weight, at)
        found[key] = times
    return found


def _no_watches(calls: Sequence[Call]) -> int:
    return sum(1 for call in calls if call.verb != "watch")


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.1f} ({max(values):.1f})" if values else "-"


def _three(values: Sequence[float]) -> str:
    return f"{min(values):.1f} / {statistics.median(values):.1f} / {max(values):.1f}" if values else "-"


async def _measure(options: argparse.Namespace, cluster: LocalCluster, folder: Path) -> None:
    configuration = await load_configuration(str(cluster.kubeconfig))
    interval = timedelta(seconds=options.interval)
    with fleet_process.world(cluster, folder) as world, fleet_process.operator(cluster, folder, world) as process:
        async with KubeClient(configuration, ClientMetrics(CollectorRegistry()), timeout_seconds=60) as client:
            fleet = Fleet(client, process, world, options.number, interval, options.profile)
            await play(fleet, f"{options.interval}s", options.idle)
            load = f"Load average at the end: {os.getloadavg()[1]:.1f}, cores: {os.cpu_count()}."
            _report(fleet, fleet_audit.read(cluster.layout.audit_log), load)
            if options.profile:
                print(fleet_profile.report(options.profile))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=100, help="how many ModelDeployments")
    parser.add_argument("--interval", type=int, default=30, help="seconds between the ticks of each analysis")
    parser.add_argument("--idle", type=float, default=120, help="seconds to look at an idle fleet")
    parser.add_argument("--profile", type=Path, help="let py-spy write the operator's stacks here, and sum them up")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="serin-fleet-") as folder,
        LocalCluster("fleet", audit=Audit(fleet_process.USER)) as cluster,
    ):
        for name in UNUSED:
            cluster.component(name).stop()
        cluster.start_kwok(nodes=max(2, options.number // 50))
        fleet_process.install(cluster)
        cluster.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        asyncio.run(_measure(options, cluster, Path(folder)))


if __name__ == "__main__":
    main()
