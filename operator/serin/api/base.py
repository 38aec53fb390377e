"""The scalars and the base class of every resource model."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
PROPORTION_PATTERN = r"^([0-9]+(\.[0-9]+)?%|0(\.[0-9]+)?|1(\.0+)?)$"

_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: object) -> timedelta:
    """Read a duration as Go writes it (`90s`, `1h30m`, `250ms`).

    Raises:
        ValueError: the text is not such a duration; the message says what one looks like.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.match(DURATION_PATTERN, text):
        raise ValueError(f"{text!r} is not a duration: write one like 90s, 5m, 1h30m or 250ms")
    seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """Write a duration as Go does, down to the millisecond: `1h30m`, `90s` becomes `1m30s`."""
    milliseconds = round(value.total_seconds() * 1000)
    hours, milliseconds = divmod(milliseconds, 3_600_000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    seconds, milliseconds = divmod(milliseconds, 1000)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"), (milliseconds, "ms"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def parse_proportion(text: object) -> float:
    """Read a share between 0 and 1, written as `2%` or `0.02`.

    Raises:
        ValueError: the text is not such a share; the message says what one looks like.
    """
    if isinstance(text, float):
        return text
    if not isinstance(text, str) or not re.match(PROPORTION_PATTERN, text):
        raise ValueError(f'{text!r} is not a share: write a percentage like "2%" or a fraction like "0.02"')
    value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if value > 1:
        raise ValueError(f"{text!r} is more than the whole: write at most 100%")
    return value


def format_proportion(value: float) -> str:
    """Write a share as a percentage: 0.02 is `2%`."""
    return f"{value * 100:.10g}%"


def parse_time(text: object) -> datetime:
    """Read an RFC 3339 time.

    Raises:
        ValueError: the text is not a time, or bears no zone.
    """
    value = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    if value.tzinfo is None:
        raise ValueError(f"{text!r} bears no time zone: write one like 2026-01-31T12:00:00Z")
    return value.astimezone(UTC)


def format_time(value: datetime) -> str:
    """Write a time as RFC 3339 in UTC, to the millisecond: steps are timed more finely than `metav1.Time`."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "maxLength": 32}),
]
Proportion = Annotated[
    float,
    BeforeValidator(parse_proportion),
    PlainSerializer(format_proportion, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PROPORTION_PATTERN, "maxLength": 16}),
]
Time = Annotated[
    datetime,
    BeforeValidator(parse_time),
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40}),
]


class Model(BaseModel):
    """A frozen part of a resource; camelCase in YAML, snake_case in Python, unknown fields refused."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        use_attribute_docstrings=True,
        ser_json_inf_nan="null",
    )

    def to_dict(self) -> dict[str, Any]:
        """The part as Kubernetes stores it: camelCase, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
