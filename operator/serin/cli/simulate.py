"""`serin simulate`: what a rollout would take, before it is made."""

import argparse
from datetime import UTC, datetime

from serin.cli.ab_test import ABForecast, ab_json, ab_problems, ab_text, forecast_of
from serin.cli.access import add_prometheus, address
from serin.cli.arguments import Subparsers, add_command, add_file, add_output
from serin.cli.chance import Traffic
from serin.cli.hopeless import problems as problems_of
from serin.cli.live import connected
from serin.cli.output import say, say_json
from serin.cli.problems import FINE, FOUND, UnusableInputError
from serin.cli.simulate_text import Told, as_json, as_text
from serin.cli.simulated import plan_of, shares_of, simulated
from serin.cli.stable import stable_revision
from serin.cli.target import Target, read_target
from serin.cli.traffic import add_traffic, given_traffic, measured_traffic, said

DESCRIPTION = """\
Tell what a rollout would take, and refuse one that is hopeless. The operator's own judge hears some
rollouts by chance, at the traffic that is given (--requests, --baseline, --events) or that a
Prometheus has measured of the stable version in the last minutes (--prometheus; what is given
overrules what is measured). What is told is the middle of them: half take longer.

It shows how long each step lasts, with the candidate's requests in it; of each metric, when a
candidate as good as stable first passes, when one that is worse by 0.5, 2 and 10 points from its
first request on is rolled back, and the smallest rise that the most telling step finds by itself. A
plan is hopeless if not even half of the candidates as good as stable are promoted by evidence before
maxDuration: what to change is said in numbers, each of which alone is enough.

Of an A/B test it tells how many events and how much time it takes, beside a test of fixed size."""

CODES = """\
  0  a candidate as good as stable is likely to be promoted
  1  the plan is hopeless
  2  the command line, a file or the server's answer cannot be used"""


def register(commands: Subparsers) -> None:
    """Add the command."""
    parser = add_command(
        commands, "simulate", about="see what a rollout would take", description=DESCRIPTION, codes=CODES
    )
    add_file(parser)
    add_traffic(parser)
    add_prometheus(parser, required=False)
    parser.add_argument(
        "--stable",
        metavar="REVISION",
        help="with --prometheus: the version to measure, as its series are labeled (default: the one that gets the "
        "requests)",
    )
    parser.add_argument("--namespace", metavar="NAME", help="where its series are, if not in the manifest's namespace")
    parser.add_argument("--by-step", action="store_true", help="tell as well what each step can tell by itself")
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Try the rollout, tell, and say by the exit code whether it is hopeless."""
    target = read_target(options.files, namespace=options.namespace)
    traffic = _traffic(options, target)
    test = target.spec.strategy.ab_test if target.spec.strategy else None
    if test is not None:
        return _tell_test(forecast_of(target, test, traffic), options)
    plan = plan_of(target, traffic)
    simulation = simulated(target, plan, tells_steps=options.by_step)
    positions = {metric.name: position for position, metric in enumerate(target.analysis.metrics)}
    told = Told(
        simulation=simulation,
        problems=tuple(problems_of(plan, simulation.healthy, positions)),
        assumed=_assumed(options, plan.traffic),
    )
    if options.output == "json":
        say_json(as_json(told))
    else:
        say(as_text(told))
    return FOUND if told.problems else FINE


def _tell_test(forecast: ABForecast, options: argparse.Namespace) -> int:
    problems = ab_problems(forecast)
    if options.output == "json":
        say_json(ab_json(forecast, problems))
    else:
        name = forecast.plan.metric.name
        assumed = options.prometheus is None and name not in dict(options.baselines)
        say(ab_text(forecast, problems, assumed=assumed))
    return FOUND if problems else FINE


def _traffic(options: argparse.Namespace, target: Target) -> Traffic:
    metrics = shares_of(target)
    known = said(options, (metric.name for metric in metrics))
    if options.prometheus is None:
        if known.requests is None:
            raise UnusableInputError(
                "say how much traffic there will be: --requests 50/s, or --prometheus to measure it"
            )
        return given_traffic(metrics, known, known.requests)
    with connected(address(options)) as provider:
        stable = options.stable or stable_revision(provider, target)
        return measured_traffic(
            provider, target, metrics, known, stable=stable, now=datetime.now(UTC).replace(microsecond=0)
        )


def _assumed(options: argparse.Namespace, traffic: Traffic) -> frozenset[str]:
    """The metrics whose rate nobody gave or measured."""
    if options.prometheus is not None:
        return frozenset()
    return frozenset(traffic.streams) - {name for name, _ in options.baselines}
