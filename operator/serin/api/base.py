"""The scalars and the base class of every resource model."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from serin.api.rules import VALIDATIONS, BrokenRulesError, Rule

DURATION_PATTERN = r"^([0-9]{1,8}(\.[0-9]{1,6})?(ms|s|m|h))+$"
NUMBER_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"
DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
PROPORTION_PATTERN = r"^((100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%|0(\.[0-9]+)?|1(\.0+)?)$"

LONGEST_DURATION = "8760h"
"""A year: longer ones are slips of the pen, and CEL's durations end at 290 years."""
DURATION_HELP = "write a duration of at most 8760h, such as 90s, 5m, 1h30m or 250ms"
PROPORTION_HELP = 'write a percentage from "0%" to "100%", such as "2%", or a fraction such as "0.02"'

NUMBER_HELP = 'write a number above zero in quotes, with at most six decimals, such as "0.2"'

_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: object) -> timedelta:
    """Read a duration as Go writes it (`90s`, `1h30m`, `250ms`).

    Raises:
        ValueError: the text is not such a duration; the message says what one looks like.
    """
    if isinstance(text, timedelta):
        return text
    if not is_duration(text):
        raise ValueError(f"{text!r} is not a duration: {DURATION_HELP}")
    return timedelta(seconds=_seconds(str(text)))


def is_duration(text: object) -> bool:
    """Whether the text is a duration as Go writes it, of at most a year."""
    if not isinstance(text, str) or not re.fullmatch(DURATION_PATTERN, text) or len(text) > 32:
        return False
    return _seconds(text) <= _seconds(LONGEST_DURATION)


def _seconds(text: str) -> float:
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _DURATION_PART.findall(text))


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
    if not is_proportion(text):
        raise ValueError(f"{text!r} is not a share: {PROPORTION_HELP}")
    written = str(text)
    return float(written[:-1]) / 100 if written.endswith("%") else float(written)


def is_proportion(text: object) -> bool:
    """Whether the text is a share between 0 and 1, written as `2%` or `0.02`."""
    return isinstance(text, str) and len(text) <= 16 and re.fullmatch(PROPORTION_PATTERN, text) is not None


def format_proportion(value: float) -> str:
    """Write a share as a percentage: 0.02 is `2%`."""
    return f"{value * 100:.10g}%"


def format_fraction(value: float) -> str:
    """Write a share as a fraction: 0.95 is `0.95`."""
    return f"{value:.10g}"


def parse_number(text: object) -> float:
    """Read a number above zero, written as a string: `0.2`.

    Raises:
        ValueError: the text is not such a number; the message says what one looks like.
    """
    if not is_number(text):
        raise ValueError(f"{text!r} is not a number above zero: {NUMBER_HELP}")
    return float(str(text))


def is_number(text: object) -> bool:
    """Whether the text is a plain decimal number above zero."""
    return isinstance(text, str) and re.fullmatch(NUMBER_PATTERN, text) is not None and float(text) > 0


def format_number(value: float) -> str:
    """Write a number in plain decimals, at most six."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


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


def cel_is_duration(value: str) -> str:
    """CEL: the string at `value` can be read by `duration()`."""
    return f"{value}.matches(r'{DURATION_PATTERN}')"


def cel_is_proportion(value: str) -> str:
    """CEL: the string at `value` is a share."""
    return f"{value}.matches(r'{PROPORTION_PATTERN}')"


def cel_is_number(value: str) -> str:
    """CEL: the string at `value` is a plain decimal number above zero."""
    return f"({value}.matches(r'{NUMBER_PATTERN}') && {value}.matches('[1-9]'))"


def at_least(bound: str, message: str) -> Rule:
    """A duration's lower bound."""
    lowest = parse_duration(bound)
    cel = f"!{cel_is_duration('self')} || duration(self) >= duration('{bound}')"
    return Rule(cel, lambda value: bool(value >= lowest), message)


def at_most(bound: str, message: str) -> Rule:
    """A duration's upper bound."""
    highest = parse_duration(bound)
    cel = f"!{cel_is_duration('self')} || duration(self) <= duration('{bound}')"
    return Rule(cel, lambda value: bool(value <= highest), message)


def matching(pattern: str, message: str) -> Rule:
    """A string's pattern (anchored), told in words when it is broken: the API server itself would show the pattern."""
    return Rule(f"self.matches(r'{pattern}')", lambda text: re.fullmatch(pattern, text) is not None, message)


def _unquoted(value: object) -> object:
    if isinstance(value, str | bool):
        raise ValueError(f"{value!r} is not a number: write it without quotes")  # noqa: TRY004 - pydantic tells ValueErrors
    return value


# pydantic would read "3" as a number and "yes" as true; the API server does not.
UNQUOTED = BeforeValidator(_unquoted)
Boolean = Annotated[bool, Strict()]

# The help is a rule and not a pattern, so that the API server says it.
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 32,
            VALIDATIONS: [
                {
                    "rule": f"{cel_is_duration('self')} && duration(self) <= duration('{LONGEST_DURATION}')",
                    "message": DURATION_HELP,
                }
            ],
        }
    ),
]
Proportion = Annotated[
    float,
    BeforeValidator(parse_proportion),
    PlainSerializer(format_proportion, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 16,
            VALIDATIONS: [{"rule": cel_is_proportion("self"), "message": PROPORTION_HELP}],
        }
    ),
]
# As Proportion, but shown as it is called in statistics: a confidence is 0.95.
Fraction = Annotated[Proportion, PlainSerializer(format_fraction, return_type=str)]
Number = Annotated[
    float,
    BeforeValidator(parse_number),
    PlainSerializer(format_number, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 16,
            VALIDATIONS: [{"rule": cel_is_number("self"), "message": NUMBER_HELP}],
        }
    ),
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

    rules: ClassVar[tuple[Rule, ...]] = ()
    """What must hold of the part as a whole: in the CRD as CEL, here in Python."""

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        broken = [rule for rule in self.rules if rule.holds is not None and not rule.holds(self)]
        if broken:
            raise BrokenRulesError(broken)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = handler(schema)
        if cls.rules:
            handler.resolve_ref_schema(found)[VALIDATIONS] = [rule.to_dict() for rule in cls.rules]
        return found

    def to_dict(self) -> dict[str, Any]:
        """The part as Kubernetes stores it: camelCase, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
