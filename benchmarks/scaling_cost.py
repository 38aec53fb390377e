"""What one pass over many autoscaled ModelDeployments costs, on one core, without a cluster: the algorithm alone, and
the whole pass of the operator (`scaling_pass`).

Each of them follows two or three metrics (CPU of its pods, a queue, requests in flight per pod), half of them with a
`behavior`, some pods are starting or have no sample, and a history of five minutes lies behind it.
"""

import argparse
import random
import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import scaling_pass
from serin.scaling.afterwards import applied
from serin.scaling.autoscaler import recommend
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules
from serin.scaling.history import EMPTY, History
from serin.scaling.metrics import (
    MetricSpec,
    PrometheusMetric,
    ResourceMetric,
    average_value,
    utilization,
)
from serin.scaling.pods import Container, Pod, Readiness
from serin.scaling.samples import ExternalValues, PodSample, PodUsage, PodValues, ResourceUsage, Sample
from serin.scaling.spec import AutoscalerSpec, Scale, Situation

START = datetime(2026, 1, 1, tzinfo=UTC)
SYNC_PERIOD = timedelta(seconds=15)
BEHAVIOR = Behavior(ScalingRules(60), ScalingRules(300, policies=(Policy(PolicyType.PERCENT, 50, 60),)))


@dataclass
class Autoscaled:
    """One ModelDeployment between two passes."""

    spec: AutoscalerSpec
    pods: tuple[Pod, ...]
    history: History = EMPTY


def main() -> None:
    """Run the passes, and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=5000, help="of ModelDeployments")
    parser.add_argument("--pods", type=int, default=10, help="at most, of each")
    parser.add_argument("--passes", type=int, default=30, help="the first 20 of them fill the histories")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", action="store_true", help="show where the last whole pass spends its time")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    fleet = [_autoscaled(chance, options.pods) for _ in range(options.number)]
    costs = [_pass(fleet, START + index * SYNC_PERIOD, chance) for index in range(options.passes)]
    settled = costs[20:] or costs
    remembered = statistics.mean(len(each.history.recommendations) for each in fleet)
    print(f"{options.number:,} recommendations, {remembered:.0f} past ones remembered for each:")
    print(f"  {statistics.median(settled):.2f} s a pass (median), {max(settled):.2f} s at most")
    print(f"  {statistics.median(settled) / options.number * 1e6:.0f} us a recommendation")
    scaling_pass.run(options.number, options.pods, options.passes, options.seed, profile=options.profile)


def _pass(fleet: list[Autoscaled], now: datetime, chance: random.Random) -> float:
    """The seconds of CPU that the recommendations of one pass take; samples are made before."""
    situations = [_situation(each, now, chance) for each in fleet]
    began = time.process_time()
    for each, situation in zip(fleet, situations, strict=True):
        each.history = applied(recommend(each.spec, situation, each.history), each.spec, now).history
    return time.process_time() - began


def _autoscaled(chance: random.Random, most: int) -> Autoscaled:
    metrics: list[MetricSpec] = [
        ResourceMetric("cpu", utilization(70)),
        PrometheusMetric("queue", average_value(10_000)),
    ]
    if chance.random() < 0.3:
        metrics.append(PrometheusMetric("running", average_value(8_000), per_pod=True))
    spec = AutoscalerSpec(50, 1, tuple(metrics), BEHAVIOR if chance.random() < 0.5 else None)
    return Autoscaled(spec, tuple(_pod(index, chance) for index in range(chance.randint(1, most))))


def _pod(index: int, chance: random.Random) -> Pod:
    age = timedelta(seconds=chance.choice([20, 200, 3600, 86400]))
    containers = (Container("server", {"cpu": 2000}), Container("proxy", {"cpu": 100}))
    return Pod(f"model-{index}", ready=Readiness("True", START - age), started=START - age, containers=containers)


def _situation(each: Autoscaled, now: datetime, chance: random.Random) -> Situation:
    """Loads around the targets, so that every branch is taken by some."""
    load = chance.uniform(0.4, 1.8)
    count = len(each.pods)
    usage = tuple(
        PodUsage(pod.name, now, SYNC_PERIOD, {"server": {"cpu": int(1400 * load)}, "proxy": {"cpu": 50}})
        for pod in each.pods
        if chance.random() < 0.97
    )
    samples: list[Sample] = [ResourceUsage(usage), ExternalValues((int(9000 * load * count),))]
    if len(each.spec.metrics) > 2:
        samples.append(PodValues({pod.name: PodSample(int(7000 * load), now) for pod in each.pods}))
    return Situation(Scale(count, count), each.pods, tuple(samples), now)


if __name__ == "__main__":
    main()
