"""A share is told with all that it rests on, whatever the verdict; test_every_kind_of_metric.py has the other kinds."""

from typing import Any

import pytest

from judge.streams import ACCURACY, ERROR_RATE, LATENCY, analysis, judged, only, tick, ticks
from serin.api.status import AnalysisStatus, Verdict

Versions = tuple[tuple[float, float], tuple[float, float]]

QUERY = 'sum(delta({}{{pod=~"$workload-.*"}}[$window]))'
BY_COMPARISON = {"name": "error-rate", "maxIncrease": {"absolute": "1%", "relative": "10%"}}
RATIO = {
    "name": "fallbacks",
    "ratio": {"bad": QUERY.format("bad"), "total": QUERY.format("total")},
    "maxIncrease": {"absolute": "1%"},
}
SHARES = [ERROR_RATE, LATENCY, ACCURACY, BY_COMPARISON, RATIO]

GOOD = ((1, 400), (4, 1600))
BAD = ((120, 400), (4, 1600))
SUSPECT = ((32, 400), (8, 1600))
OPEN = ((7, 400), (12, 1600))


def told(metric: dict[str, Any], counts: Versions, *, count: int) -> AnalysisStatus:
    """The verdict on so many ticks with these counts."""
    return judged(analysis(metric), ticks(*[counts] * count, metric=metric["name"]))


@pytest.mark.parametrize("metric", SHARES, ids="-".join)
@pytest.mark.parametrize(
    ("counts", "count", "verdict"),
    [
        pytest.param(GOOD, 40, Verdict.PASS, id="passes"),
        pytest.param(BAD, 6, Verdict.FAIL, id="fails"),
        pytest.param(SUSPECT, 2, Verdict.HOLD, id="is suspected"),
        pytest.param(OPEN, 1, Verdict.CONTINUE, id="is open"),
    ],
)
def test_every_verdict_on_a_share_is_told_with_all_that_it_rests_on(
    metric: dict[str, Any], counts: Versions, count: int, verdict: Verdict
) -> None:
    status = told(metric, counts, count=count)
    one = only(status)
    assert (status.verdict, one.verdict) == (verdict, verdict)
    assert one.name == metric["name"]
    assert one.candidate is not None
    assert one.stable is not None
    (bad_c, total_c), (bad_b, total_b) = counts
    assert (one.candidate.bad, one.candidate.total) == (count * bad_c, count * total_c)
    assert (one.stable.bad, one.stable.total) == (count * bad_b, count * total_b)
    assert one.estimate is not None
    assert one.interval is not None
    assert one.interval[0] < one.estimate < one.interval[1]
    assert one.harm is not None
    assert one.safe is not None
    figures = f"{count * total_c:,}", f"{count * total_b:,}", "95% interval", "limit"
    assert [figure in status.message for figure in (f"{metric['name']}: ", *figures)] == [True] * 5


def test_what_is_worse_for_certain_and_tolerated_is_told_by_all_its_ticks() -> None:
    log = ticks(*[((200, 20_000), (800, 80_000))] * 5, *[((280, 20_000), (800, 80_000))] * 20)
    one = only(judged(analysis({"name": "error-rate", "maxIncrease": {"absolute": "1%"}}), log))
    assert (one.verdict, one.harm) == (Verdict.PASS, "1.00")
    assert one.candidate is not None
    assert one.candidate.total == 500_000
    assert "of late" not in one.message


def test_traffic_that_a_metric_does_not_see_holds_and_is_named() -> None:
    before = ticks(*[GOOD] * 3)
    quiet = [tick(number, (0, 0), (0, 3)) for number in range(4, 7)]
    status = judged(analysis(), [*before, *quiet])
    assert (status.verdict, status.reason) == (Verdict.HOLD, "NoTraffic")
    assert status.message == "error-rate: The candidate had nothing in 3 ticks that error-rate could count"
