"""The autoscaler's inputs as Kubernetes' objects, for the program that runs Kubernetes' own (see oracle.py)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from serin.scaling.behavior import Behavior, ScalingRules
from serin.scaling.metrics import (
    ContainerResourceMetric,
    ExternalMetric,
    MetricSpec,
    ObjectMetric,
    PodsMetric,
    ResourceMetric,
    Target,
    UnknownMetric,
)
from serin.scaling.pods import Amounts, Container, Pod
from serin.scaling.samples import ExternalValues, ObjectValue, PodUsage, PodValues, ResourceUsage, Sample, Unavailable
from serin.scaling.spec import AutoscalerSpec, Settings, Situation

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Where the time of the program begins."""
LABELS = {"app": "model"}
FETCHING = re.compile("^unable to fetch metrics from [a-z]+ metrics API: ")
"""What the metrics client puts before an error of its API, and those who ask ours say themselves."""
OF_PODS_AS_A_WHOLE = (
    "InPlacePodLevelResourcesVerticalScaling",
    "PodLevelResourceManagers",
    "PodLevelResourcesFixDefaulting",
    "PodLevelResourcesFixKubeletQOSClass",
)
"""Feature gates that go with PodLevelResources."""


@dataclass(frozen=True)
class Pass:
    """One pass: what is asked for, what is found, and what the API server answers ("" if it is willing)."""

    spec: AutoscalerSpec
    situation: Situation
    get_scale: str = ""
    update_scale: str = ""


@dataclass(frozen=True)
class Case:
    """The whole life of one autoscaler."""

    settings: Settings
    passes: tuple[Pass, ...]


def case(one: Case) -> dict[str, Any]:
    """A case in the words of the program."""
    settings = one.settings
    gates = {"HPAScaleToZero": settings.scale_to_zero, "PodLevelResources": settings.pod_level_resources}
    if not settings.pod_level_resources:
        gates |= dict.fromkeys(OF_PODS_AS_A_WHOLE, False)
    return {
        "settings": {
            "tolerance": settings.tolerance,
            "downscaleStabilization": nanoseconds(settings.downscale_stabilization),
            "cpuInitializationPeriod": nanoseconds(settings.cpu_initialization_period),
            "initialReadinessDelay": nanoseconds(settings.initial_readiness_delay),
        },
        "gates": gates,
        "passes": [_pass(it) for it in one.passes],
    }


def nanoseconds(stretch: timedelta) -> int:
    """A stretch of time in whole nanoseconds."""
    return stretch // timedelta(microseconds=1) * 1000


def instant(at: datetime) -> int:
    """A time in nanoseconds since the beginning."""
    return nanoseconds(at - BEGINNING)


def _pass(one: Pass) -> dict[str, Any]:
    situation = one.situation
    scale = situation.scale
    rendered: dict[str, Any] = {
        "at": instant(situation.now),
        "spec": spec(one.spec),
        "replicas": scale.spec_replicas,
        "statusReplicas": scale.status_replicas,
        "selector": "" if scale.selector_problem else "app=model",
        "pods": [pod(it) for it in situation.pods],
        "usage": {},
        "custom": {},
        "external": {},
        "getScale": one.get_scale,
        "updateScale": one.update_scale,
    }
    for metric, sample in zip(one.spec.metrics, situation.samples, strict=True):
        _add(rendered, metric, sample)
    return rendered


def _add(rendered: dict[str, Any], metric: MetricSpec, sample: Sample) -> None:
    """The sample of a metric. All Resource and ContainerResource metrics of a pass share one answer of their API."""
    if isinstance(metric, UnknownMetric):
        return
    answer = {"error": FETCHING.sub("", sample.message)} if isinstance(sample, Unavailable) else _sample(sample)
    if isinstance(metric, ResourceMetric | ContainerResourceMetric):
        rendered["usage"] = answer
    elif isinstance(metric, ExternalMetric):
        rendered["external"][metric.name] = answer
    else:
        rendered["custom"][metric.name] = answer


def _sample(sample: Sample) -> dict[str, Any]:
    match sample:
        case ResourceUsage():
            return {"pods": [_usage(it) for it in sample.pods]}
        case PodValues():
            return {"pods": {name: it.value for name, it in sample.values.items()}}
        case ObjectValue():
            return {"object": sample.value}
        case ExternalValues():
            return {"values": list(sample.values)}
    raise TypeError(sample)


