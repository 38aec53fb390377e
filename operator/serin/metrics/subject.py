"""Who is asked for: one rollout whose ticks are due."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from serin.api.children import REVISION_PORT, revision_name
from serin.api.spec import Analysis, AnalysisMetric, MetricSource, ModelDeploymentSpec
from serin.metrics.preset import GATEWAY_PRESET, MODEL_PRESET, Preset, load_preset
from serin.metrics.signals import preset_of

SubjectKey = tuple[str, str]
"""Namespace and name of the ModelDeployment."""


def gateway_of(spec: ModelDeploymentSpec) -> str:
    """The preset of the proxy that counts a ModelDeployment's requests."""
    return spec.traffic.proxy if spec.traffic is not None else GATEWAY_PRESET


@dataclass(frozen=True)
class Subject:
    """One rollout that is due.

    due: grid times whose tick is missing, oldest first, at least one.
    server, gateway: the presets of the model server and of the proxy before it; they must be known ones.
    versions: the model's version by revision, as far as it is known.
    """

    namespace: str
    model: str
    candidate: str
    stable: str
    analysis: Analysis
    due: tuple[datetime, ...]
    server: str = MODEL_PRESET
    gateway: str = GATEWAY_PRESET
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> SubjectKey:
        """What the answer is filed under."""
        return self.namespace, self.model

    @property
    def requests_preset(self) -> Preset:
        """Who counts the requests for the verified split: the gateway, which splits them, if any metric reads it."""
        by_gateway = any(metric.source is MetricSource.GATEWAY for metric in self.analysis.metrics)
        return load_preset(self.gateway if by_gateway else self.server)

    def preset_of(self, metric: AnalysisMetric) -> Preset:
        """Whose series a built-in metric reads."""
        return preset_of(metric, server=self.server, gateway=self.gateway)

    def identity(self, preset: Preset, revision: str) -> tuple[str, ...]:
        """The values of the preset's revision labels for one of the two revisions."""
        return preset.identity(
            {
                "namespace": self.namespace,
                "model": self.model,
                "revision": revision,
                "port": str(REVISION_PORT),
            }
        )

    def names(self, revision: str) -> dict[str, str]:
        """What a user's own query may call one of the two revisions, by placeholder; `version` only if it is known."""
        return names_of(self.namespace, self.model, revision, self.versions.get(revision))


def names_of(namespace: str, model: str, revision: str, version: str | None) -> dict[str, str]:
    """What a user's own query may call a revision, by placeholder; `version` only if it is known."""
    child = revision_name(model, revision)
    names = {"namespace": namespace, "model": model, "revision": revision, "service": child, "workload": child}
    return names if version is None else names | {"version": version}
