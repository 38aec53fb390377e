"""Presets: which series count what, and which labels tell a revision. Data in YAML, checked when loaded."""

import re
import string
from collections.abc import Mapping
from enum import StrEnum
from functools import cache, cached_property
from importlib import resources
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from serin.api.spec import MetricName
from serin.metrics.promql import COUNTER_LABEL


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    return text


MetricSeriesName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
BucketName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*_bucket$")]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
Matchers = Mapping[LabelName, Annotated[str, Field(min_length=1)]]
"""Label to a regular expression that its whole value matches; all of them must."""

PLACEHOLDERS = frozenset({"namespace", "model", "revision", "port"})
GATEWAY_PRESET = "contour"
"""The proxy, unless another is named."""
MODEL_PRESET = "contract"
"""What a model, its sidecar or a joiner of late labels exposes beside any server."""


class PresetError(Exception):
    """A preset's file is wrong; the message names the file and the field."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @field_validator("only", "without", "bad", "ignored", check_fields=False)
    @classmethod
    def _expressions(cls, value: Any) -> Any:
        for matchers in value if isinstance(value, tuple) else (value,):
            for expression in matchers.values():
                _expression(expression)
        return value


class PresetKind(StrEnum):
    """Who counts."""

    SERVER = "Server"
    PROXY = "Proxy"


class RevisionLabels(_Part):
    """How a revision is found among the series."""

    labels: Annotated[Mapping[LabelName, str], Field(min_length=1)]
    """Label to value; the value may name {namespace}, {model}, {revision} and {port}."""
    extract: Mapping[LabelName, str] = {}
    """Which part of a label is that value: a regular expression of the whole label, whose one group is the value."""

    @field_validator("labels")
    @classmethod
    def _known_placeholders(cls, labels: Mapping[str, str]) -> Mapping[str, str]:
        named = {field for value in labels.values() for _, field, _, _ in string.Formatter().parse(value) if field}
        if unknown := named - PLACEHOLDERS:
            raise ValueError(f"unknown placeholder {min(unknown)!r}: write one of {', '.join(sorted(PLACEHOLDERS))}")
        if "revision" not in named:
            raise ValueError("no label names {revision}: the versions could not be told apart")
        return labels

    @model_validator(mode="after")
    def _one_group_of_a_label(self) -> Self:
        for label, expression in self.extract.items():
            if label not in self.labels:
                raise ValueError(f"extract: {label} is not among the labels")
            if re.compile(_expression(expression)).groups != 1:
                raise ValueError(f"extract: {label} needs one group, the rest of them written as (?:...)")
        return self

    def value(self, label: str, text: str) -> str:
        """What a label of a series says of the revision; nothing if it is written in another way."""
        if label not in self.extract:
            return text
        found = re.fullmatch(self.extract[label], text)
        return found[1] if found else ""


POD_LABELS = RevisionLabels(
    labels={"namespace": "{namespace}", "serin_model": "{model}", "serin_revision": "{revision}"}
)
"""What Prometheus copies from the pods to their series: a server itself knows nothing of revisions."""


class CounterKind(StrEnum):
    """What a counter counts."""

    REQUESTS = "Requests"
    FAILURES = "Failures"
    """Failed requests that no other counter of the preset has."""
    FAILURES_AMONG_REQUESTS = "FailuresAmongRequests"
    """Failed requests that another counter of the preset has, too."""


class RequestCounter(_Part):
    """One counter of requests."""

    metric: MetricSeriesName
    counts: CounterKind = CounterKind.REQUESTS
    bad: tuple[Matchers, ...] = ()
    """Which of its series are failed requests: those that match one of these."""
    ignored: tuple[Matchers, ...] = ()
    """Which are no requests at all: what a client gave up says nothing about the server."""

    @model_validator(mode="after")
    def _failures_are_bad(self) -> Self:
        if self.bad and self.counts is not CounterKind.REQUESTS:
            raise ValueError(f"a counter of {self.counts} is bad as a whole: leave `bad` out")
        return self

    def share(self, labels: Mapping[str, str]) -> tuple[int, int]:
        """How often an event with these labels counts as (failed request, request)."""
        if _matches(self.ignored, labels):
            return 0, 0
        if self.counts is CounterKind.REQUESTS:
            return int(_matches(self.bad, labels)), 1
        return 1, int(self.counts is CounterKind.FAILURES)


def _matches(alternatives: tuple[Matchers, ...], labels: Mapping[str, str]) -> bool:
    return any(
        all(re.fullmatch(expression, labels.get(label, "")) for label, expression in matchers.items())
        for matchers in alternatives
    )


class Requests(_Part):
    """The counters that together tell the requests, and the failed ones among them."""

    counters: Annotated[tuple[RequestCounter, ...], Field(min_length=1)]
    only: Matchers = {}
    """Which series of them count at all."""
    without: Matchers = {}
    """Which do not: label to a regular expression that its whole value must not match."""

    @field_validator("counters")
    @classmethod
    def _names_are_apart(cls, counters: tuple[RequestCounter, ...]) -> tuple[RequestCounter, ...]:
        if len({counter.metric for counter in counters}) < len(counters):
            raise ValueError("a counter is there twice")
        return counters

    @property
    def tells_failures(self) -> bool:
        """Whether any failed request is seen as one."""
        return any(counter.bad or counter.counts is not CounterKind.REQUESTS for counter in self.counters)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels that tell how a request ended, after `COUNTER_LABEL` where there are several counters."""
        telling = {
            label for counter in self.counters for matchers in (*counter.bad, *counter.ignored) for label in matchers
        }
        return (*((COUNTER_LABEL,) if len(self.counters) > 1 else ()), *sorted(telling))

    def share(self, cell: tuple[str, ...]) -> tuple[int, int]:
        """How often an event with these values of `labels` counts as (failed request, request)."""
        labels = dict(zip(self.labels, cell, strict=True))
        name = labels.get(COUNTER_LABEL, self.counters[0].metric)
        return next((counter.share(labels) for counter in self.counters if counter.metric == name), (0, 0))


