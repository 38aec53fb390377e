"""Plans that cannot succeed at the traffic that is given, by the same code as `serin simulate`."""

from collections.abc import Iterable, Iterator

from serin.api.spec import MetricKind
from serin.cli.ab_test import ab_problems, forecast_of
from serin.cli.findings import Finding, Severity, finding
from serin.cli.hopeless import Problem, problems
from serin.cli.simulated import healthy_run, plan_of, shares_of
from serin.cli.target import Target
from serin.cli.traffic import Known, given_traffic


def hopeless_advice(target: Target, known: Known, requests: float) -> Iterator[Finding]:
    """An error; only a warning where it rests on an assumed share of bad events in stable."""
    if not any(metric.kind is MetricKind.SHARE for metric in target.analysis.metrics):
        return
    traffic = given_traffic(shares_of(target), known, requests)
    test = target.spec.strategy.ab_test if target.spec.strategy else None
    if test is not None:
        yield from _told(target, known, ab_problems(forecast_of(target, test, traffic)))
        return
    plan = plan_of(target, traffic)
    positions = {metric.name: position for position, metric in enumerate(target.analysis.metrics)}
    yield from _told(target, known, problems(plan, healthy_run(plan), positions))


def _told(target: Target, known: Known, found: Iterable[Problem]) -> Iterator[Finding]:
    for problem in found:
        assumed = problem.metric is not None and problem.metric not in known.rates
        aside = f" (the share of bad events is assumed: --baseline {problem.metric}=SHARE)" if assumed else ""
        yield finding(
            target.document,
            problem.path,
            f"{problem.text}{aside}",
            rule=problem.rule,
            severity=Severity.WARNING if assumed else Severity.ERROR,
        )
