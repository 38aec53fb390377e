"""What the presets of a valid ModelDeployment cannot give."""

from collections.abc import Iterator

from serin.api.spec import MetricSource, ModelDeploymentSpec
from serin.cli.findings import Finding, finding
from serin.cli.manifests import Document
from serin.metrics.preset import GATEWAY_PRESET, PresetError, load_preset
from serin.metrics.signals import refusal


def metrics_advice(document: Document, spec: ModelDeploymentSpec) -> Iterator[Finding]:
    """A server that no preset is for, and metrics that its preset, or the gateway's, does not count."""
    try:
        server = load_preset(spec.server)
    except PresetError as error:
        yield finding(document, ("spec", "server"), str(error), rule="unknown-server")
        return
    for position, metric in enumerate(spec.analysis.metrics if spec.analysis else ()):
        gateway = metric.source is MetricSource.GATEWAY
        refused = refusal(metric, load_preset(GATEWAY_PRESET) if gateway else server)
        if refused is not None:
            path = ("spec", "analysis", "metrics", position, "name")
            yield finding(document, path, f"it holds every rollout: {refused}", rule="metric-not-counted")
