"""Who is asked for: one rollout whose ticks are due."""

from dataclasses import dataclass
from datetime import datetime

from serin.api.children import REVISION_PORT
from serin.api.spec import Analysis, AnalysisMetric, MetricSource
from serin.metrics.preset import PRESET_OF_SOURCE, Preset, load_preset

SubjectKey = tuple[str, str]
"""Namespace and name of the ModelDeployment."""


@dataclass(frozen=True)
class Subject:
    """One rollout that is due.

    due: grid times whose tick is missing, oldest first, at least one.
    """

    namespace: str
    model: str
    candidate: str
    stable: str
    analysis: Analysis
    due: tuple[datetime, ...]

    @property
    def key(self) -> SubjectKey:
        """What the answer is filed under."""
        return self.namespace, self.model

    @property
    def requests_preset(self) -> Preset:
        """Who counts the requests for the verified split: the gateway, which splits them, if any metric reads it."""
        sources = {metric.source for metric in self.analysis.metrics}
        source = MetricSource.GATEWAY if MetricSource.GATEWAY in sources else MetricSource.SERVER
        return load_preset(PRESET_OF_SOURCE[source])

    def preset_of(self, metric: AnalysisMetric) -> Preset:
        """Whose series a metric reads."""
        return load_preset(PRESET_OF_SOURCE[metric.source])

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
