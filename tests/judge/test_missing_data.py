"""What is not known holds the rollout: it is never a failure, and never a success."""

from dataclasses import replace
from math import inf, nan

import pytest

from judge.streams import ERROR_RATE, LATENCY, analysis, at, judged, only, pair, tick, ticks
from serin.api.status import Verdict
from serin.judge import Counts, Judge, Pair, Tick

GOOD = ((0, 100), (2, 400))
BAD = ((30, 100), (2, 400))
HISTORY = pytest.mark.parametrize("history", [[GOOD] * 3, [BAD] * 2, []], ids=["good", "bad", "none"])


@HISTORY
@pytest.mark.parametrize(
    ("newest", "reason"),
    [
        (Tick(at(4), problem="Prometheus did not answer within 8s"), "PrometheusUnavailable"),
        (Tick(at(4)), "NoData"),
        (tick(4, None, None), "NoData"),
        (tick(4, None, (0, 400)), "NoData"),
        (tick(4, (0, 0), (0, 0)), "NoTraffic"),
        (tick(4, (nan, 100), (0, 400), requests=pair((0, 100), (0, 400))), "NoData"),
        (tick(4, (5, -1), (0, 400), requests=pair((0, 100), (0, 400))), "NoData"),
        (tick(4, (101, 100), (0, 400), requests=pair((0, 100), (0, 400))), "NoData"),
        (tick(4, (1, inf), (0, 400), requests=pair((0, 100), (0, 400))), "NoData"),
    ],
)
def test_the_newest_tick_without_data_holds(
    history: list[tuple[tuple[float, float], tuple[float, float]]], newest: Tick, reason: str
) -> None:
    status = judged(analysis(), [*ticks(*history), newest])
    assert (status.verdict, status.reason) == (Verdict.HOLD, reason)
    assert only(status).verdict is not Verdict.FAIL
    assert status.at == at(4)


def test_a_missing_metric_is_named_and_why() -> None:
    log = ticks(*[GOOD] * 3)
    note = "model_request_duration_seconds_bucket has no sample in the window"
    log[-1] = replace(log[-1], metrics={**log[-1].metrics, "latency": Pair(None, None, note)})
    status = judged(analysis(ERROR_RATE, LATENCY), log)
    assert status.verdict is Verdict.HOLD
    assert status.message == f"latency: No series gives latency: {note}"


def test_a_problem_is_told_in_its_own_words() -> None:
    status = judged(analysis(), [Tick(at(1), problem="Prometheus cannot be reached: connection refused")])
    assert status.message == "The requests cannot be counted: Prometheus cannot be reached: connection refused"


def test_a_quiet_tick_is_chance_and_as_many_as_confirm_are_missing_traffic() -> None:
    quiet = [tick(number, (0, 0), (0, 3)) for number in range(4, 8)]
    log = ticks(*[((0, 1), (0, 3))] * 3)
    assert judged(analysis(confirm=4), [*log, *quiet[:3]]).verdict is Verdict.CONTINUE
    status = judged(analysis(confirm=4), [*log, *quiet])
    assert (status.verdict, only(status).reason) == (Verdict.HOLD, "NoTraffic")


def test_a_gap_in_the_past_is_no_reason_to_hold() -> None:
    log = [*ticks(*[GOOD] * 2), Tick(at(3), problem="down"), tick(4, *GOOD), tick(5, *GOOD)]
    status = judged(analysis(), log)
    assert (status.verdict, status.ticks) == (Verdict.PASS, 4)


def test_a_gap_does_not_break_a_row_of_bad_ticks() -> None:
    log = [tick(1, *BAD), Tick(at(2), problem="down"), tick(3, *BAD), tick(4, *BAD)]
    assert judged(analysis(), log).verdict is Verdict.FAIL


def test_a_hundred_percent_of_errors_is_not_read_as_no_traffic() -> None:
    status = only(judged(analysis(), ticks(*[((20, 20), (0, 80))] * 3)))
    assert (status.verdict, status.estimate) == (Verdict.FAIL, 1.0)


def test_stable_without_requests_is_no_reason_to_blame_the_candidate() -> None:
    requests = pair((0, 20), (0, 80))
    for bad in (10, 0):
        log = [tick(n, (bad, 20), (0, 0), requests=requests) for n in range(1, 4)]
        assert only(judged(analysis(), log)).reason == "NoBaseline"
    # Its own first event afterwards brings the counts in that waited for it.
    status = judged(analysis(), [*log, tick(4, (0, 20), (0, 1), requests=requests)])
    assert only(status).candidate is not None
    assert status.samples == 80


def test_unsound_counts_are_no_counts() -> None:
    assert Counts(0, 0).sound
    assert Counts(3, 3).sound
    for unsound in (Counts(nan, 1), Counts(0, nan), Counts(-1, 1), Counts(2, 1), Counts(0, -1), Counts(0, inf)):
        assert not unsound.sound


def test_a_look_at_nothing_is_nothing() -> None:
    """All rollouts of a look may end while it is heard."""
    Judge().hear([])
