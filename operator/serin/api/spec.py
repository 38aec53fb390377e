"""`ModelDeployment.spec`: what a user asks for.

Every contradiction that can be told without the cluster is told by the API server at apply: the rules stand beside
the fields that they concern, as CEL (`rules`), and the CRD is made from them.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from serin.api.base import Duration, Model, Proportion, parse_duration, parse_proportion

SEMANTIC_VERSION = r"^v?[0-9]+(\.[0-9]+){0,2}([-+][0-9A-Za-z.+-]+)?$"


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
    version: Annotated[str, Field(pattern=SEMANTIC_VERSION, max_length=63)]
    """The semantic version, such as 2.1.0."""
    uri: Annotated[str, Field(max_length=2048)] | None = None
    """Where the weights are (`models:/`, `s3://`, `oci://`, `hf://`, `pvc://`, `file://`): the pod gets it as SERIN_MODEL_URI."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """The digest of the weights, pinned into the revision; the pod gets it as SERIN_MODEL_DIGEST."""
    lineage: Lineage | None = None
    """Where the model comes from."""


class ServicePort(Model):
    """The port on which clients reach the model."""

    port: Annotated[int, Field(ge=1, le=65535)] = 80
    """The port of the Services that Serin makes."""
    target_port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """The container's port."""


class ParentReference(Model):
    """A Gateway that a route attaches to."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """The Gateway's name."""
    namespace: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """The Gateway's namespace; the ModelDeployment's own unless given."""
    section_name: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """One listener of the Gateway; all of them unless given."""


class HTTPRouteReference(Model):
    """A user's own HTTPRoute: Serin edits only the weights of one backend's place in it, and gives it back on deletion."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """The HTTPRoute's name, in the ModelDeployment's namespace."""
    backend: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """The Service in `backendRefs` whose place Serin's revisions take; the ModelDeployment's own name unless given."""


class GatewayAPITraffic(Model):
    """Traffic by a Gateway API route: a route of the user's own, or one that Serin makes."""

    http_route: HTTPRouteReference | None = None
    """An existing route."""
    parent_refs: Annotated[tuple[ParentReference, ...], Field(min_length=1, max_length=8)] | None = None
    """The Gateways to which the route that Serin makes attaches."""
    hostnames: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=253)], ...], Field(max_length=16)] | None = None
    """The host names of the route that Serin makes; every host unless given."""

    @model_validator(mode="after")
    def _one_route(self) -> Self:
        if (self.http_route is None) == (self.parent_refs is None):
            raise ValueError("set exactly one of httpRoute (a route of your own) and parentRefs (Serin makes the route)")
        if self.hostnames is not None and self.parent_refs is None:
            raise ValueError("hostnames belong to a route that Serin makes: set them in your own route instead")
        return self


class Traffic(Model):
    """How weights reach the model servers. Without it a new version takes over at once when it is Ready."""

    gateway_api: Annotated[GatewayAPITraffic, Field(alias="gatewayAPI")]
    """A Gateway API route."""


class RampCurve(StrEnum):
    """How a ramp rises."""

    LINEAR = "Linear"
    EXPONENTIAL = "Exponential"


