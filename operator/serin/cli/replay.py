"""`serin replay`: what a policy would have decided about traffic of the past."""

import argparse
from datetime import datetime
from pathlib import Path

from serin.api.status import StepKind
from serin.cli.access import add_prometheus, address
from serin.cli.arguments import Subparsers, add_command, add_file, add_output, moment, weight
from serin.cli.course import Decision
from serin.cli.live import connected
from serin.cli.output import complain, say, say_json
from serin.cli.past import Versions, read_past
from serin.cli.plot import FORMATS, draw, plotting_is_there
from serin.cli.problems import FINE, FOUND, UnusableInputError
from serin.cli.replay_text import as_json, as_text
from serin.cli.replayed import Replay, Rollout, replayed
from serin.cli.target import Target, read_target
from serin.rollout.schedule import Schedule
from serin.rollout.stages import Stage

DESCRIPTION = """\
Run a policy on the past: read what Prometheus knows of two revisions, judge it tick by tick with
the operator's own judge, and tell what would have been decided and when.

The steps are those of the manifest, and move from --start on as they would have moved, by their
time and the verdicts; pods are Ready at once, and a pause without a duration ends at once. The
split of the past is what it was: SHARE shows it, and by itself it stops nothing. With --weight the
whole time is one step of that weight, and the split must have been so, as in a rollout.

For each tick: WEIGHT by the plan, SHARE of the requests that the candidate really got, bad events
of all events of both in that tick; ESTIMATE of the step with its 95% INTERVAL (the share of bad
events where there is a threshold, else the difference); how much of the evidence for a rollback
(HARM) and for a pass (SAFE) is there, from 0.00 to 1.00."""

CODES = """\
  0  it would have been promoted
  1  it would have been rolled back or paused, or was not decided by --end
  2  the command line, a file or the server's answer cannot be used"""


def register(commands: Subparsers) -> None:
    """Add the command."""
    parser = add_command(commands, "replay", about="run a policy on the past", description=DESCRIPTION, codes=CODES)
    add_file(parser)
    add_prometheus(parser, required=True)
    parser.add_argument(
        "--start",
        type=moment,
        required=True,
        metavar="TIME",
        help="when the candidate gets its first weight, such as 2026-01-31T12:00:00Z",
    )
    parser.add_argument("--end", type=moment, required=True, metavar="TIME", help="up to when the past is read")
    parser.add_argument(
        "--candidate", required=True, metavar="REVISION", help="the new version, as its series are labeled"
    )
    parser.add_argument("--stable", required=True, metavar="REVISION", help="the one that it is compared with")
    parser.add_argument(
        "--weight",
        type=weight,
        metavar="PERCENT",
        help="judge all of it as one step of this weight (default: the manifest's steps)",
    )
    parser.add_argument("--namespace", metavar="NAME", help="where the series are, if not in the manifest's namespace")
    parser.add_argument(
        "--plot",
        dest="plots",
        action="append",
        default=[],
        metavar="FILE",
        help="draw evidence, estimates and weights into this file, a .png or .svg; may be given several times",
    )
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read the past, judge it, tell."""
    start, end = options.start, options.end
    if end <= start:
        raise UnusableInputError("--end is not after --start: write the earlier time as --start")
    if options.candidate == options.stable:
        raise UnusableInputError("--candidate and --stable are the same revision: there is nothing to compare")
    plots = _plots(options.plots)
    target = read_target(options.files, namespace=options.namespace)
    if options.weight is None and target.spec.strategy and target.spec.strategy.ab_test:
        raise UnusableInputError(
            f"{target.document.title} is an A/B test, which is not replayed: serin simulate tells what it takes; with "
            "--weight its analysis is tried on the past, for harm"
        )
    replay = _replay(options, target, start, end)
    for file in plots:
        draw(replay, file, title=f"{target.namespace}/{target.name}: {options.candidate} against {options.stable}")
        complain(f"{file} is drawn")
    if options.output == "json":
        say_json(as_json(replay))
    else:
        say(as_text(replay))
    return FINE if replay.ending.decision in {Decision.PROMOTED, Decision.COMPARED} else FOUND


def _replay(options: argparse.Namespace, target: Target, start: datetime, end: datetime) -> Replay:
    versions = Versions(options.candidate, options.stable)
    with connected(address(options)) as provider:
        past = read_past(provider, target, versions, start + target.analysis.initial_delay, end)
    constant = options.weight is not None
    rollout = Rollout(
        analysis=target.analysis,
        plan=_one_step(options.weight, start, end) if constant else target.plan,
        candidate=versions.candidate,
        start=start,
        end=end,
        split_is_believed=not constant,
    )
    return replayed(rollout, past)


def _one_step(percent: int, start: datetime, end: datetime) -> Schedule:
    return Schedule((Stage(1, StepKind.WEIGHT, percent, end - start),), steps=1, plan="")


def _plots(names: list[str]) -> list[Path]:
    """The files to draw, before anything is asked: nobody wants to hear of a slip after a minute."""
    files = [Path(name) for name in names]
    for file in files:
        if file.suffix.lower() not in FORMATS:
            raise UnusableInputError(f"--plot {file}: write a name that ends in {' or '.join(FORMATS)}")
    if files and not plotting_is_there():
        raise UnusableInputError("--plot draws with matplotlib, which is not installed: pip install 'serin[plot]'")
    return files
