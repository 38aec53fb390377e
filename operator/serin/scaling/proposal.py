"""Several metrics, some of them invalid (upstream's `computeReplicasForMetrics`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from serin.scaling.report import MetricReport
from serin.scaling.words import failing_pass


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the metrics propose together.

    replicas: None for no scaling; winner: the metric that proposed them, if any was valid.
    invalid: the first invalid metric; error: what is wrong, also when the others are followed.
    """

    replicas: int | None
    winner: MetricReport | None = None
    invalid: MetricReport | None = None
    error: str = ""


def propose(reports: Sequence[MetricReport], spec_replicas: int) -> Proposal:
    """Take the maximum proposal. If all are invalid, or some are invalid and max proposal < spec replicas: no scaling.

    The error: "invalid metrics (i invalid out of n), first error is: …". Otherwise scale on the valid ones, and still
    return that error at the end.
    """
    winner = maximum(reports)
    invalid = [report for report in reports if report.replicas is None]
    replicas = 0 if winner is None or winner.replicas is None else winner.replicas
    if not invalid:
        return Proposal(replicas, winner)
    first = invalid[0]
    error = (
        f"invalid metrics ({len(invalid)} invalid out of {len(reports)}), first error is:"
        f" {failing_pass(first.metric)}{first.error}"
    )
    if len(invalid) >= len(reports) or replicas < spec_replicas:
        return Proposal(None, winner, first, error)
    return Proposal(replicas, winner, first, error)


def maximum(reports: Sequence[MetricReport]) -> MetricReport | None:
    """The report that proposes most; of equal ones the first, but of zeros the last.

    A proposal of zero does not count as one yet, so that after it even a negative one is taken.
    """
    winner: MetricReport | None = None
    most = 0
    for report in reports:
        if report.replicas is not None and (most == 0 or report.replicas > most):
            winner, most = report, report.replicas
    return winner
