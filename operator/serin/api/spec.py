"""`ModelDeployment.spec`: what a user asks for.

Every contradiction that can be told without the cluster is told by the API server at apply: the rules stand
beside the fields that they concern (`rules`, in CEL and in Python), and the CRD is made from them.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from serin.api.base import (
    LONGEST_DURATION,
    Duration,
    Model,
    Proportion,
    at_least,
    at_most,
    cel_is_duration,
    cel_is_proportion,
    is_duration,
    is_proportion,
    matching,
    parse_duration,
    parse_proportion,
)
from serin.api.rules import Rule, UniqueBy
from serin.api.template import PodTemplate

SEMANTIC_VERSION = r"^v?[0-9]+(\.[0-9]+){0,2}([-+]([0-9A-Za-z.+-]*[0-9A-Za-z])?)?$"
VERSION_HELP = "write a semantic version, such as 2.1.0 or 2.1.0-rc.1"
URI_HELP = "write a URI with its scheme, such as models:/fraud/7, s3://bucket/model or file:///models/fraud"
DIGEST_HELP = "write sha256: and 64 hexadecimal digits"

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
HOST_NAME = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
NAME_HELP = "write the object's name: lower case letters, digits and dashes, such as my-gateway"
HOST_HELP = "write a host name without scheme and port, such as fraud.example.com or *.example.com"

ObjectName = Annotated[str, Field(min_length=1, max_length=253), matching(DNS_SUBDOMAIN, NAME_HELP)]
LabelName = Annotated[str, Field(min_length=1, max_length=63), matching(DNS_LABEL, NAME_HELP)]
HostName = Annotated[str, Field(min_length=1, max_length=253), matching(HOST_NAME, HOST_HELP)]


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

    port: Annotated[int, Field(ge=1, le=65535)] = 80
    """The port of the Services that Serin makes."""
    target_port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """The container's port."""


class ParentReference(Model):
    """A Gateway that a route attaches to."""

    name: ObjectName
    """The Gateway's name."""
    namespace: LabelName | None = None
    """The Gateway's namespace; the ModelDeployment's own unless given."""
    section_name: ObjectName | None = None
    """One listener of the Gateway; all of them unless given."""


class HTTPRouteReference(Model):
    """A user's own HTTPRoute: Serin edits weights in the place of one backend, and gives it back on deletion."""

    name: ObjectName
    """The HTTPRoute's name, in the ModelDeployment's namespace."""
    backend: LabelName | None = None
    """The Service in `backendRefs` whose place revisions take; the ModelDeployment's name unless given."""


class GatewayAPITraffic(Model):
    """Traffic by a Gateway API route: a route of the user's own, or one that Serin makes."""

    http_route: HTTPRouteReference | None = None
    """An existing route."""
    parent_refs: Annotated[tuple[ParentReference, ...], Field(min_length=1, max_length=8)] | None = None
    """The Gateways to which the route that Serin makes attaches."""
    hostnames: Annotated[tuple[HostName, ...], Field(max_length=16)] | None = None
    """The host names of the route that Serin makes; every host unless given."""

    rules = (
        Rule(
            "has(self.httpRoute) != has(self.parentRefs)",
            lambda traffic: (traffic.http_route is None) != (traffic.parent_refs is None),
            "set exactly one of httpRoute (a route of your own) and parentRefs (Serin makes the route)",
        ),
        Rule(
            "!has(self.hostnames) || !has(self.httpRoute)",
            lambda traffic: traffic.hostnames is None or traffic.http_route is None,
            "hostnames belong to a route that Serin makes: leave them out, and set them in your own route",
            field=".hostnames",
        ),
    )


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
    over: Annotated[Duration, at_least("1s", "write at least 1s; for no rise at all write a weight instead of a ramp")]
    """How long the rise takes, outside pauses and holds."""
    curve: RampCurve = RampCurve.LINEAR
    """Linear: equal differences. Exponential: equal factors, careful at first."""

    rules = (
        Rule(
            "self.to > self.from",
            lambda ramp: ramp.to > ramp.from_,
            "a ramp rises: write a to that is more than from",
            field=".to",
        ),
    )


