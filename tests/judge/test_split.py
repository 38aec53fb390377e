"""The observed split is looked at before anything is believed."""

import pytest

from judge.streams import analysis, judged, only, pair, tick
from serin.api.status import Verdict


def log(candidate: float, stable: float, *, bad: float = 0.0, count: int = 3) -> list[object]:
    return [
        tick(n, (candidate * bad, candidate), (0, stable), requests=pair((0, candidate), (0, stable)))
        for n in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    ("weight", "candidate", "stable", "reason"),  # requests of one tick
    [
        pytest.param(20, 200, 800, "WithinLimit", id="as asked"),
        pytest.param(20, 230, 770, "WithinLimit", id="off by less than a fifth of the weight"),
        pytest.param(20, 18, 52, "Undecided", id="off by chance"),
        pytest.param(20, 400, 600, "TrafficUnverified", id="twice what was asked"),
        pytest.param(20, 150, 1050, "TrafficMissing", id="far too little, every tick"),
        pytest.param(5, 2, 998, "TrafficMissing", id="hardly any"),
        pytest.param(5, 680, 9320, "WithinLimit", id="two points are tolerated at a small weight"),
        pytest.param(100, 1000, 0, "WithinLimit", id="all"),
        pytest.param(100, 990, 10, "WithinLimit", id="stragglers of stable at the full weight"),
        pytest.param(100, 500, 500, "TrafficMissing", id="half at the full weight"),
    ],
)
def test_split(weight: int, candidate: float, stable: float, reason: str) -> None:
    status = judged(analysis(), log(candidate, stable), weight=weight)  # type: ignore[arg-type]
    assert status.reason == reason
    assert status.split is not None
    assert status.split.expected == weight / 100
    assert status.split.observed == pytest.approx(candidate / (candidate + stable), rel=1e-3)  # four digits are told
    assert status.split.requests == pytest.approx(3 * (candidate + stable))


def test_too_little_over_all_ticks_is_doubted_although_no_tick_alone_says_so() -> None:
    reasons = [judged(analysis(), log(139, 861, count=count)).reason for count in range(1, 7)]  # type: ignore[arg-type]
    assert reasons == ["Undecided", "Undecided", "WithinLimit", "WithinLimit", "WithinLimit", "TrafficUnverified"]


def test_no_request_of_the_candidate_at_all_is_missing_traffic_not_a_pass() -> None:
    status = judged(analysis(), [tick(n, None, (0, 400)) for n in range(1, 4)])
    assert (status.verdict, status.reason) == (Verdict.HOLD, "TrafficMissing")
    assert status.message == (
        "Its traffic does not reach it: the candidate got 0% of 1,200 requests in this step, its weight is 20%"
    )


def test_a_failure_is_not_believed_while_the_split_is_not_the_one_asked_for() -> None:
    status = judged(analysis(), log(500, 500, bad=0.3))  # type: ignore[arg-type]
    assert (status.verdict, status.reason) == (Verdict.HOLD, "TrafficUnverified")
    assert only(status).verdict is Verdict.HOLD
    assert only(status).message.partition("; ")[2].startswith("not believed: The split is not the one asked for")


def test_a_catastrophe_is_believed_whatever_the_split() -> None:
    assert judged(analysis(), log(500, 500, bad=0.9)).verdict is Verdict.FAIL  # type: ignore[arg-type]


def test_the_split_is_forgiven_once_the_newest_ticks_are_right() -> None:
    late = [tick(n, (0, 500), (0, 500)) for n in range(1, 4)] + [tick(n, (0, 200), (0, 800)) for n in range(4, 7)]
    reasons = [judged(analysis(), late[:count]).reason for count in range(1, 7)]
    assert reasons == ["Undecided", "Undecided", "TrafficUnverified", "WithinLimit", "WithinLimit", "WithinLimit"]
