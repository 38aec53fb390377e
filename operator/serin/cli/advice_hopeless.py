"""Plans that cannot succeed at the traffic that is given, by the same code as `serin simulate`."""

from collections.abc import Iterator

from serin.api.spec import MetricKind
from serin.cli.findings import Finding, Severity, finding
from serin.cli.hopeless import problems
from serin.cli.simulated import healthy_run, plan_of, shares_of
from serin.cli.target import Target
from serin.cli.traffic import Known, given_traffic


def hopeless_advice(target: Target, known: Known, requests: float) -> Iterator[Finding]:
    """An error; only a warning where it rests on an assumed share of bad events in stable."""
    if not any(metric.kind is MetricKind.SHARE for metric in target.analysis.metrics):
        return
    plan = plan_of(target, given_traffic(shares_of(target), known, requests))
    positions = {metric.name: position for position, metric in enumerate(target.analysis.metrics)}
    for problem in problems(plan, healthy_run(plan), positions):
        assumed = problem.metric is not None and problem.metric not in known.rates
        aside = f" (the share of bad events is assumed: --baseline {problem.metric}=SHARE)" if assumed else ""
        yield finding(
            target.document,
            problem.path,
            f"{problem.text}{aside}",
            rule=problem.rule,
            severity=Severity.WARNING if assumed else Severity.ERROR,
        )