class Pause(Model):
    """A stop on the way."""

    duration: (
        Annotated[
            Duration,
            at_least("1ms", "a pause of 0s is none: leave duration out to wait until somebody resumes"),
        ]
        | None
    ) = None
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

    rules = (
        Rule(
            "[has(self.weight), has(self.ramp), has(self.pause)].filter(given, given).size() == 1",
            lambda step: sum(part is not None for part in (step.weight, step.ramp, step.pause)) == 1,
            "a step is exactly one of weight, ramp and pause: write them as steps of their own, in order",
        ),
        Rule(
            "!has(self.hold) || has(self.weight)",
            lambda step: step.hold is None or step.weight is not None,
            "hold belongs to a weight: write pause.duration for a pause, ramp.over for a ramp",
            field=".hold",
        ),
    )

    @property
    def first_weight(self) -> int | None:
        """The weight at its beginning; none if it leaves the weight as it is."""
        return self.ramp.from_ if self.ramp else self.weight

    @property
    def last_weight(self) -> int | None:
        """The weight at its end; none if it leaves the weight as it is."""
        return self.ramp.to if self.ramp else self.weight


DEFAULT_STEPS = (
    Step(weight=5, hold=timedelta(minutes=5)),
    Step(weight=25, hold=timedelta(minutes=5)),
    Step(weight=50, hold=timedelta(minutes=5)),
)


def _never_falls(steps: tuple[Step, ...]) -> bool:
    weight = 0
    for step in steps:
        if step.first_weight is not None and step.first_weight < weight:
            return False
        weight = step.last_weight or weight
    return True


def _ends_with_all(steps: tuple[Step, ...]) -> bool:
    weighted = [step.last_weight for step in steps if step.last_weight is not None]
    return 100 not in weighted[:-1]


# Of any two steps the earlier (i, a) and the later (j, b); what stands for a missing weight always passes.
_PAIRS = "self.all(i, a, self.all(j, b, i >= j || {condition}))"
_LAST_OF_EARLIER = "a.?weight.orValue(a.?ramp.?to.orValue(0))"
_FIRST_OF_LATER = "b.?weight.orValue(b.?ramp.?from.orValue({otherwise}))"


class Canary(Model):
    """A candidate that gets its traffic step by step."""

    steps: Annotated[
        tuple[Step, ...],
        Field(min_length=1, max_length=32),
        Rule(
            _PAIRS.format(condition=f"{_LAST_OF_EARLIER} <= {_FIRST_OF_LATER.format(otherwise=100)}"),
            _never_falls,
            "weights never fall: write the steps in rising order",
        ),
        Rule(
            _PAIRS.format(condition=f"{_LAST_OF_EARLIER} < 100 || {_FIRST_OF_LATER.format(otherwise=0)} == 0"),
            _ends_with_all,
            "weight 100 is the end: leave out the weights after it, or write less than 100 before them",
        ),
    ] = DEFAULT_STEPS
    """The steps, in order; weights never fall. After the last one the candidate is promoted."""


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


def _is_latency_threshold(text: str) -> bool:
    return is_duration(text) and parse_duration(text) > timedelta(0)


QUANTILE_HELP = 'write a share between 0 and 1, such as "0.95": so many requests must be within the threshold'


