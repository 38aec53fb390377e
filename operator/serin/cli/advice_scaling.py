"""What replicas of a valid ModelDeployment cannot follow, although the API server takes it."""

from collections.abc import Iterator, Mapping
from typing import Any

from serin.api.autoscaling_metrics import AutoscalingMetric, PrometheusMetricSource
from serin.api.autoscaling_shorthands import PER_POD
from serin.api.spec import ModelDeploymentSpec
from serin.cli.findings import Finding, Severity, finding
from serin.cli.manifests import Document, FieldPath
from serin.metrics.loads import Kind, lacking, series_of
from serin.metrics.own import check_query
from serin.metrics.preset import PresetError
from serin.scaling.errors import InvalidMetricError
from serin.scaling.pods import Pod
from serin.scaling.reading import pod_of
from serin.scaling.requests import requests_of

AUTOSCALING: FieldPath = ("spec", "autoscaling")
CONTAINERS: FieldPath = ("spec", "template", "spec", "containers")


def scaling_advice(document: Document, spec: ModelDeploymentSpec) -> Iterator[Finding]:
    """Signals that the preset has not, queries that cannot be asked, and percentages of requests that nobody makes."""
    autoscaling = spec.autoscaling
    if autoscaling is None:
        return
    pod = _pod(spec.template)
    for position, metric in enumerate(autoscaling.expanded().metrics or ()):
        if metric.prometheus is not None:
            yield from _prometheus(document, spec, metric.prometheus, position)
        yield from _utilization(document, metric, pod)


def _prometheus(
    document: Document, spec: ModelDeploymentSpec, source: PrometheusMetricSource, position: int
) -> Iterator[Finding]:
    place: FieldPath = (*AUTOSCALING, "metrics", position, "prometheus")
    if source.query is not None:
        problem = check_query(source.query)
        if problem is not None:
            yield finding(document, (*place, "query"), f"it is never known: {problem}", rule="query-not-askable")
    if source.metric is None:
        return
    kind = Kind(source.server, source.metric, spec.server)
    try:
        known = series_of(kind) is not None
    except PresetError:
        return  # told of spec.server
    if not known:
        short = next(name for name, signal in PER_POD.items() if signal is source.metric)
        is_short = spec.autoscaling is not None and spec.autoscaling.scale_up_above is not None
        path = (*AUTOSCALING, "scaleUpAbove", short) if is_short else (*place, "metric")
        yield finding(document, path, f"it is never known: {lacking(kind)}", rule="metric-not-counted")


def _utilization(document: Document, metric: AutoscalingMetric, pod: Pod) -> Iterator[Finding]:
    """A percentage of what a container requests; a LimitRange of the namespace may request for it."""
    source = metric.resource or metric.container_resource
    if source is None or source.target.average_utilization is None:
        return
    container = metric.container_resource.container if metric.container_resource is not None else ""
    try:
        requests_of((pod,), source.name, container, pod_level=True)
    except InvalidMetricError as error:
        problem = str(error).removesuffix(f" of Pod {pod.name}").removesuffix(f" in Pod {pod.name}")
        expected = (
            f"{source.name} is followed in percent of what is requested, and that would not be known ({problem}): write"
            f" resources.requests.{source.name}, unless a LimitRange does"
        )
        yield finding(document, CONTAINERS, expected, rule="percentage-of-nothing", severity=Severity.WARNING)


def _pod(template: Mapping[str, Any]) -> Pod:
    """A pod of the template; what has a limit and no request requests the limit, as the API server fills in."""
    spec = dict(template.get("spec") or {})
    for name in ("containers", "initContainers"):
        spec[name] = [_filled(container) for container in spec.get(name) or ()]
    return pod_of({"metadata": {"name": "one"}, "spec": spec})


def _filled(container: Mapping[str, Any]) -> dict[str, Any]:
    resources = container.get("resources") or {}
    requests = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {"name": "unnamed", **container, "resources": {"requests": requests}}
