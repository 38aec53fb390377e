"""`ModelDeployment.spec`: what a user asks for.

Every contradiction that can be told without the cluster is told by the API server at apply: the rules stand
beside the fields that they concern (`rules`, in CEL and in Python), and the CRD is made from them.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from serin.api.ab_test import ABTest
from serin.api.analysis import Analysis, OnInconclusive
from serin.api.autoscaling import Autoscaling
from serin.api.base import DNS_LABEL, UNQUOTED, Boolean, Duration, Model, at_least, at_most, matching
from serin.api.canary import DEFAULT_STEPS, Canary, Pause, Ramp, RampCurve, Step, Stickiness
from serin.api.features import NEEDS, feature_rules
from serin.api.metric import AnalysisMetric, MaxIncrease
from serin.api.metric_kinds import (
    SHARES,
    Direction,
    Divergence,
    DriftOf,
    MetricAction,
    MetricKind,
    MetricName,
    MetricSource,
)
from serin.api.own_metrics import Distribution, Mean, Ratio
from serin.api.rules import Rule
from serin.api.strategy import (
    Afterwards,
    BlueGreen,
    Capacity,
    Preview,
    Promotion,
    Shadow,
    Strategy,
    StrategyType,
)
from serin.api.template import PodTemplate
from serin.api.traffic import (
    PROVIDERS_IN_WORDS,
    GatewayAPITraffic,
    IstioTraffic,
    ParentReference,
    RouteProtocol,
    RouteReference,
    Traffic,
)

__all__ = [
    "DEFAULT_STEPS",
    "ABTest",
    "Afterwards",
    "Analysis",
    "AnalysisMetric",
    "Autoscaling",
    "BlueGreen",
    "Canary",
    "Capacity",
    "Direction",
    "Distribution",
    "Divergence",
    "DriftOf",
    "GatewayAPITraffic",
    "IstioTraffic",
    "Lineage",
    "MaxIncrease",
    "Mean",
    "MetricAction",
    "MetricKind",
    "MetricName",
    "MetricSource",
    "ModelDeploymentSpec",
    "ModelIdentity",
    "OnInconclusive",
    "ParentReference",
    "Pause",
    "Preview",
    "Promotion",
    "Ramp",
    "RampCurve",
    "Ratio",
    "Rollback",
    "RouteProtocol",
    "RouteReference",
    "ServicePort",
    "Shadow",
    "Step",
    "Stickiness",
    "Strategy",
    "StrategyType",
    "Traffic",
]

SEMANTIC_VERSION = r"^v?[0-9]+(\.[0-9]+){0,2}([-+][0-9A-Za-z.+-]*[0-9A-Za-z])?$"
VERSION_HELP = "write a semantic version, such as 2.1.0 or 2.1.0-rc.1"
URI_HELP = "write a URI with its scheme, such as models:/fraud/7, s3://bucket/model or file:///models/fraud"
SERVER_HELP = "write the name of a preset: lower case letters, digits and dashes, such as vllm; see serin presets"
DIGEST_HELP = "write sha256: and 64 hexadecimal digits"


class Lineage(Model):
    """Where a model comes from, kept with its revision for whoever asks a year later."""

    code_commit: Annotated[str, Field(max_length=256)] | None = None
    """The commit of the training code."""
    data_version: Annotated[str, Field(max_length=256)] | None = None
    """The version of the training data."""
    training_job: Annotated[str, Field(max_length=256)] | None = None
    """The run that trained the model."""
    environment: Annotated[str, Field(max_length=256)] | None = None
    """The environment that it was trained in, such as an image digest."""


class ModelIdentity(Model):
    """Which model this is. A change of any of it, except the lineage, is a new revision."""

    name: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """The model's name; the ModelDeployment's own name unless given."""
    version: Annotated[str, Field(max_length=63), matching(SEMANTIC_VERSION, VERSION_HELP)]
    """The semantic version, such as 2.1.0."""
    uri: Annotated[str, Field(max_length=2048), matching(r"^[a-z][a-z0-9+.-]*:[^\s]+$", URI_HELP)] | None = None
    """Where the weights are (models:, s3:, oci:, hf:, pvc:, file:); the pod gets it as SERIN_MODEL_URI."""
    digest: Annotated[str, Field(max_length=71), matching(r"^sha256:[0-9a-f]{64}$", DIGEST_HELP)] | None = None
    """The digest of the weights, pinned into the revision; the pod gets it as SERIN_MODEL_DIGEST."""
    lineage: Lineage | None = None
    """Where the model comes from."""


class ServicePort(Model):
    """The port on which clients reach the model."""

    port: Annotated[int, Field(ge=1, le=65535), UNQUOTED] = 80
    """The port of the Service that bears the ModelDeployment's name; those of revisions have port 80."""
    target_port: Annotated[int, Field(ge=1, le=65535), UNQUOTED] = 8080
    """The container's port."""


class Rollback(Model):
    """What becomes of the version that lost its traffic."""

    keep_warm: Annotated[Duration, at_most("168h", "write at most 168h, a week")] = timedelta(minutes=30)
    """How long the previous version stays ready after a promotion; on GPUs this costs double."""
    drain: Annotated[Duration, at_most("1h", "write at most 1h")] = timedelta(seconds=30)
    """How long a version's pods stay after its weight became 0: proxies and open requests finish."""


