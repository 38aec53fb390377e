"""Kubernetes' quantities, and percentages of a request, as an autoscaler's targets are written."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from serin.api.base import matching
from serin.api.rules import VALIDATIONS, Rule

_SUFFIX = r"([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?"
QUANTITY_PATTERN = rf"^([0-9]{{1,19}}(\.[0-9]{{1,9}})?|\.[0-9]{{1,9}}){_SUFFIX}$"
ABOVE_ZERO = r"^[0-9.]*[1-9]"
PERCENT_PATTERN = r"^[1-9][0-9]{0,3}%$"

QUANTITY_HELP = 'write a quantity in quotes, such as "10", "500m" or "2Gi"'
ABOVE_ZERO_HELP = 'this target is never reached: write a quantity above zero, such as "10", "500m" or "2Gi"'
PERCENT_HELP = "write a percentage of what the pods request, from 1% to 9999%, such as 70%"

Quantity = Annotated[str, Field(max_length=32), matching(QUANTITY_PATTERN, QUANTITY_HELP)]
TargetQuantity = Annotated[
    Quantity,
    Rule(
        f"self.matches(r'{ABOVE_ZERO}')",
        lambda text: re.match(ABOVE_ZERO, text, re.ASCII) is not None,
        ABOVE_ZERO_HELP,
    ),
]


def parse_percent(text: object) -> int:
    """Read a percentage of a request: `70%` is 70.

    Raises:
        ValueError: the text is no such percentage; the message says what one looks like.
    """
    if not isinstance(text, str) or re.fullmatch(PERCENT_PATTERN, text, re.ASCII) is None:
        raise ValueError(f"{text!r} is not a percentage: {PERCENT_HELP}")
    return int(text.removesuffix("%"))


def format_percent(value: int) -> str:
    """Write a percentage: 70 is `70%`."""
    return f"{value}%"


Percent = Annotated[
    int,
    BeforeValidator(parse_percent),
    PlainSerializer(format_percent, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 5,
            VALIDATIONS: [{"rule": f"self.matches(r'{PERCENT_PATTERN}')", "message": PERCENT_HELP}],
        }
    ),
]
