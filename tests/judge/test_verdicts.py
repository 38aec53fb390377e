"""What is rolled back, what passes, and what is left open."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from judge.streams import (
    ACCURACY,
    ERROR_RATE,
    LATENCY,
    analysis,
    at,
    healthy_tick,
    heard,
    judged,
    only,
    pair,
    tick,
    ticks,
)
from serin.api.status import Verdict
from serin.judge import Tick, explain

GOOD = ((0, 100), (2, 400))
BAD = ((30, 100), (2, 400))


@pytest.mark.parametrize(
    ("counts", "verdict", "reason"),
    [
        pytest.param([GOOD] * 4, Verdict.PASS, "WithinLimit", id="clean and enough"),
        pytest.param([GOOD] * 2, Verdict.CONTINUE, "Undecided", id="clean, but too few ticks"),
        pytest.param([((0, 5), (0, 20))] * 3, Verdict.CONTINUE, "TooFewSamples", id="clean, but too few events"),
        pytest.param([BAD] * 3, Verdict.FAIL, "OverLimit", id="over the limit in every tick"),
        pytest.param([GOOD] * 99 + [BAD] * 6, Verdict.FAIL, "OverLimit", id="a fault that comes late"),
        pytest.param([GOOD] * 5 + [BAD], Verdict.CONTINUE, "Undecided", id="one burst"),
        pytest.param([BAD] * 2, Verdict.HOLD, "Suspected", id="not confirmed yet"),
        pytest.param([BAD, GOOD, BAD, GOOD, BAD, GOOD], Verdict.CONTINUE, "Undecided", id="bursts never in a row"),
        pytest.param([((30, 100), (120, 400))] * 3, Verdict.HOLD, "SharedBreach", id="stable fails as well"),
        pytest.param([((3, 100), (6, 400))] * 3, Verdict.CONTINUE, "Undecided", id="barely over the limit"),
        pytest.param([((3, 100), (6, 400))] * 40, Verdict.FAIL, "OverLimit", id="barely over the limit, for long"),
        pytest.param([((30, 100), None)] * 3, Verdict.HOLD, "NoData", id="no stable to verify the split with"),
        pytest.param([((100, 100), (0, 400))] * 3, Verdict.FAIL, "OverLimit", id="every request fails"),
    ],
)
def test_error_rate(
    counts: list[tuple[tuple[float, float], tuple[float, float]]], verdict: Verdict, reason: str
) -> None:
    status = judged(analysis(), ticks(*counts))
    assert (status.verdict, status.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("counts", "verdict", "reason"),
    [
        pytest.param([((2, 100), (10, 400))] * 30, Verdict.PASS, "WithinLimit", id="as good as stable"),
        pytest.param([((2, 100), (10, 400))] * 3, Verdict.CONTINUE, "Undecided", id="as good as stable, so far"),
        pytest.param([((20, 100), (10, 400))] * 3, Verdict.FAIL, "OverLimit", id="much worse than stable"),
        pytest.param([((2000, 10000), (8000, 40000))] * 4, Verdict.PASS, "WithinLimit", id="bad, but no worse"),
        pytest.param([((5, 100), (12, 400))] * 3, Verdict.CONTINUE, "Undecided", id="worse, but perhaps by chance"),
        pytest.param(
            [((20, 100), (10, 400))] + [((0, 0), (0, 0))] * 5, Verdict.CONTINUE, "Undecided", id="labels dried up"
        ),
        pytest.param([((5, 10), (1, 100))], Verdict.CONTINUE, "TooFewSamples", id="few labels"),
        pytest.param([((0, 0), (0, 0)), (None, None)], Verdict.HOLD, "NoLabels", id="no label yet"),
        pytest.param([((1, 40), None)] * 3, Verdict.HOLD, "NoLabels", id="no label of stable yet"),
        pytest.param([((1, 40), (1, 40))] * 3 + [(None, (1, 40))] * 3, Verdict.HOLD, "NoData", id="labels are gone"),
    ],
)
def test_accuracy(
    counts: list[tuple[tuple[float, float] | None, tuple[float, float] | None]], verdict: Verdict, reason: str
) -> None:
    log = [
        tick(number, *versions, metric="accuracy", requests=pair((0, 100), (0, 400)))
        for number, versions in enumerate(counts, start=1)
    ]
    status = only(judged(analysis(ACCURACY), log))
    assert (status.verdict, status.reason) == (verdict, reason)


def test_labels_that_come_back_in_drops_add_up() -> None:
    drops = [((0, 0), (1, 30)), ((4, 10), (0, 0)), ((3, 8), (1, 40)), ((0, 0), (0, 0))]
    log = [
        tick(number, *drops[number % 4], metric="accuracy", requests=pair((0, 20), (0, 80))) for number in range(1, 41)
    ]
    status = judged(analysis(ACCURACY), log)
    assert status.verdict is Verdict.FAIL
    assert status.samples == 180


def test_the_whole_step_convicts_where_three_ticks_are_too_few() -> None:
    # 5 % of errors against 1 %, 40 requests a tick: over the limit each time, never certain in three ticks alone.
    counts = ((2, 40), (2, 160))
    assert judged(analysis(), ticks(*[counts] * 3)).verdict is Verdict.CONTINUE
    assert judged(analysis(), ticks(*[counts] * 40)).verdict is Verdict.FAIL


def test_a_latency_beyond_the_sla_fails_by_its_quantile() -> None:
    policy = analysis({**LATENCY, "quantile": "0.9"})
    assert judged(policy, ticks(*[((5, 100), (20, 400))] * 10, metric="latency")).verdict is Verdict.PASS
    assert judged(policy, ticks(*[((60, 100), (20, 400))] * 3, metric="latency")).verdict is Verdict.FAIL


def test_a_warning_is_shown_and_moves_nothing() -> None:
    warned = {**ERROR_RATE, "action": "Warn"}
    log = [
        Tick(
            at(n),
            {"error-rate": pair((50, 100), (2, 400)), "latency": pair((0, 100), (0, 400))},
            pair((0, 100), (0, 400)),
        )
        for n in range(1, 4)
    ]
    status = judged(analysis(warned, LATENCY), log)
    assert [metric.verdict for metric in status.metrics] == [Verdict.FAIL, Verdict.PASS]
    assert status.metrics[0].action == "Warn"
    assert status.verdict is Verdict.PASS


def test_a_warning_without_data_holds_nothing() -> None:
    log = ticks(*[((0, 100), (0, 400))] * 3)
    status = judged(analysis(ERROR_RATE, {**LATENCY, "action": "Warn"}), log)
    assert status.metrics[1].verdict is Verdict.HOLD
    assert status.verdict is Verdict.PASS


def test_one_failed_metric_is_enough_whatever_the_others_wait_for() -> None:
    status = judged(analysis(LATENCY, ERROR_RATE), ticks(*[((30, 100), (2, 400))] * 3))
    assert [metric.verdict for metric in status.metrics] == [Verdict.HOLD, Verdict.FAIL]
    assert (status.verdict, status.reason) == (Verdict.FAIL, "OverLimit")


def test_every_verdict_names_its_numbers() -> None:
    status = judged(analysis(), ticks(*[BAD] * 3))
    metric = only(status)
    assert metric.candidate is not None
    assert metric.stable is not None
    assert (metric.candidate.bad, metric.candidate.total) == (90, 300)
    assert (metric.stable.bad, metric.stable.total) == (6, 1200)
    assert metric.limit == 0.02
    assert metric.estimate == pytest.approx(0.3)
    assert metric.interval is not None
    assert metric.interval[0] < 0.3 < metric.interval[1]
    assert metric.message == (
        "30% of the candidate's 300 requests failed, 0.5% of stable's 1,200 (95% interval 21.3% to 38.7%, limit 2%)"
    )
    assert status.message == f"error-rate: {metric.message}"


def test_what_is_missing_for_a_verdict_is_said() -> None:
    status = only(judged(analysis(minSamples=500), ticks(*[((0, 50), (0, 200))] * 3)))
    assert status.needs == "about 350 more of the candidate's requests"


def test_at_the_full_weight_a_limit_stands_alone() -> None:
    # Stable gets no requests any more, and is not to blame for anything.
    failing = ticks(*[((30, 100), (0, 0))] * 3)
    assert judged(analysis(), failing, weight=100).verdict is Verdict.FAIL
    passing = ticks(*[((1, 200), None)] * 4)
    assert judged(analysis(), passing, weight=100).verdict is Verdict.PASS


def test_at_the_full_weight_accuracy_is_held_against_what_stable_did_before() -> None:
    policy = analysis(ACCURACY)
    before = ticks(*[((30, 1000), (120, 4000))] * 10, metric="accuracy")
    after = [tick(n, (150, 5000), None, metric="accuracy") for n in range(11, 18)]
    worse = [tick(n, (1000, 5000), None, metric="accuracy") for n in range(11, 14)]
    assert judged(policy, before + after, weight=100, step_since=at(10)).verdict is Verdict.PASS
    status = judged(policy, before + worse, weight=100, step_since=at(10))
    assert status.verdict is Verdict.FAIL
    # Stable had 3 % of errors, 4 % at the most by these numbers, and one more is tolerated.
    assert 0.04 < only(status).limit < 0.05
    assert only(judged(policy, worse, weight=100, step_since=at(10))).reason == "NoBaseline"


def test_a_step_is_judged_by_its_own_ticks() -> None:
    # A tick whose window reaches over a change of weight, by more than its edge, belongs to neither step.
    log = ticks(*[GOOD] * 5)
    status = judged(analysis(), log, step_since=at(2))
    assert (status.ticks, status.samples) == (3, 300)
    assert judged(analysis(), log, step_since=at(2) + (at(1) - at(0)) / 2).ticks == 2
    sixth = (at(1) - at(0)) / 6
    assert judged(analysis(), log, step_since=at(2) + sixth).ticks == 3
    assert judged(analysis(), log, step_since=at(2) + sixth + timedelta(milliseconds=1)).ticks == 2


def test_a_fault_that_more_traffic_brings_out_is_found_by_the_step_alone() -> None:
    # Against stable: a little worse, after long being a little better. Over all ticks there is nothing to see.
    policy = analysis({"name": "error-rate", "maxIncrease": {"absolute": "0.5%"}})
    log = ticks(*[((2, 200), (24, 800))] * 60, *[((10, 200), (20, 800))] * 12)
    assert judged(policy, log, step_since=at(60)).verdict is Verdict.FAIL
    assert explain(heard(policy, log[:60])).verdict is not Verdict.FAIL


def test_a_fault_that_comes_late_is_told_by_the_ticks_that_show_it() -> None:
    status = judged(analysis(), ticks(*[GOOD] * 99, *[BAD] * 6))
    assert only(status).candidate is not None
    assert only(status).estimate == pytest.approx(0.3)
    assert "requests failed, 0.5% of stable's" in status.message
    assert "of late" in status.message


def test_samples_are_those_of_the_scarcest_metric() -> None:
    log = [
        Tick(
            at(n), {"error-rate": pair((0, 100), (0, 400)), "accuracy": pair((0, 7), (0, 30))}, pair((0, 100), (0, 400))
        )
        for n in range(1, 4)
    ]
    assert judged(analysis(ERROR_RATE, ACCURACY), log).samples == 21
    assert judged(analysis(ERROR_RATE, {**ACCURACY, "action": "Warn"}), log).samples == 300


def test_a_service_with_few_requests_is_judged_over_several_ticks() -> None:
    # Two requests a tick: half of the candidate's fail, and none of stable's 40.
    quiet = ((1, 2), (0, 8))
    verdicts = [judged(analysis(), ticks(*[quiet] * count)).verdict for count in range(1, 11)]
    assert verdicts.index(Verdict.FAIL) == 4
    # Ticks without a request of the candidate are waited through: their counts of stable are not lost.
    rare = [tick(n, (1, 1) if n % 4 == 0 else (0, 0), (0, 1)) for n in range(1, 40)]
    assert judged(analysis(confirm=5), rare).verdict is Verdict.FAIL


def test_a_clear_fault_is_found_within_a_few_ticks() -> None:
    source = random.Random(11)
    delays = []
    for _ in range(30):
        log: list[Tick] = []
        while not log or judged(analysis(), log).verdict is not Verdict.FAIL:
            log.append(healthy_tick(len(log) + 1, source, total=300, candidate=0.4))
            assert len(log) < 20
        delays.append(len(log))
    assert min(delays) == 3
    assert sorted(delays)[len(delays) // 2] == 3
    assert max(delays) <= 5


def test_before_the_first_tick_nothing_is_missing() -> None:
    status = judged(analysis(), [])
    assert (status.verdict, status.reason, status.ticks) == (Verdict.CONTINUE, "Starting", 0)
    assert status.revision == "8f21c0a97e"


def test_how_the_counts_were_made_is_said() -> None:
    log = ticks(*[GOOD] * 3, metric="latency")
    note = "200ms is not a bucket edge, counted at the next one, 250ms"
    log[-1] = replace(log[-1], metrics={"latency": replace(log[-1].metrics["latency"], note=note)})
    assert only(judged(analysis(LATENCY), log)).message.endswith(f"({note})")