class AnalysisMetric(Model):
    """One signal and its limit."""

    name: MetricName
    """error-rate and latency have a threshold; accuracy has a delta."""
    threshold: Annotated[str, Field(max_length=32)] | None = None
    """error-rate: the highest share of failed requests, such as "2%". latency: the SLA, such as 250ms."""
    quantile: (
        Annotated[
            Proportion,
            Rule(
                r"!self.matches(r'^(0+(\.0+)?%?|100(\.0+)?%|1(\.0+)?)$')",
                lambda value: 0 < value < 1,
                QUANTILE_HELP,
            ),
        ]
        | None
    ) = None
    """latency: the share of requests that must be within the threshold; "0.95" unless given."""
    delta: Proportion | None = None
    """accuracy: how far the candidate may fall below stable in the same window, such as "1%"."""
    source: MetricSource = MetricSource.SERVER
    """Server: the model server's own metrics. Gateway: the proxy's."""
    action: MetricAction = MetricAction.ROLLBACK
    """Rollback, or only Warn."""

    rules = (
        Rule(
            "self.name != 'accuracy' || (has(self.delta) && !has(self.threshold) && !has(self.quantile))",
            lambda metric: (
                metric.name is not MetricName.ACCURACY
                or (metric.delta is not None and metric.threshold is None and metric.quantile is None)
            ),
            'accuracy takes delta alone: write one such as delta: "1%", and neither threshold nor quantile',
        ),
        Rule(
            "self.name != 'accuracy' || self.source == 'Server'",
            lambda metric: metric.name is not MetricName.ACCURACY or metric.source is MetricSource.SERVER,
            "accuracy is counted by the model server, a gateway sees none: write Server, or leave source out",
            field=".source",
        ),
        Rule(
            "self.name == 'accuracy' || (has(self.threshold) && !has(self.delta))",
            lambda metric: (
                metric.name is MetricName.ACCURACY or (metric.threshold is not None and metric.delta is None)
            ),
            'error-rate and latency take a threshold and no delta: write threshold: "2%" or threshold: 250ms',
        ),
        Rule(
            f"self.name != 'latency' || !has(self.threshold) || ({cel_is_duration('self.threshold')}"
            f" && duration(self.threshold) > duration('0s')"
            f" && duration(self.threshold) <= duration('{LONGEST_DURATION}'))",
            lambda metric: (
                metric.name is not MetricName.LATENCY
                or metric.threshold is None
                or _is_latency_threshold(metric.threshold)
            ),
            "a latency threshold is a duration above zero: write one such as 250ms or 1s",
            field=".threshold",
        ),
        Rule(
            f"self.name != 'error-rate' || !has(self.threshold) || {cel_is_proportion('self.threshold')}",
            lambda metric: (
                metric.name is not MetricName.ERROR_RATE or metric.threshold is None or is_proportion(metric.threshold)
            ),
            'an error-rate threshold is a share: write one such as "2%" or "0.02"',
            field=".threshold",
        ),
        Rule(
            "self.name != 'error-rate' || !has(self.quantile)",
            lambda metric: metric.name is not MetricName.ERROR_RATE or metric.quantile is None,
            "quantile belongs to latency: leave it out",
            field=".quantile",
        ),
    )

    @property
    def limit(self) -> float:
        """The highest acceptable share of bad events, or rise of it over stable (accuracy)."""
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

    interval: Annotated[
        Duration, at_least("1s", "write at least 1s: Prometheus has nothing new to tell more often")
    ] = timedelta(seconds=30)
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
    metrics: Annotated[tuple[AnalysisMetric, ...], Field(min_length=1, max_length=16), UniqueBy("name")]
    """The signals; any one that fails with action Rollback rolls back."""

    rules = (
        Rule(
            f"!{cel_is_duration('self.interval')} || !{cel_is_duration('self.maxDuration')} ||"
            " duration(self.maxDuration).getMilliseconds()"
            " >= duration(self.interval).getMilliseconds() * self.confirm",
            lambda analysis: analysis.max_duration >= analysis.interval * analysis.confirm,
            "maxDuration is over before confirm ticks can agree: write at least confirm times interval",
            field=".maxDuration",
        ),
    )


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
    progress_deadline: Annotated[
        Duration, at_least("1s", "write at least 1s: the time that pods and a route may take")
    ] = timedelta(minutes=10)
    """How long Serin waits for pods or a route while nothing moves."""
    revision_history_limit: Annotated[int, Field(ge=0, le=100)] = 5
    """How many revisions without a role are kept."""
    paused: bool = False
    """Stops the rollout where it is; traffic and pods stay as they are."""

    rules = (
        Rule(
            "has(self.traffic) || !has(self.strategy)",
            lambda spec: spec.traffic is not None or spec.strategy is None,
            "strategy needs traffic: set traffic.gatewayAPI, or leave strategy out",
            field=".strategy",
        ),
        Rule(
            "has(self.traffic) || !has(self.analysis)",
            lambda spec: spec.traffic is not None or spec.analysis is None,
            "analysis needs traffic: set traffic.gatewayAPI, or leave analysis out",
            field=".analysis",
        ),
    )
