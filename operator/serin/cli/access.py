"""The options that say which Prometheus is asked, and how."""

import argparse
import re
from pathlib import Path

from pydantic import ValidationError

from serin.cli.arguments import Parser, url
from serin.cli.live import Address
from serin.cli.problems import UnusableInputError
from serin.metrics.servers import Access, Tls


def add_prometheus(parser: Parser, *, required: bool) -> None:
    """Add them."""
    parser.add_argument("--prometheus", type=url, required=required, metavar="URL", help="the server to ask")
    parser.add_argument("--bearer-token-file", metavar="FILE", help="a token to show it")
    parser.add_argument(
        "--header",
        dest="headers",
        action="append",
        default=[],
        type=_header,
        metavar="NAME=VALUE",
        help="sent with every query, such as X-Scope-OrgID=team for a tenant; may be given several times",
    )
    parser.add_argument("--ca-file", metavar="FILE", help="whom to trust with its certificate, if not the system's")


def address(options: argparse.Namespace) -> Address:
    """What they say.

    Raises:
        UnusableInputError: they contradict one another.
    """
    try:
        access = Access(
            bearer_token_file=_absolute(options.bearer_token_file),
            headers=dict(options.headers),
            tls=Tls(ca_file=_absolute(options.ca_file)),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UnusableInputError(f"--header and the like: {first['msg'].removeprefix('Value error, ')}") from error
    return Address(options.prometheus, access)


def _absolute(file: str | None) -> Path | None:
    return None if file is None else Path(file).absolute()


def _header(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"([^=\s]+)=(.+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no header: write NAME=VALUE, such as X-Scope-OrgID=team")
    return match[1], match[2]
