"""What is decided is told with the metric, values, counts, limit, estimate and interval; what is missing, by name."""

from typing import Any

import pytest

from judge.streams import ACCURACY, ERROR_RATE, LATENCY, analysis, at, judged, only, pair, tick, ticks
from serin.api.status import AnalysisStatus, Verdict
from serin.judge import Level, Moments, Pair, Tick
from serin.judge.counts import Side

Versions = tuple[tuple[float, float], tuple[float, float]]

QUERY = 'sum(delta({}{{pod=~"$workload-.*"}}[$window]))'
BY_COMPARISON = {"name": "error-rate", "maxIncrease": {"absolute": "1%", "relative": "10%"}}
RATIO = {
    "name": "fallbacks",
    "ratio": {"bad": QUERY.format("bad"), "total": QUERY.format("total")},
    "maxIncrease": {"absolute": "1%"},
}
MEAN = {
    "name": "tokens",
    "mean": {name: QUERY.format(name) for name in ("sum", "count", "squares")},
    "maxIncrease": {"absolute": "5"},
}
GAUGE = {"name": "queue", "gauge": QUERY.format("queue"), "maxIncrease": {"absolute": "3"}}
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


@pytest.mark.parametrize(
    ("metric", "worse", "verdict"),
    [(MEAN, 0.0, Verdict.PASS), (MEAN, 30.0, Verdict.FAIL), (GAUGE, 0.0, Verdict.PASS), (GAUGE, 30.0, Verdict.FAIL)],
)
def test_every_verdict_on_a_value_is_told_with_all_that_it_rests_on(
    metric: dict[str, Any], worse: float, verdict: Verdict
) -> None:
    def side(number: int, value: float) -> Side:
        value += number % 3
        return Level(value) if metric is GAUGE else Moments(100, 100 * value, 100 * (value**2 + 9))

    log = [
        Tick(
            at(number),
            {metric["name"]: Pair(side(number, 50 + worse), side(number * 2, 50))},
            pair((0, 100), (0, 400)),
        )
        for number in range(1, 41)
    ]
    status = judged(analysis(metric), log)
    one = only(status)
    assert (status.verdict, one.verdict) == (verdict, verdict)
    assert one.estimate is not None
    assert one.estimate == pytest.approx(worse, abs=0.5)
    assert one.interval is not None
    assert one.interval[0] < one.estimate < one.interval[1]
    assert one.limit == float(metric["maxIncrease"]["absolute"])
    versions = (
        ("in 40 ticks", "at stable") if metric is GAUGE else ("in 4,000 of the candidate's", "in 4,000 of stable's")
    )
    figures = f"{metric['name']}: ", *versions, "95% interval", f"limit {one.limit:+g}"
    assert [figure in status.message for figure in figures] == [True] * 5


def test_what_is_worse_for_certain_and_tolerated_is_told_by_all_its_ticks() -> None:
    log = ticks(*[((200, 20_000), (800, 80_000))] * 5, *[((280, 20_000), (800, 80_000))] * 20)
    one = only(judged(analysis({"name": "error-rate", "maxIncrease": {"absolute": "1%"}}), log))
    assert (one.verdict, one.harm) == (Verdict.PASS, "1.00")
    assert one.candidate is not None
    assert one.candidate.total == 500_000
    assert "of late" not in one.message


def test_no_traffic_holds_and_says_so() -> None:
    before = ticks(*[GOOD] * 3)
    silent = judged(analysis(), [*before, tick(4, (0, 0), (0, 0))])
    assert (silent.verdict, silent.reason) == (Verdict.HOLD, "NoTraffic")
    assert silent.message == "No requests reached either version in the newest tick"
    quiet = [tick(number, (0, 0), (0, 3)) for number in range(4, 7)]
    unheard = judged(analysis(), [*before, *quiet])
    assert (unheard.verdict, unheard.reason) == (Verdict.HOLD, "NoTraffic")
    assert unheard.message == "error-rate: The candidate had nothing in 3 ticks that error-rate could count"
