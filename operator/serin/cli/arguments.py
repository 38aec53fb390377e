"""Options that several commands have, and how their values are read."""

import argparse
import re
from datetime import datetime, timedelta
from typing import TypeAlias

from serin.api.base import parse_duration, parse_proportion, parse_time

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name

Parser = argparse.ArgumentParser

_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:/(s|m|h))?")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Descriptions as they are written, in the same width on every screen."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100, max_help_position=28)


def add_command(
    commands: Subparsers, name: str, *, about: str, description: str, codes: str
) -> argparse.ArgumentParser:
    """A command, with what it is for and what its exit codes mean."""
    return commands.add_parser(
        name,
        help=about,
        description=description,
        epilog=f"exit codes:\n{codes}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )


def add_files(parser: argparse.ArgumentParser) -> None:
    """The manifests to read."""
    parser.add_argument(
        "-f",
        "--filename",
        dest="files",
        action="append",
        required=True,
        metavar="FILE",
        help="a file of YAML or JSON documents, - for standard input; may be given several times",
    )


def add_file(parser: argparse.ArgumentParser) -> None:
    """The manifest of the one ModelDeployment that the command is about."""
    parser.add_argument(
        "-f",
        "--filename",
        dest="files",
        action="append",
        required=True,
        metavar="FILE",
        help="the manifest of one ModelDeployment, - for standard input",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """For whom the answer is written."""
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json"),
        default="table",
        help="table for people (default), json for programs",
    )


def duration(text: str) -> timedelta:
    """A duration above zero such as 15s."""
    try:
        value = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all: write a duration above zero, such as 15s")
    return value


def rate(text: str) -> float:
    """Per second, written as 50/s, 90/m, 200/h or 50, which are those of a second."""
    match = _RATE.fullmatch(text)
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate: write one above zero, such as 50/s, 90/m or 200/h")
    return float(match[1]) / _SECONDS[match[2] or "s"]


def weight(text: str) -> int:
    """A weight in percent, from 1 to 100."""
    if not re.fullmatch(r"[1-9][0-9]?|100", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a weight: write a whole number from 1 to 100, such as 20")
    return int(text)


def share(text: str) -> float:
    """A share such as 1% or 0.01."""
    try:
        return parse_proportion(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def moment(text: str) -> datetime:
    """A time with its zone, such as 2026-01-31T12:00:00Z."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time: write one with its zone, such as 2026-01-31T12:00:00Z"
        ) from error


def url(text: str) -> str:
    """The URL of a Prometheus server."""
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL: write one such as http://prometheus.monitoring:9090")
    return text.rstrip("/")
