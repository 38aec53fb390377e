"""How much more a verdict takes, at the present rates, is what it then takes at these rates."""

import pytest

from judge.streams import ACCURACY, ERROR_RATE, analysis, heard, judged, only, ticks
from serin.api.status import Verdict
from serin.judge import explain

GOOD = ((0, 20), (1, 80))
LOST = ((2, 40), (2, 160))


@pytest.mark.parametrize(
    ("metric", "counts"),
    [
        pytest.param(ERROR_RATE, ((0, 30), (1, 120)), id="clean, against a limit"),
        pytest.param({**ERROR_RATE, "threshold": "5%"}, ((1, 50), (2, 200)), id="not clean"),
        pytest.param(ACCURACY, ((0, 50), (0, 200)), id="clean, against stable"),
        pytest.param({"name": "error-rate", "maxIncrease": {"absolute": "5%", "relative": "10%"}}, GOOD, id="slack"),
    ],
)
def test_so_many_more_events_as_are_told_let_it_pass(
    metric: dict[str, str], counts: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    policy, name = analysis(metric), str(metric["name"])
    trial = heard(policy, ticks(*[counts] * 4, metric=name))
    outlook = trial.measures[0].outlook
    assert outlook is not None
    assert outlook.verdict is Verdict.PASS
    more = outlook.events / counts[0][1]
    short, enough = (4 + int(more * part) for part in (0.9, 1.1))
    assert only(judged(policy, ticks(*[counts] * short, metric=name))).verdict is Verdict.CONTINUE
    assert only(judged(policy, ticks(*[counts] * (enough + 1), metric=name))).verdict is Verdict.PASS


def test_so_many_more_events_as_are_told_let_it_fail() -> None:
    status = only(judged(analysis(), ticks(*[LOST] * 4)))
    assert status.verdict is Verdict.CONTINUE
    assert status.needs is not None
    assert status.needs.endswith("more of the candidate's requests until it fails, if it goes on like this")
    outlook = heard(analysis(), ticks(*[LOST] * 4)).measures[0].outlook
    assert outlook is not None
    assert outlook.verdict is Verdict.FAIL
    more = outlook.events / LOST[0][1]
    assert only(judged(analysis(), ticks(*[LOST] * int(4 + more * 0.8)))).verdict is not Verdict.FAIL
    assert only(judged(analysis(), ticks(*[LOST] * int(5 + more * 1.3)))).verdict is Verdict.FAIL


def test_one_tick_never_needs_fewer_than_confirm() -> None:
    outlook = heard(analysis(), ticks(((0, 9000), (2, 36000)))).measures[0].outlook
    assert outlook is not None
    assert 1 < outlook.events / 9000 <= 2


def test_what_is_worse_than_tolerated_is_told_by_the_evidence_that_it_is_worse_at_all() -> None:
    policy, worse = analysis({"name": "error-rate", "maxIncrease": {"absolute": "3%"}}), ((3, 60), (2, 240))
    outlook = heard(policy, ticks(*[worse] * 2)).measures[0].outlook
    assert outlook is not None
    assert outlook.verdict is Verdict.FAIL
    failed = next(n for n in range(2, 40) if judged(policy, ticks(*[worse] * n)).verdict is Verdict.FAIL)
    assert abs(2 + outlook.events / 60 - failed) <= 2


def test_where_nothing_will_be_decided_nothing_is_promised() -> None:
    # Exactly at the limit there is no evidence either way, however long one waits.
    trial = heard(analysis(), ticks(*[((2, 100), (2, 400))] * 10))
    assert trial.measures[0].outlook is None
    assert only(explain(trial)).needs is None


def test_what_is_decided_needs_nothing() -> None:
    assert only(judged(analysis(), ticks(*[((0, 100), (2, 400))] * 5))).needs is None
    assert only(judged(analysis(), ticks(*[((30, 100), (2, 400))] * 5))).needs is None


def test_before_the_first_event_nothing_is_promised() -> None:
    assert heard(analysis(), []).measures[0].outlook is None
