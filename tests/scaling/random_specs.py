"""Random specs that the API server takes, or nearly takes."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from scaling.random_lives import random_spec
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules
from serin.scaling.metrics import MetricSpec, Target, TargetType, UnknownMetric
from serin.scaling.spec import AutoscalerSpec

AMOUNTS = (None, None, None, -1, 0, 1, 80)


def doubtful(seed: int) -> AutoscalerSpec:
    """A spec in which any number may be just too small or too large, and anything may be missing."""
    random = Random(f"spec {seed}")
    spec = random_spec(random)
    if random.random() < 0.3:
        spec = replace(spec, max_replicas=random.choice((-1, 0, 1, 2, 5)))
    if random.random() < 0.3:
        spec = replace(spec, min_replicas=random.choice((None, -1, 0, 1, 2, 5, 6)))
    if random.random() < 0.5:
        spec = replace(spec, metrics=tuple(_metric(random, it) for it in spec.metrics))
    if spec.behavior is not None:
        rules = [_rules(random, it) for it in (spec.behavior.scale_up, spec.behavior.scale_down)]
        spec = replace(spec, behavior=Behavior(*rules))
    return spec


def quantity(random: Random) -> str:
    """A quantity up to 9e15 milli-units, of any form that Kubernetes reads; few have a sign."""
    digits = str(random.randrange(10 ** random.randint(1, 6)))
    if random.random() < 0.6:
        digits += "." + str(random.randrange(10 ** random.randint(1, 9))).zfill(random.randint(1, 9))
    suffix = random.choice(("", "", "n", "u", "m", "m", "k", "M", "Ki", "Mi", "e-3", "E3", "e-9", "e+2", "e0"))
    return random.choice(("", "", "", "+")) + digits + suffix


def _metric(random: Random, metric: MetricSpec) -> MetricSpec:
    if isinstance(metric, UnknownMetric):
        return metric
    percent, average, amount = (random.choice(AMOUNTS) for _ in range(3))
    return replace(metric, target=Target(random.choice(tuple(TargetType)), percent, average, amount))


def _rules(random: Random, rules: ScalingRules) -> ScalingRules:
    if random.random() < 0.2:
        rules = replace(rules, stabilization_window_seconds=random.choice((-1, 0, 1, 3600, 3601)))
    if random.random() < 0.2:
        rules = replace(rules, policies=tuple(_policy(random) for _ in range(random.choice((0, 1, 2)))))
    if random.random() < 0.2:
        rules = replace(rules, tolerance=random.choice((-0.001, 0.0, 0.001, 2.0)))
    return rules


def _policy(random: Random) -> Policy:
    period = random.choice((-1, 0, 1, 15, 1800, 1801))
    return Policy(random.choice(tuple(PolicyType)), random.choice((-1, 0, 1, 100)), period)
