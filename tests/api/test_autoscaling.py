"""`spec.autoscaling` takes what a HorizontalPodAutoscaler takes, but for contradictions; no shorthand is guessed at."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from scaling import as_kubernetes
from scaling.random_specs import doubtful
from serin.api.autoscaling import Autoscaling
from serin.api.autoscaling_metrics import MetricTarget
from serin.scaling.asked import asked
from serin.scaling.metrics import MetricSpec, TargetType, UnknownMetric
from serin.scaling.spec import AutoscalerSpec
from serin.scaling.validity import problems

SPECS = 3000
CONTRADICTION = MetricTarget.rules[0].message


def refusal(manifest: dict[str, Any]) -> ValidationError | None:
    """Why the models do not take it; None if they do."""
    try:
        Autoscaling.model_validate(manifest)
    except ValidationError as error:
        return error
    return None


def without_contradictions(spec: AutoscalerSpec, seed: int) -> AutoscalerSpec:
    """The same with targets of one amount, and of the type that says so; the amount may still be a wrong one."""
    return replace(spec, metrics=tuple(_consistent(metric, Random(seed)) for metric in spec.metrics))


def _consistent(metric: MetricSpec, random: Random) -> MetricSpec:
    if isinstance(metric, UnknownMetric):
        return metric
    target, kind = metric.target, random.choice(tuple(TargetType))
    amount = next((it for it in (target.value, target.average_value, target.average_utilization) if it is not None), 1)
    given = {
        TargetType.VALUE: (None, None, amount),
        TargetType.AVERAGE_VALUE: (None, amount, None),
        TargetType.UTILIZATION: (amount, None, None),
    }[kind]
    return replace(metric, target=type(target)(kind, *given))


def cases() -> Iterator[tuple[int, AutoscalerSpec]]:
    """Random specs of which many are refused, half of them without contradictions in their targets."""
    for seed in range(SPECS):
        spec = doubtful(seed)
        yield seed, spec if seed % 2 else without_contradictions(spec, seed)


def test_what_upstream_refuses_is_refused_and_beyond_it_only_contradictions() -> None:
    counts = {True: 0, False: 0}
    for seed, spec in cases():
        error = refusal(as_kubernetes.spec(spec))
        counts[error is None] += 1
        if problems(spec):
            assert error is not None, f"{seed}: upstream refuses {problems(spec)}: {spec}"
        elif error is not None:
            assert seed % 2, f"{seed}: upstream takes {spec}, and we say {error}"
            # A list that lost an entry is also said to be too short.
            found = [each["msg"] for each in error.errors() if each["type"] != "too_short"]
            assert found, f"{seed}: {error}"
            assert all(CONTRADICTION in message for message in found), f"{seed}: {error}"
    assert min(counts.values()) > SPECS / 20


def test_what_is_taken_is_followed_as_it_is_written() -> None:
    taken = 0
    for _, spec in cases():
        manifest = as_kubernetes.spec(spec)
        if refusal(manifest) is None:
            taken += 1
            assert asked(Autoscaling.model_validate(manifest)) == replace(spec, min_replicas=spec.minimum)
    assert taken > SPECS / 20


QUERY = 'sum(requests_waiting{service="$service"})'


@pytest.mark.parametrize(
    "prometheus",
    [
        {"metric": "queue-length", "target": {"type": "AverageValue", "averageValue": "10"}},
        {"metric": "running-requests", "target": {"type": "Value", "value": "8"}, "server": "long-term"},
        {"query": QUERY, "target": {"type": "AverageValue", "averageValue": "1.5k"}},
    ],
)
def test_prometheus_is_a_type_of_metric(prometheus: dict[str, Any]) -> None:
    manifest = {"maxReplicas": 4, "metrics": [{"type": "Prometheus", "prometheus": prometheus}]}
    taken = Autoscaling.model_validate(manifest)
    assert problems(asked(taken)) == ()
    assert taken.to_dict()["metrics"][0]["prometheus"] == {"server": "default"} | prometheus


@pytest.mark.parametrize(("source", "taken"), [({"query": QUERY}, True), ({"metric": "queue-length"}, False)])
def test_zero_pods_need_a_metric_that_is_known_without_them(source: dict[str, str], taken: bool) -> None:
    target = {"type": "AverageValue", "averageValue": "10"}
    manifest = {
        "minReplicas": 0,
        "maxReplicas": 4,
        "metrics": [{"type": "Prometheus", "prometheus": source | {"target": target}}],
    }
    assert (refusal(manifest) is None) == taken


@pytest.mark.parametrize("percent", ["70", "0%", "070%", "10000%", "70.5%", "-5%", "70%\n", 70, 0.7])
def test_a_percentage_is_written_with_its_sign(percent: object) -> None:
    assert refusal({"maxReplicas": 4, "scaleUpAbove": {"cpu": percent}}) is not None


@pytest.mark.parametrize("text", ["10", "0.5", ".5", "500m", "2Gi", "1e3", "15E-2", "100k"])
def test_a_target_is_any_quantity_above_zero(text: str) -> None:
    assert MetricTarget.model_validate({"type": "Value", "value": text}).value == text


@pytest.mark.parametrize("text", ["0", "0m", "0.0Gi", "-1", "+1", "1.", "1 Gi", "1GiB", "", "1e100", "٣", 10])
def test_anything_else_is_none(text: object) -> None:
    with pytest.raises(ValidationError):
        MetricTarget.model_validate({"type": "Value", "value": text})