class Ramp(Model):
    """A rise of the weight in eight equal pieces of time."""

    from_: Annotated[int, Field(alias="from", ge=1, le=100)]
    """The first weight, in percent."""
    to: Annotated[int, Field(ge=1, le=100)]
    """The last weight, in percent."""
    over: Duration
    """How long the rise takes, outside pauses and holds."""
    curve: RampCurve = RampCurve.LINEAR
    """Linear: equal differences. Exponential: equal factors, careful at first."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.to <= self.from_:
            raise ValueError(f"a ramp rises: to is {self.to}, write more than from ({self.from_})")
        return self


class Pause(Model):
    """A stop on the way."""

    duration: Duration | None = None
    """How long; until somebody resumes unless given."""


class Step(Model):
    """One step of a canary: exactly one of weight, ramp and pause."""

    weight: Annotated[int, Field(ge=1, le=100)] | None = None
    """The candidate's share of the traffic, in percent."""
    hold: Duration | None = None
    """How long the weight is held at least, outside pauses and holds of the analysis."""
    ramp: Ramp | None = None
    """A gradual rise."""
    pause: Pause | None = None
    """A stop, timed or until resumed."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(part is not None for part in (self.weight, self.ramp, self.pause)) != 1:
            raise ValueError("a step is exactly one of weight, ramp and pause")
        if self.hold is not None and self.weight is None:
            raise ValueError("hold belongs to a weight: a pause has its duration, a ramp its over")
        return self


DEFAULT_STEPS = (
    Step(weight=5, hold=timedelta(minutes=5)),
    Step(weight=25, hold=timedelta(minutes=5)),
    Step(weight=50, hold=timedelta(minutes=5)),
)


class Canary(Model):
    """A candidate that gets its traffic step by step."""

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=32)] = DEFAULT_STEPS
    """The steps, in order; weights never fall. After the last one the candidate is promoted."""

    @model_validator(mode="after")
    def _never_falls(self) -> Self:
        weight = 0
        for number, step in enumerate(self.steps):
            first = step.ramp.from_ if step.ramp else step.weight
            if first is not None and first < weight:
                raise ValueError(f"steps[{number}] lowers the weight from {weight} to {first}: weights never fall")
            weight = step.ramp.to if step.ramp else step.weight or weight
        return self


class Strategy(Model):
    """How a new version replaces the old one."""

    type: Literal["Canary"] = "Canary"
    """Canary: step by step."""
    canary: Canary = Canary()
    """The steps of a canary."""


class MetricSource(StrEnum):
    """Who counts the requests."""

    SERVER = "Server"
    GATEWAY = "Gateway"


class MetricAction(StrEnum):
    """What a failed metric does."""

    ROLLBACK = "Rollback"
    WARN = "Warn"


class MetricName(StrEnum):
    """The signals that Serin knows how to count."""

    ERROR_RATE = "error-rate"
    LATENCY = "latency"
    ACCURACY = "accuracy"


class AnalysisMetric(Model):
    """One signal and its limit."""

    name: MetricName
    """error-rate and latency have a threshold; accuracy has a delta."""
    threshold: Annotated[str, Field(max_length=32)] | None = None
    """error-rate: the highest share of failed requests, such as "2%". latency: the SLA, such as 250ms."""
    quantile: Proportion | None = None
    """latency: the share of requests that must be within the threshold; "0.95" unless given."""
    delta: Proportion | None = None
    """accuracy: how far the candidate may fall below stable in the same window, such as "1%"."""
    source: MetricSource = MetricSource.SERVER
    """Server: the model server's own metrics. Gateway: the proxy's."""
    action: MetricAction = MetricAction.ROLLBACK
    """Rollback, or only Warn."""

    @model_validator(mode="after")
    def _fits_its_signal(self) -> Self:
        if self.name is MetricName.ACCURACY:
            if self.delta is None or self.threshold is not None or self.quantile is not None:
                raise ValueError('accuracy takes delta alone, such as delta: "1%"')
            if self.source is not MetricSource.SERVER:
                raise ValueError("accuracy is counted by the model server: a gateway sees no labels")
            return self
        if self.threshold is None or self.delta is not None:
            raise ValueError(f"{self.name} takes a threshold and no delta")
        if self.name is MetricName.LATENCY:
            parse_duration(self.threshold)
        else:
            parse_proportion(self.threshold)
            if self.quantile is not None:
                raise ValueError("quantile belongs to latency")
        return self

    @property
    def limit(self) -> float:
        """The highest acceptable share of bad events (error-rate, latency) or rise of it over stable (accuracy)."""
        if self.name is MetricName.LATENCY:
            return 1.0 - (0.95 if self.quantile is None else self.quantile)
        if self.name is MetricName.ACCURACY:
            return self.delta or 0.0
        return parse_proportion(self.threshold)

    @property
    def latency_threshold(self) -> timedelta:
        """The SLA of a latency metric."""
        return parse_duration(self.threshold)


class OnInconclusive(StrEnum):
    """What happens when `maxDuration` is over and the data decide nothing."""

    PAUSE = "Pause"
    PROMOTE = "Promote"
    ROLLBACK = "Rollback"


class Analysis(Model):
    """How the candidate is judged while it carries traffic."""

    interval: Duration = timedelta(seconds=30)
    """The tick, and the window of each query; windows never overlap. At least 1s."""
    initial_delay: Duration = timedelta(0)
    """How long after the candidate is Ready nothing is judged: a model's warm-up."""
    confirm: Annotated[int, Field(ge=1, le=100)] = 3
    """How many ticks must agree before a rollback."""
    min_samples: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    """How many of the candidate's events a step needs at least."""
    max_duration: Duration = timedelta(hours=2)
    """How long the analysis may take, outside pauses."""
    on_inconclusive: OnInconclusive = OnInconclusive.PAUSE
    """What happens then, if the data decide nothing."""
    metrics: Annotated[tuple[AnalysisMetric, ...], Field(min_length=1, max_length=16)]
    """The signals; any one that fails with action Rollback rolls back."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.interval < timedelta(seconds=1):
            raise ValueError("interval is less than 1s: Prometheus has nothing new to tell that often")
        names = [metric.name for metric in self.metrics]
        if len(set(names)) != len(names):
            raise ValueError("metrics name the same signal twice")
        return self


class Rollback(Model):
    """What becomes of the version that lost its traffic."""

    keep_warm: Duration = timedelta(minutes=30)
    """How long the previous version stays ready after a promotion; on GPUs this costs double."""
    drain: Duration = timedelta(seconds=30)
    """How long a version's pods stay after its weight became 0: proxies and open requests finish."""


class ModelDeploymentSpec(Model):
    """What a user asks for."""

    model: ModelIdentity
    """Which model this is."""
    template: Mapping[str, Any]
    """A PodTemplateSpec: how the model is served."""
    service: ServicePort = ServicePort()
    """The port on which clients reach it."""
    replicas: Annotated[int, Field(ge=0, le=10_000)] = 1
    """How many pods carry the whole traffic."""
    traffic: Traffic | None = None
    """How weights reach the model servers; without it a new version takes over at once when it is Ready."""
    strategy: Strategy | None = None
    """How a new version replaces the old one; needs traffic."""
    analysis: Analysis | None = None
    """How the candidate is judged; needs traffic. Without it steps are timed only."""
    rollback: Rollback = Rollback()
    """What becomes of the version that lost its traffic."""
    progress_deadline: Duration = timedelta(minutes=10)
    """How long Serin waits for pods or a route while nothing moves."""
    revision_history_limit: Annotated[int, Field(ge=0, le=100)] = 5
    """How many revisions without a role are kept."""
    paused: bool = False
    """Stops the rollout where it is; traffic and pods stay as they are."""

    @model_validator(mode="after")
    def _weights_need_traffic(self) -> Self:
        if self.traffic is None and (self.strategy is not None or self.analysis is not None):
            raise ValueError("strategy and analysis need traffic: set traffic.gatewayAPI, or leave them out")
        return self
