"""A user's own PromQL: what may stand in it, and how the names of a version are put into it.

A value goes into a string only, as the value of a label matcher: escaped for PromQL, and in a regular expression for
that as well. So whatever a name holds, the query keeps its shape, and the matcher matches that name and nothing else.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from promql_parser import Expr, MatrixSelector, ParenExpr, StringLiteral, SubqueryExpr, parse

from serin.api.own_metrics import PLACEHOLDERS, VERSION_PLACEHOLDERS
from serin.metrics.promql import duration, escape_regex, quote

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\r\n]*)
    | (?P<string>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | `[^`]*`)
    | (?P<placeholder>\$\w*)
    | (?P<space>\s+)
    | (?P<word>[A-Za-z_][\w:]*|[0-9]\w*)
    | (?P<sign>=~|!~|!=|==|.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_IN_A_STRING = re.compile(r"(\\?)\$(\w*)", re.ASCII)
_PLAIN = frozenset({"=", "!="})
_REGEX = frozenset({"=~", "!~"})
_BEFORE_A_DURATION = frozenset({"[", ":", "offset"})
_OPERATORS = frozenset({*"+-*/%^<>", "==", "!=", "and", "or", "unless", "atan2"})
_MOST_OPERATORS = 100
"""The parser's time grows with the square of their number; a thousand take a second, in which nothing else is done."""
_LISTED = ", ".join(f"${name}" for name in PLACEHOLDERS)
_SAMPLES = {name: name for name in PLACEHOLDERS}
_SAMPLE_WINDOW = timedelta(seconds=30)


class OwnQueryError(Exception):
    """The query cannot be asked; the message says what is wrong with it and what to write."""


@dataclass(frozen=True)
class _Place:
    """Where in a query something stands: in the braces of a selector or not, and after which two tokens."""

    in_selector: bool
    before: str
    second_before: str

    @property
    def is_duration(self) -> bool:
        """Whether a duration is wanted here."""
        before = self.second_before if self.before == "-" else self.before
        return before.lower() in _BEFORE_A_DURATION

    @property
    def is_value(self) -> bool:
        """Whether a string is what a label is matched with."""
        return self.in_selector and self.before in _PLAIN | _REGEX


@lru_cache(4096)
def check_query(text: str) -> str | None:
    """What is wrong with a query of a user's own, in plain words; None if it can be asked.

    Whether its series exist is not known, and whether every server knows its functions neither.
    """
    if _operators(text) > _MOST_OPERATORS:
        return f"it has more than {_MOST_OPERATORS} operators: shorten it, or make a recording rule of a part of it"
    try:
        parsed = parse(fill(text, _SAMPLES, _SAMPLE_WINDOW))
    except OwnQueryError as error:
        return str(error)
    except ValueError as error:
        return f"it is no PromQL: {' '.join(str(error).split())}"
    return _unfit(parsed) or (None if _selects_a_version(text) else _same_for_both())


def _operators(text: str) -> int:
    return sum(not place.in_selector and token[0].lower() in _OPERATORS for token, place in _tokens(text))


def _unfit(parsed: Expr) -> str | None:
    while isinstance(parsed, ParenExpr):
        parsed = parsed.expr
    if isinstance(parsed, (MatrixSelector, SubqueryExpr)):
        return "it gives many values of one series: put a function such as increase(...[$window]) around it"
    return "it gives a text and no number" if isinstance(parsed, StringLiteral) else None


def _selects_a_version(text: str) -> bool:
    return any(
        match[2] in VERSION_PLACEHOLDERS
        for token, place in _tokens(text)
        if token.lastgroup == "string" and place.is_value
        for match in _IN_A_STRING.finditer(token[0])
    )


def _same_for_both() -> str:
    names = " or ".join(f"${name}" for name in VERSION_PLACEHOLDERS)
    return f"it has the same answer for both versions: match a label with {names}"


def names_in(text: str) -> frozenset[str]:
    """Which placeholders a query names, wherever they stand."""
    return frozenset(match[2] for match in _IN_A_STRING.finditer(text))


def fill(text: str, values: Mapping[str, str], window: timedelta) -> str:
    """The query that is sent: without comments, each placeholder replaced by what it stands for.

    Args:
        text: the query as written.
        values: by the names of the placeholders, `window` apart.
        window: what `$window` stands for.

    Raises:
        OwnQueryError: a placeholder stands where it may not, or nothing is known for it.
    """
    return "".join(_filled(token, place, values, window) for token, place in _tokens(text))


def _tokens(text: str) -> Iterator[tuple[re.Match[str], _Place]]:
    braces, before, second_before = 0, "", ""
    for token in _TOKEN.finditer(text):
        yield token, _Place(braces > 0, before, second_before)
        if token.lastgroup not in {"comment", "space"}:
            before, second_before = token[0], before
            braces += (before == "{") - (before == "}")


def _filled(token: re.Match[str], place: _Place, values: Mapping[str, str], window: timedelta) -> str:
    written = token[0]
    match token.lastgroup:
        case "comment":
            return " "
        case "string" if "$" in written or written[0] == "`":
            return _filled_string(written, place, values)
        case "placeholder":
            return _filled_duration(_known(written[1:]), place, window)
        case "sign" if written == "@":
            raise OwnQueryError("@ asks for another time than the tick's: leave it out")
        case "sign" if written in "\"'`":
            raise OwnQueryError(f"a text begins with {written} and does not end in its line")
        case _:
            return written


def _known(name: str) -> str:
    if name not in PLACEHOLDERS:
        raise OwnQueryError(f"${name} is no placeholder: write one of {_LISTED}")
    return name


def _filled_duration(name: str, place: _Place, window: timedelta) -> str:
    if name != "window":
        raise OwnQueryError(f'${name} is a text: write it in quotes, such as {{{name}="${name}"}}')
    if not place.is_duration:
        raise OwnQueryError("$window is a duration: write it in brackets, such as [$window], or after offset")
    return duration(window)


def _filled_string(written: str, place: _Place, values: Mapping[str, str]) -> str:
    delimiter, content = written[0], written[1:-1]

    def value(match: re.Match[str]) -> str:
        name = _known(match[2])
        if name == "window":
            raise OwnQueryError("$window is a duration and not a text: write it without quotes, such as [$window]")
        if not place.is_value:
            raise OwnQueryError(f'${name} may only be what a label is matched with, such as {{{name}="${name}"}}')
        if match[1]:
            raise OwnQueryError(
                f"a backslash stands before ${name}: leave it out, names are escaped where they must be"
            )
        if name not in values:
            raise OwnQueryError(f"what ${name} stands for is not known here")
        found = escape_regex(values[name]) if place.before in _REGEX else values[name]
        # What stands in backticks is written in quotes in the end, all of it: nothing can be escaped there, and the
        # parser, unlike Prometheus, reads escapes in it.
        return found if delimiter == "`" else _escaped(found, delimiter)

    filled = _IN_A_STRING.sub(value, content)
    return quote(filled) if delimiter == "`" else f"{delimiter}{filled}{delimiter}"


def _escaped(value: str, delimiter: str) -> str:
    return value.replace("\\", "\\\\").replace(delimiter, f"\\{delimiter}").replace("\n", "\\n")