class ModelDeploymentSpec(Model):
    """What a user asks for."""

    model: ModelIdentity
    """Which model this is."""
    template: PodTemplate
    """A PodTemplateSpec: how the model is served."""
    server: Annotated[str, Field(max_length=63), matching(DNS_LABEL, SERVER_HELP)] = "contract"
    """Which model server it is: the preset that knows its metrics. contract: Serin's own names of metrics."""
    service: ServicePort = ServicePort()
    """The port on which clients reach it."""
    replicas: Annotated[int, Field(ge=0, le=10_000), UNQUOTED] = 1
    """How many pods carry the whole traffic; left out beside autoscaling."""
    autoscaling: Autoscaling | None = None
    """How many pods carry the whole traffic, decided by metrics."""
    traffic: Traffic | None = None
    """How weights reach the model servers; without it a new version takes over at once when it is Ready."""
    strategy: Strategy | None = None
    """How a new version replaces the old one; needs traffic. Without it a canary at 5, 25 and 50 %, 5m each."""
    analysis: Analysis | None = None
    """How the candidate is judged; needs traffic. Without it steps are timed only."""
    rollback: Rollback = Rollback()
    """What becomes of the version that lost its traffic."""
    progress_deadline: Annotated[
        Duration, at_least("1s", "write at least 1s: the time that pods and a route may take")
    ] = timedelta(minutes=10)
    """How long Serin waits for pods or a route while nothing moves."""
    revision_history_limit: Annotated[int, Field(ge=0, le=100), UNQUOTED] = 5
    """How many revisions without a role are kept, beside the one that was turned away."""
    paused: Boolean = False
    """Stops the rollout where it is; traffic and pods stay as they are."""

    rules = (
        Rule(
            "!has(self.autoscaling) || self.replicas == 1",
            lambda spec: spec.autoscaling is None or spec.replicas == 1,
            "autoscaling decides the replicas: leave replicas out and write autoscaling.minReplicas and maxReplicas;"
            " if it was scaled before, set replicas to 1, its default",
            field=".replicas",
        ),
        Rule(
            "has(self.traffic) || !has(self.strategy)",
            lambda spec: spec.traffic is not None or spec.strategy is None,
            f"strategy needs traffic: set traffic to one of {PROVIDERS_IN_WORDS}, or leave strategy out",
            field=".strategy",
        ),
        Rule(
            "has(self.traffic) || !has(self.analysis)",
            lambda spec: spec.traffic is not None or spec.analysis is None,
            f"analysis needs traffic: set traffic to one of {PROVIDERS_IN_WORDS}, or leave analysis out",
            field=".analysis",
        ),
        Rule(
            "!has(self.strategy) || !has(self.strategy.abTest)"
            " || (has(self.analysis) && self.analysis.metrics.exists(m, m.name == self.strategy.abTest.goal.metric"
            f" && (m.name in {[str(name) for name in SHARES]} || has(m.ratio))))",
            lambda spec: (
                spec.strategy is None
                or spec.strategy.ab_test is None
                or (
                    spec.analysis is not None
                    and any(
                        metric.name == spec.strategy.ab_test.goal.metric and metric.kind is MetricKind.SHARE
                        for metric in spec.analysis.metrics
                    )
                )
            ),
            "the goal of an A/B test is the name of one of analysis.metrics that is a share: error-rate, latency,"
            " accuracy, or a ratio of your own; write it there, too",
            field=".strategy.abTest.goal.metric",
        ),
        *feature_rules(NEEDS),
        Rule(
            "!has(self.traffic) || !has(self.traffic.replicas) || !has(self.strategy) || !has(self.strategy.canary)"
            " || self.strategy.canary.steps.all(step, step.?weight.orValue(0) in [0, 100] || step.weight <= 50)"
            " && self.strategy.canary.steps.all(step, step.?ramp.?to.orValue(0) <= 50)",
            lambda spec: not _by_replicas(spec) or _shares_at_most_half(spec),
            "by the replica ratio a candidate has as many pods as stable at 50 %, and beyond that more: write weights"
            " of at most 50, and 100, or use another provider",
            field=".strategy.canary",
        ),
        Rule(
            "!has(self.traffic) || !has(self.traffic.replicas) || !has(self.strategy)"
            " || self.strategy.capacity != 'Rebalance'",
            lambda spec: not _by_replicas(spec) or spec.strategy is None or spec.strategy.capacity is Capacity.SURGE,
            "by the replica ratio stable keeps its pods: leave capacity out, or use another provider",
            field=".strategy.capacity",
        ),
        Rule(
            "!has(self.traffic) || !has(self.traffic.replicas) || has(self.traffic.metrics) || !has(self.analysis)"
            " || !self.analysis.metrics.exists(metric, metric.source == 'Gateway')",
            lambda spec: not _by_replicas(spec) or spec.traffic.metrics is not None or not _reads_a_proxy(spec),
            "by the replica ratio there is no proxy that counts: leave source out, or name in traffic.metrics the"
            " preset of a proxy that does, such as linkerd",
            field=".analysis.metrics",
        ),
    )


def _by_replicas(spec: ModelDeploymentSpec) -> bool:
    return spec.traffic is not None and spec.traffic.replicas is not None


def _shares_at_most_half(spec: ModelDeploymentSpec) -> bool:
    canary = spec.strategy.canary if spec.strategy is not None else None
    steps = canary.steps if canary is not None else ()
    weights = [step.weight for step in steps if step.weight is not None and step.weight != 100]
    return all(weight <= 50 for weight in [*weights, *(step.ramp.to for step in steps if step.ramp is not None)])


def _reads_a_proxy(spec: ModelDeploymentSpec) -> bool:
    metrics = spec.analysis.metrics if spec.analysis is not None else ()
    return any(metric.source is MetricSource.GATEWAY for metric in metrics)