def _usage(one: PodUsage) -> dict[str, Any]:
    return {
        "pod": one.pod,
        "timestamp": instant(one.timestamp),
        "window": nanoseconds(one.window),
        "containers": {name: dict(amounts) for name, amounts in one.containers.items()},
    }


def spec(one: AutoscalerSpec) -> dict[str, Any]:
    """The spec of a HorizontalPodAutoscaler, without its target."""
    rendered: dict[str, Any] = {"maxReplicas": one.max_replicas, "metrics": [_metric(it) for it in one.metrics]}
    if one.min_replicas is not None:
        rendered["minReplicas"] = one.min_replicas
    if one.behavior is not None:
        rendered["behavior"] = behavior(one.behavior)
    return rendered


def _metric(metric: MetricSpec) -> dict[str, Any]:
    match metric:
        case ResourceMetric():
            return {"type": "Resource", "resource": {"name": metric.name, "target": target(metric.target)}}
        case ContainerResourceMetric():
            source = {"name": metric.name, "container": metric.container, "target": target(metric.target)}
            return {"type": "ContainerResource", "containerResource": source}
        case PodsMetric():
            return {"type": "Pods", "pods": {"metric": {"name": metric.name}, "target": target(metric.target)}}
        case ObjectMetric():
            described = {"kind": metric.described_kind, "name": metric.described_name, "apiVersion": "v1"}
            source = {"metric": {"name": metric.name}, "describedObject": described, "target": target(metric.target)}
            return {"type": "Object", "object": source}
        case ExternalMetric():
            return {"type": "External", "external": {"metric": {"name": metric.name}, "target": target(metric.target)}}
        case UnknownMetric():
            return {"type": metric.type}
    raise TypeError(metric)


def target(one: Target) -> dict[str, Any]:
    """The target of a metric."""
    rendered: dict[str, Any] = {"type": one.type.value}
    if one.average_utilization is not None:
        rendered["averageUtilization"] = one.average_utilization
    if one.average_value is not None:
        rendered["averageValue"] = f"{one.average_value}m"
    if one.value is not None:
        rendered["value"] = f"{one.value}m"
    return rendered


def behavior(one: Behavior) -> dict[str, Any]:
    """`spec.behavior`."""
    return {"scaleUp": _rules(one.scale_up), "scaleDown": _rules(one.scale_down)}


def _rules(rules: ScalingRules) -> dict[str, Any]:
    rendered: dict[str, Any] = {}
    if rules.stabilization_window_seconds is not None:
        rendered["stabilizationWindowSeconds"] = rules.stabilization_window_seconds
    if rules.select_policy is not None:
        rendered["selectPolicy"] = rules.select_policy.value
    if rules.policies is not None:
        rendered["policies"] = [
            {"type": it.type.value, "value": it.value, "periodSeconds": it.period_seconds} for it in rules.policies
        ]
    if rules.tolerance is not None:
        rendered["tolerance"] = f"{round(rules.tolerance * 1000)}m"
    return rendered


def pod(one: Pod) -> dict[str, Any]:
    """A pod; its times are whole seconds, as in the API."""
    metadata: dict[str, Any] = {"name": one.name, "labels": LABELS}
    if one.deleted:
        metadata["deletionTimestamp"] = _time(BEGINNING)
    status: dict[str, Any] = {"phase": one.phase}
    if one.started is not None:
        status["startTime"] = _time(one.started)
    if one.ready is not None:
        ready = {"type": "Ready", "status": one.ready.status, "lastTransitionTime": _time(one.ready.since)}
        status["conditions"] = [{"type": "PodScheduled", "status": "True"}, ready]
    described: dict[str, Any] = {
        "containers": _containers(one.containers),
        "initContainers": _containers(one.init_containers),
    }
    if one.requests:
        described["resources"] = {"requests": _amounts(one.requests)}
    if one.overhead:
        described["overhead"] = _amounts(one.overhead)
    return {"metadata": metadata, "spec": described, "status": status}


def _containers(containers: Iterable[Container]) -> list[dict[str, Any]]:
    rendered = []
    for one in containers:
        entry: dict[str, Any] = {"name": one.name, "resources": {"requests": _amounts(one.requests)}}
        if one.restartable:
            entry["restartPolicy"] = "Always"
        rendered.append(entry)
    return rendered


def _amounts(amounts: Amounts) -> Mapping[str, str]:
    return {name: f"{amount}m" for name, amount in amounts.items()}


def _time(at: datetime) -> str:
    assert at.microsecond == 0, f"{at}: the API has whole seconds"
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
