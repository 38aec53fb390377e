"""What the presets of a valid ModelDeployment cannot give."""

from collections.abc import Iterator

from pydantic import BaseModel

from serin.api.spec import AnalysisMetric, MetricSource, ModelDeploymentSpec
from serin.cli.findings import Finding, finding
from serin.cli.manifests import Document, FieldPath
from serin.metrics.own import check_query
from serin.metrics.preset import PresetError, load_preset, proxy_names
from serin.metrics.signals import refusal
from serin.metrics.subject import gateway_of


def metrics_advice(document: Document, spec: ModelDeploymentSpec) -> Iterator[Finding]:
    """Queries that cannot be asked, a server that no preset is for, and metrics that no preset in use counts."""
    for position, metric in enumerate(spec.analysis.metrics if spec.analysis else ()):
        yield from _queries(document, metric, position)
    try:
        server = load_preset(spec.server)
    except PresetError as error:
        yield finding(document, ("spec", "server"), str(error), rule="unknown-server")
        return
    name = gateway_of(spec)
    if name not in proxy_names():
        words = f"no proxy's preset is called {name!r}: write one of {', '.join(proxy_names())}"
        yield finding(document, ("spec", "traffic", "metrics"), words, rule="unknown-proxy")
        return
    proxy = load_preset(name)
    for position, metric in enumerate(spec.analysis.metrics if spec.analysis else ()):
        gateway = metric.source is MetricSource.GATEWAY
        refused = refusal(metric, proxy if gateway else server)
        if refused is not None:
            named = ("spec", "analysis", "metrics", position, "name")
            yield finding(document, named, f"it holds every rollout: {refused}", rule="metric-not-counted")


def _queries(document: Document, metric: AnalysisMetric, position: int) -> Iterator[Finding]:
    """PromQL of the user's own that would be refused before it is sent."""
    own = [(part, getattr(metric, part)) for part in ("ratio", "mean", "distribution", "gauge")]
    for part, written in own:
        fields = {part: written} if isinstance(written, str) else {}
        if isinstance(written, BaseModel):
            fields = {f"{part}.{name}": text for name, text in written if text is not None and name != "bin"}
        for field, text in fields.items():
            problem = check_query(text)
            if problem is not None:
                path: FieldPath = ("spec", "analysis", "metrics", position, *field.split("."))
                yield finding(document, path, f"it holds every rollout: {problem}", rule="query-not-askable")