class LatencyHistogram(_Part):
    """A classic histogram; `le` bears the bucket's upper edge."""

    metric: BucketName
    unit_seconds: Annotated[float, Field(gt=0)]
    """What one unit of `le` is in seconds: 0.001 for milliseconds."""
    only: Matchers = {}
    """Which of its series count at all."""
    without: Matchers = {}
    """Which do not: label to a regular expression that its whole value must not match."""


class OutcomeCounter(_Part):
    """A counter of predictions whose true label has come back."""

    metric: MetricSeriesName
    predicted_label: LabelName
    actual_label: LabelName


class ScoreHistogram(_Part):
    """A classic histogram of prediction scores."""

    metric: BucketName


class ClassCounter(_Part):
    """A counter of predictions by class."""

    metric: MetricSeriesName
    class_label: LabelName


class FeatureHistogram(_Part):
    """Classic histograms of a few input features."""

    metric: BucketName
    feature_label: LabelName


class Gauge(_Part):
    """A gauge of the server, in requests; a version's value is the sum over its pods."""

    metric: MetricSeriesName
    only: Matchers = {}
    """Which of its series count at all."""
    without: Matchers = {}
    """Which do not: label to a regular expression that its whole value must not match."""


class TimeSpent(Gauge):
    """A counter of the time that requests took. By Little's law its rate is how many there are at a time, on average:
    requests a second times seconds a request."""

    unit_seconds: Annotated[float, Field(gt=0)]
    """What one unit of the counter is in seconds: 0.000001 for microseconds."""


class Preset(_Part):
    """One model server or proxy."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: str
    kind: PresetKind
    revision: RevisionLabels = POD_LABELS
    requests: Requests
    latency: LatencyHistogram | None = None
    outcomes: OutcomeCounter | None = None
    scores: ScoreHistogram | None = None
    classes: ClassCounter | None = None
    features: FeatureHistogram | None = None
    queue: Gauge | TimeSpent | None = None
    """Requests that wait."""
    running: Gauge | TimeSpent | None = None
    """Requests that are worked on; by the time that they took, those too that wait inside of the server."""
    lacks: Mapping[MetricName, str] = {}
    """Which of error-rate and latency cannot be had, why, and where to take it from instead."""
    setup: tuple[str, ...] = ()
    """What must be switched on before the series are there, for people."""
    gaps: Annotated[tuple[str, ...], Field(min_length=1)]
    """What these series cannot tell, for people."""

    @model_validator(mode="after")
    def _says_what_it_lacks(self) -> Self:
        given = {
            MetricName.ERROR_RATE: self.requests.tells_failures,
            MetricName.LATENCY: self.latency is not None,
        }
        for name, there in given.items():
            if there == (name in self.lacks):
                raise ValueError(
                    f"there is {name}, and `lacks` says that there is none" if there else f"`lacks` must tell of {name}"
                )
        if unknown := set(self.lacks) - set(given):
            raise ValueError(f"`lacks` is about error-rate and latency, not {min(unknown)}")
        return self

    def identity(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """The values of the revision's labels, in the order of `label_names`."""
        return tuple(value.format_map(values) for value in self.revision.labels.values())

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels that tell a revision."""
        return tuple(self.revision.labels)


def parse_preset(text: str, *, file: str) -> Preset:
    """Read a preset.

    Raises:
        PresetError: it is not YAML, or a field is wrong.
    """
    try:
        data: Any = yaml.safe_load(text)
        return Preset.model_validate(data)
    except yaml.YAMLError as error:
        raise PresetError(f"{file} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PresetError(f"{file}: {where}: {first['msg']}") from error


@cache
def preset_names() -> tuple[str, ...]:
    """The presets in the package, in order."""
    folder = resources.files("serin.metrics") / "presets"
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


@cache
def proxy_names() -> tuple[str, ...]:
    """The presets of proxies."""
    return tuple(name for name in preset_names() if load_preset(name).kind is PresetKind.PROXY)


@cache
def load_preset(name: str) -> Preset:
    """The preset of that name from the package.

    Raises:
        PresetError: there is none, or its file is wrong.
    """
    if name not in preset_names():
        raise PresetError(f"there is no preset {name!r}; there are {', '.join(preset_names())}")
    file = resources.files("serin.metrics") / "presets" / f"{name}.yaml"
    return parse_preset(file.read_text(encoding="utf-8"), file=f"{name}.yaml")
