"""Several metrics (`computeReplicasForMetrics`): replicas.md, section 3."""

import pytest

from serin.scaling.metrics import ExternalMetric, ResourceMetric, UnknownMetric, utilization, value
from serin.scaling.proposal import maximum, propose
from serin.scaling.report import MetricReport

METRIC = ExternalMetric("queue", value(1))
INVALID = MetricReport(METRIC, reason="FailedGetExternalMetric", error="gone")
UNKNOWN = MetricReport(
    UnknownMetric("Moon"), reason="InvalidMetricSourceType", error='unknown metric source type "Moon"'
)


def valid(replicas: int) -> MetricReport:
    """A metric that proposes so many."""
    return MetricReport(ResourceMetric("cpu", utilization(50)), replicas)


@pytest.mark.parametrize(
    ("proposals", "replicas", "winner"),
    [
        pytest.param((3, 7, 5), 7, 1, id="the maximum"),
        pytest.param((7, 7), 7, 0, id="of equal ones the first"),
        pytest.param((0, 0), 0, 1, id="but of zeros the last"),
        pytest.param((0, -4), -4, 1, id="after a zero even a negative one is taken"),
        pytest.param((-4, 0), 0, 1, id="a negative one is less than zero"),
        pytest.param((-4, -7), -4, 0, id="of negative ones the larger"),
    ],
)
def test_evaluate_all_and_take_the_maximum(proposals: tuple[int, ...], replicas: int, winner: int) -> None:
    """Evaluate all; take the **maximum** proposal."""
    reports = [valid(each) for each in proposals]
    proposal = propose(reports, 5)
    assert (proposal.replicas, proposal.error, proposal.invalid) == (replicas, "", None)
    assert maximum(reports) is reports[winner]
    assert proposal.winner is reports[winner]


def test_if_all_are_invalid_nothing_is_scaled() -> None:
    """If all are invalid: no scaling, with the *first* invalid metric's reason."""
    proposal = propose([UNKNOWN, INVALID], 5)
    assert proposal.replicas is None
    assert proposal.invalid is UNKNOWN
    assert proposal.error == ('invalid metrics (2 invalid out of 2), first error is: unknown metric source type "Moon"')


@pytest.mark.parametrize(
    ("proposed", "replicas"),
    [
        pytest.param(4, None, id="some are invalid and max proposal < spec replicas: no scaling"),
        pytest.param(5, 5, id="Otherwise scale on the valid ones"),
        pytest.param(6, 6, id="also up"),
    ],
)
def test_with_some_invalid_nothing_is_scaled_down(proposed: int, replicas: int | None) -> None:
    """Otherwise scale on the valid ones, and still return that error at the end."""
    proposal = propose([valid(1), INVALID, valid(proposed), UNKNOWN], 5)
    assert proposal.replicas == replicas
    assert proposal.invalid is INVALID
    assert proposal.error == (
        "invalid metrics (2 invalid out of 4), first error is: failed to get queue external metric value: "
        "failed to get external metric queue: gone"
    )
