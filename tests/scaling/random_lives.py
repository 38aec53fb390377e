"""Random lives of an autoscaler: many passes, with a spec, pods, metrics and people that change in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from scaling.as_kubernetes import Case, Pass
from scaling.oracle import Answer, our_pass
from scaling.random_cases import KINDS, NOON, random_metric, random_settings, samples, tolerance, wrong_target
from scaling.random_pods import PodMaker
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules, SelectPolicy
from serin.scaling.history import EMPTY
from serin.scaling.metrics import ExternalMetric, MetricSpec, average_value
from serin.scaling.numbers import MAX_INT32
from serin.scaling.samples import ExternalValues, Sample
from serin.scaling.spec import AutoscalerSpec, Scale, SelectorProblem, Settings, Situation

NO_SELECTOR = SelectorProblem("InvalidSelector", "the HPA target's scale is missing a selector")
QUEUE = ExternalMetric("queue", average_value(1000))
"""Proposes just as many replicas as it is long: most passes shall move."""
STRETCHES = (0, 1, 14, 15, 15, 15, 16, 30, 45, 60, 90, 285, 300, 315, 900, 1800, 3600)
"""Seconds between passes: the windows and periods of the specs, and what is left of them after a few passes."""


@dataclass(frozen=True)
class Life:
    """A case, and what our autoscaler said to each of its passes."""

    case: Case
    ours: tuple[Answer, ...]


def life(seed: int) -> Life:
    """Up to 25 passes. The replicas are mostly those that the pass before has set, sometimes somebody else's."""
    random = Random(f"life {seed}")
    settings = random_settings(random)
    large = random.random() < 0.05
    sprinting = random.random() < 0.2
    spec = _sprinter(random) if sprinting else random_spec(random, large=large)
    replicas, now, history = _replicas(random, large=large), NOON, EMPTY
    passes: list[Pass] = []
    answers: list[Answer] = []
    for _ in range(random.randint(1, 25)):
        if not sprinting and random.random() < (0.3 if replicas == 0 else 0.1):
            spec = _changed(random, spec, large=large)
        if random.random() < (0.5 if sprinting else 0.15 if replicas == 0 else 0.07):
            replicas = 10 * random.randint(1, 20) if sprinting else _replicas(random, large=large)
        now += _stretch(random)
        step = _pass(random, spec, replicas, now, settings)
        answer, after = our_pass(step, history, settings)
        if answer["replicas"] < 0:
            # An overflow of int32, with upstream as with us. The API server lets nobody set that.
            step = replace(step, update_scale="must be greater than or equal to 0")
            answer, after = our_pass(step, history, settings)
        history = after
        passes.append(step)
        answers.append(answer)
        replicas = answer["replicas"]
    return Life(Case(settings, tuple(passes)), tuple(answers))


def _stretch(random: Random) -> timedelta:
    """Exactly such a stretch, or a microsecond more or less."""
    stretch = timedelta(seconds=random.choice(STRETCHES), microseconds=random.choice((0, 0, 0, 0, -1, 1)))
    return max(stretch, timedelta(0))


def _replicas(random: Random, *, large: bool) -> int:
    if large:
        return random.choice((1, 2**30, MAX_INT32 - 1, MAX_INT32))
    return random.choice((0, 1, 2, 3, 5, 10, random.randint(0, 40), random.randint(1, 200)))


def _pass(random: Random, spec: AutoscalerSpec, replicas: int, now: datetime, settings: Settings) -> Pass:
    maker = PodMaker(random, now, settings)
    pods = maker.pods()
    status = random.choice((replicas, replicas, replicas, max(0, replicas - 1), len(pods)))
    scale = Scale(replicas, status, NO_SELECTOR if random.random() < 0.02 else None)
    found = samples(maker, pods, spec.metrics, replicas, failing=0.08)
    found = tuple(
        _queue(random, replicas) if metric is QUEUE else sample
        for metric, sample in zip(spec.metrics, found, strict=True)
    )
    return Pass(
        spec,
        Situation(scale, pods, found, now),
        get_scale="the API server is away" if random.random() < 0.03 else "",
        update_scale="it may not be changed" if random.random() < 0.05 else "",
    )


def _queue(random: Random, replicas: int) -> Sample:
    """About as long as there are replicas, or of quite another length."""
    near = replicas + random.choice((-5, -3, -2, -1, 0, 1, 2, 3, 5))
    length = random.choice((near, near, replicas * 3 + 5, replicas // 2, random.randint(0, 40), 0))
    return ExternalValues((max(0, length) * 1000,))


def random_spec(random: Random, *, large: bool = False) -> AutoscalerSpec:
    """A spec that the API server may take. large: so many replicas that int32 is near."""
    metrics = tuple(_metrics(random))
    maximum = random.choice((2**30, MAX_INT32)) if large else random.choice((1, 5, 10, 30, 300))
    minimum = random.choice((None, 0, 0, 0, 1, 2, min(4, maximum), min(7, maximum)))
    behavior = None if random.random() < 0.25 else Behavior(_rules(random), _rules(random))
    return AutoscalerSpec(maximum, minimum, metrics, behavior)


def _sprinter(random: Random) -> AutoscalerSpec:
    """No window and one percentage: how far a pass goes is decided by what float64 makes of the percentage."""
    percent = random.choice((1, 5, 10, 15, 20, 35, 55, 60, 70, 110))
    rules = ScalingRules(0, None, (Policy(PolicyType.PERCENT, percent, random.choice((1, 15, 60))),))
    return AutoscalerSpec(1000, random.choice((0, 1)), (QUEUE,), Behavior(rules, rules))


def _metrics(random: Random) -> list[MetricSpec]:
    """The queue alone, or some of any kind, with or without it; now and then one that cannot be followed."""
    if random.random() < 0.5:
        return [QUEUE]
    kinds = [random.choice((*KINDS, "Horoscope")) for _ in range(random.choice((1, 1, 2, 3)))]
    metrics = [random_metric(random, kind, f"m{index}") for index, kind in enumerate(kinds)]
    metrics = [wrong_target(random, it) if random.random() < 0.05 else it for it in metrics]
    if random.random() < 0.6:
        metrics.insert(random.randint(0, len(metrics)), QUEUE)
    return metrics


def _changed(random: Random, spec: AutoscalerSpec, *, large: bool) -> AutoscalerSpec:
    """One thing about it is edited."""
    other = random_spec(random, large=large)
    return random.choice(
        (
            replace(spec, behavior=other.behavior),
            replace(spec, metrics=other.metrics),
            replace(spec, max_replicas=other.max_replicas, min_replicas=other.min_replicas),
        )
    )


def _rules(random: Random) -> ScalingRules:
    given = [random.random() < 0.6 for _ in range(4)]
    return ScalingRules(
        random.choice((0, 15, 60, 300, 900, 3600)) if given[0] else None,
        random.choice((*SelectPolicy, SelectPolicy.MAX, SelectPolicy.MIN)) if given[1] else None,
        tuple(_policy(random) for _ in range(random.choice((1, 1, 1, 2, 3)))) if given[2] else None,
        tolerance(random) if given[3] else None,
    )


def _policy(random: Random) -> Policy:
    return Policy(
        random.choice(tuple(PolicyType)),
        random.choice((1, 1, 2, 4, 10, 55, 100, 900, MAX_INT32, *(random.randint(1, 150) for _ in range(6)))),
        random.choice((1, 15, 15, 30, 60, 300, 1800)),
    )
