"""Random cases of one metric each, of every kind, near the edges of tolerances and of integers."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from scaling.as_kubernetes import BEGINNING, Case, Pass
from scaling.random_pods import CONTAINERS, RESOURCES, PodMaker
from serin.scaling.behavior import Behavior, ScalingRules
from serin.scaling.metrics import (
    ContainerResourceMetric,
    ExternalMetric,
    MetricSpec,
    ObjectMetric,
    PodsMetric,
    ResourceMetric,
    Target,
    TargetType,
    UnknownMetric,
    average_value,
    utilization,
    value,
)
from serin.scaling.numbers import MAX_INT32, MAX_INT64, MIN_INT64
from serin.scaling.pods import Pod
from serin.scaling.quantities import approximate
from serin.scaling.samples import ExternalValues, ObjectValue, PodValues, ResourceUsage, Sample, Unavailable
from serin.scaling.spec import AutoscalerSpec, Scale, Settings, Situation

KINDS = (
    "Resource Utilization",
    "Resource AverageValue",
    "ContainerResource Utilization",
    "ContainerResource AverageValue",
    "Pods AverageValue",
    "Object Value",
    "Object AverageValue",
    "External Value",
    "External AverageValue",
)
NOON = BEGINNING + timedelta(days=2, hours=12)


def one_metric(kind: str, seed: int) -> Case:
    """One pass of an autoscaler with one metric of a kind."""
    random = Random(f"{kind} {seed}")
    settings = random_settings(random)
    now = NOON + random.choice((0, 0, 1, 999_999)) * timedelta(microseconds=1)
    maker = PodMaker(random, now, settings)
    metric = random_metric(random, kind, "m0")
    pods = maker.pods()
    current = random.choice((0, len(pods), len(pods), random.randint(1, 12), random.choice((MAX_INT32, 2**30))))
    status = random.choice((current, current, random.randint(0, 12)))
    spec = AutoscalerSpec(
        random.choice((1, 5, 20, MAX_INT32)), random.choice((None, 0, 1, 3)), (metric,), _tolerances(random)
    )
    situation = Situation(Scale(current, status), pods, samples(maker, pods, (metric,), current), now)
    return Case(settings, (Pass(spec, situation),))


def random_settings(random: Random) -> Settings:
    """Mostly the defaults, sometimes flags and gates of another kind; few of them, as each needs a new controller."""
    return random.choice(
        (
            Settings(),
            Settings(),
            Settings(scale_to_zero=False),
            Settings(pod_level_resources=False),
            Settings(0.0, timedelta(0), timedelta(seconds=120), timedelta(seconds=10)),
            Settings(0.05, timedelta(seconds=60), timedelta(0), timedelta(0)),
            Settings(0.3, timedelta(seconds=15), timedelta(seconds=120), timedelta(seconds=10)),
        )
    )


def tolerance(random: Random) -> float | None:
    """A tolerance of `behavior` in thousandths, as upstream reads it."""
    return approximate(f"{random.choice((0, 1, 50, 100, 150, 300, 1000, random.randrange(500)))}m")


def _tolerances(random: Random) -> Behavior | None:
    if random.random() < 0.5:
        return None
    up, down = (random.choice((None, tolerance(random))) for _ in range(2))
    return Behavior(ScalingRules(tolerance=up), ScalingRules(tolerance=down))


def random_metric(random: Random, kind: str, name: str) -> MetricSpec:
    """A metric of a kind, with a target."""
    source, _, target_type = kind.partition(" ")
    target = _target(random, target_type)
    resource = random.choice(("cpu", "cpu", *RESOURCES))
    match source:
        case "Resource":
            return ResourceMetric(resource, target)
        case "ContainerResource":
            return ContainerResourceMetric(
                resource, random.choice((*CONTAINERS[:2], "model", "model", "model", "sidecar")), target
            )
        case "Pods":
            return PodsMetric(name, target)
        case "Object":
            return ObjectMetric(name, target, "Ingress", "main")
        case "External":
            return ExternalMetric(name, target)
    return UnknownMetric("Horoscope")


def _target(random: Random, target_type: str) -> Target:
    if target_type == "Utilization":
        return utilization(random.choice((1, 30, 50, 70, 80, 100, 101, 150, random.randint(1, 300))))
    amount = random.choice((1, 3, 100, 1000, 1000, 10_000, 333_333, random.randint(1, 10**6), 2**53 + 1, MAX_INT64))
    return value(amount) if target_type == "Value" else average_value(amount)


def wrong_target(random: Random, metric: MetricSpec) -> MetricSpec:
    """The same metric with a target that it cannot follow."""
    none = Target(random.choice((TargetType.VALUE, TargetType.AVERAGE_VALUE)))
    match metric:
        case ResourceMetric():
            return ResourceMetric(metric.name, none)
        case ContainerResourceMetric():
            return ContainerResourceMetric(metric.name, metric.container, none)
        case ObjectMetric():
            return ObjectMetric(metric.name, none, metric.described_kind, metric.described_name)
        case ExternalMetric():
            return ExternalMetric(metric.name, none)
    return metric


def samples(
    maker: PodMaker, pods: tuple[Pod, ...], metrics: tuple[MetricSpec, ...], current: int, *, failing: float = 0.05
) -> tuple[Sample, ...]:
    """A sample for each metric. Those that ask metrics.k8s.io get the same answer."""
    usage: Sample | None = None
    found: list[Sample] = []
    for metric in metrics:
        if isinstance(metric, ResourceMetric | ContainerResourceMetric):
            usage = usage or _sample(maker, pods, metric, current, failing)
            found.append(usage)
        else:
            found.append(_sample(maker, pods, metric, current, failing))
    return tuple(found)


def _sample(maker: PodMaker, pods: tuple[Pod, ...], metric: MetricSpec, current: int, failing: float) -> Sample:
    api = {ResourceMetric: "resource", ContainerResourceMetric: "resource", ExternalMetric: "external"}
    if maker.random.random() < failing or isinstance(metric, UnknownMetric):
        return Unavailable(f"unable to fetch metrics from {api.get(type(metric), 'custom')} metrics API: it is away")
    match metric:
        case PodsMetric():
            return PodValues(maker.values(pods, _amount(metric.target)))
        case ObjectMetric():
            return ObjectValue(maker.value(_load(metric.target, current)))
        case ExternalMetric():
            return ExternalValues(_series(maker, _load(metric.target, current)))
    percent = metric.target.average_utilization
    return ResourceUsage(
        maker.usages(pods, _amount(metric.target) if percent is None else maker.request * percent // 100)
    )


def _series(maker: PodMaker, load: int) -> tuple[int, ...]:
    """Several values that come to about the load; now and then none, a negative one or just too much for an int64."""
    random = maker.random
    count = random.choice((0, 1, 1, 1, 2, 3))
    values = [maker.value(load // max(1, count)) for _ in range(count)]
    if random.random() < 0.1:
        values.insert(random.randint(0, count), random.choice((-1, -load, MAX_INT64, MIN_INT64 // 2)))
    elif random.random() < 0.05:
        values.append(min(MAX_INT64, max(0, MAX_INT64 - sum(values) + random.choice((0, 1, 2)))))
    return tuple(values)


def _load(target: Target, current: int) -> int:
    """What such a target makes the current replicas enough for."""
    amount = _amount(target)
    return min(MAX_INT64, amount * max(1, current)) if target.value is None else amount


def _amount(target: Target) -> int:
    amount = target.average_value if target.value is None else target.value
    return 0 if amount is None else amount
