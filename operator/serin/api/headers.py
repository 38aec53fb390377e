"""HTTP headers by which some requests are told from others."""

import re
from typing import Annotated

from pydantic import Field

from serin.api.base import matching
from serin.api.rules import Rule

HEADER_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$"

HeaderValue = Annotated[
    str,
    Field(min_length=1, max_length=256),
    matching(r"^[!-~]([ -~]*[!-~])?$", "write a header's value in plain ASCII, without spaces around it"),
]
Headers = Annotated[
    dict[str, HeaderValue],
    Field(min_length=1, max_length=4),
    Rule(
        f"self.all(name, name.matches(r'{HEADER_NAME}'))",
        lambda headers: all(re.fullmatch(HEADER_NAME, name) for name in headers),
        "write the names of HTTP headers: letters, digits and dashes, such as X-Serin-Preview",
    ),
    Rule(
        "self.all(a, self.all(b, a == b || a.lowerAscii() != b.lowerAscii()))",
        lambda headers: len({name.lower() for name in headers}) == len(headers),
        "names of headers differ by more than upper and lower case: leave one out",
    ),
]
