"""The command line of `serin`."""

import argparse
import sys
from collections.abc import Callable, Sequence

from serin import __version__
from serin.cli import explain, lint, presets, replay, simulate
from serin.cli.arguments import HelpFormatter
from serin.cli.output import complain
from serin.cli.problems import UNUSABLE, CommandError

DESCRIPTION = """\
Serin: canary rollouts for machine-learning models on Kubernetes. Check and try before use."""
EPILOG = """\
exit codes:
  0  fine
  1  problems were found, or the rollout would not be promoted
  2  the command line, a file or a server's answer cannot be used"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = parser().parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except CommandError as error:
        complain(str(error))
        return UNUSABLE


def _joined(arguments: Sequence[str]) -> list[str]:
    """`presets probe` is a command of its own; argparse knows none of two words beside one of the first alone."""
    if list(arguments[:2]) == ["presets", "probe"]:
        return ["presets probe", *arguments[2:]]
    return list(arguments)


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    whole = argparse.ArgumentParser(
        prog="serin",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"serin {__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND", title="commands")
    lint.register(commands)
    presets.register(commands)
    simulate.register(commands)
    replay.register(commands)
    explain.register(commands)
    return whole
