"""Presets: which series count what, and which labels tell a revision. Data in YAML, checked when loaded."""

import string
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from serin.api.spec import MetricSource

MetricSeriesName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]

PLACEHOLDERS = frozenset({"namespace", "model", "revision", "port"})
PRESET_OF_SOURCE = {MetricSource.SERVER: "contract", MetricSource.GATEWAY: "contour"}


class PresetError(Exception):
    """A preset's file is wrong; the message names the file and the field."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RevisionLabels(_Part):
    """How a revision is found among the series."""

    labels: Annotated[Mapping[LabelName, str], Field(min_length=1)]
    """Label to value; the value may name {namespace}, {model}, {revision} and {port}."""

    @field_validator("labels")
    @classmethod
    def _known_placeholders(cls, labels: Mapping[str, str]) -> Mapping[str, str]:
        named = {field for value in labels.values() for _, field, _, _ in string.Formatter().parse(value) if field}
        if unknown := named - PLACEHOLDERS:
            raise ValueError(f"unknown placeholder {min(unknown)!r}: write one of {', '.join(sorted(PLACEHOLDERS))}")
        if "revision" not in named:
            raise ValueError("no label names {revision}: the versions could not be told apart")
        return labels


class RequestCounter(_Part):
    """A counter of requests, apart by how they ended."""

    metric: MetricSeriesName
    outcome_label: LabelName
    """The label that tells how a request ended."""
    bad: Annotated[str, Field(min_length=1)]
    """Its value for a failed request; every other value counts in the total alone."""


class LatencyHistogram(_Part):
    """A classic histogram; `le` bears the bucket's upper edge."""

    metric: Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*_bucket$")]
    unit_seconds: Annotated[float, Field(gt=0)]
    """What one unit of `le` is in seconds: 0.001 for milliseconds."""


class OutcomeCounter(_Part):
    """A counter of predictions whose true label has come back."""

    metric: MetricSeriesName
    predicted_label: LabelName
    actual_label: LabelName


class Preset(_Part):
    """One model server or proxy."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: str
    revision: RevisionLabels
    requests: RequestCounter
    latency: LatencyHistogram
    outcomes: OutcomeCounter | None = None
    gaps: tuple[str, ...] = ()
    """What these series cannot tell, for people."""

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
def load_preset(name: str) -> Preset:
    """The preset of that name from the package.

    Raises:
        PresetError: there is none, or its file is wrong.
    """
    folder = resources.files("serin.metrics") / "presets"
    file = folder / f"{name}.yaml"
    if not file.is_file():
        known = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
        raise PresetError(f"there is no preset {name!r}; there are {', '.join(known)}")
    return parse_preset(file.read_text(encoding="utf-8"), file=f"{name}.yaml")
