"""A mean or a gauge, through the judge: in its own unit, and in both directions."""

import random
from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import pytest

from judge.streams import START, analysis, at, heard, judged, only, pair
from serin.api.status import Verdict
from serin.judge import Level, Moments, Pair, Tick, explain
from serin.judge.rule import Finding

QUERY = 'sum(delta({}{{pod=~"$workload-.*"}}[$window]))'
MEAN = {
    "name": "tokens",
    "mean": {name: QUERY.format(name) for name in ("sum", "count", "squares")},
    "maxIncrease": {"absolute": "5"},
}
GAUGE = {"name": "queue", "gauge": QUERY.format("queue"), "maxIncrease": {"absolute": "3"}}
HIGHER = {"direction": "HigherIsBetter"}
REQUESTS = pair((0, 100), (0, 400))
ALL = pair((0, 500), (0, 0))


def moments(source: random.Random, mean: float, *, events: int, deviation: float = 10.0) -> Moments:
    """So many events by chance."""
    values = [source.gauss(mean, deviation) for _ in range(events)]
    return Moments(events, sum(values), sum(value * value for value in values))


def log_of(name: str, pairs: Sequence[Pair], *, first: int = 1, requests: Pair = REQUESTS) -> list[Tick]:
    """Ticks of one metric, with the requests of a weight of 20 % unless given."""
    return [Tick(at(number), {name: measured}, requests) for number, measured in enumerate(pairs, start=first)]


def means(candidate: float, stable: float, count: int, *, events: tuple[int, int] = (60, 240)) -> list[Pair]:
    """Ticks of a mean by chance."""
    source = random.Random(3)
    return [
        Pair(moments(source, candidate, events=events[0]), moments(source, stable, events=events[1]))
        for _ in range(count)
    ]


def levels(candidate: float, stable: float, count: int) -> list[Pair]:
    """Ticks of a gauge by chance, each version around its value by a standard deviation of one."""
    source = random.Random(4)
    return [Pair(Level(source.gauss(candidate, 1)), Level(source.gauss(stable, 1))) for _ in range(count)]


Made = Callable[[float, float, int], list[Pair]]


@pytest.mark.parametrize(("metric", "made"), [(MEAN, means), (GAUGE, levels)], ids=["mean", "gauge"])
@pytest.mark.parametrize(
    ("direction", "difference", "verdict", "reason"),
    [
        pytest.param({}, 12, Verdict.FAIL, "OverLimit", id="worse"),
        pytest.param({}, 0, Verdict.PASS, "WithinLimit", id="the same"),
        pytest.param({}, -12, Verdict.PASS, "WithinLimit", id="better"),
        pytest.param({}, 1, Verdict.PASS, "WithinLimit", id="worse, but tolerated"),
        pytest.param(HIGHER, -12, Verdict.FAIL, "OverLimit", id="worse, where higher is better"),
        pytest.param(HIGHER, 12, Verdict.PASS, "WithinLimit", id="better, where higher is better"),
    ],
)
def test_what_is_worse_by_more_than_tolerated_fails(
    metric: dict[str, Any], made: Made, direction: dict[str, str], difference: float, verdict: Verdict, reason: str
) -> None:
    log = log_of(metric["name"], made(50 + difference, 50, 40))
    status = judged(analysis({**metric, **direction}), log)
    assert (status.verdict, status.reason) == (verdict, reason)


def test_a_warning_of_a_mean_rolls_nothing_back() -> None:
    log = log_of("tokens", means(80, 50, 20))
    status = judged(analysis({**MEAN, "action": "Warn"}), log)
    assert only(status).verdict is Verdict.FAIL
    assert status.verdict is Verdict.PASS


def test_fewer_ticks_than_confirm_never_fail_a_mean() -> None:
    for confirm in (3, 6):
        log = log_of("tokens", means(500, 50, 20))
        reasons = [only(judged(analysis(MEAN, confirm=confirm), log[:count])).reason for count in range(1, 12)]
        # The first tick teaches how much the events vary, and is no evidence.
        assert reasons.index("OverLimit") == confirm
        assert "Suspected" in reasons[: confirm + 1]
    # As soon as the split is verified.
    assert only(judged(analysis({**MEAN, "critical": True}), log[:3])).verdict is Verdict.FAIL


def test_few_events_are_told() -> None:
    status = only(judged(analysis(MEAN, minSamples=1000), log_of("tokens", means(52, 50, 4))))
    assert (status.verdict, status.reason) == (Verdict.CONTINUE, "TooFewSamples")
    assert status.needs == "about 760 more of the candidate's events"


def test_events_that_are_too_few_for_a_tick_add_up() -> None:
    log = log_of("tokens", means(50, 50, 3, events=(8, 240)))
    status = judged(analysis(MEAN), log)
    assert status.samples == 24
    assert only(status).message == "No tick has had enough of both versions to compare yet"
    later = judged(analysis(MEAN), log_of("tokens", means(90, 50, 60, events=(8, 240))))
    assert later.verdict is Verdict.FAIL


def test_the_numbers_of_a_mean_are_told() -> None:
    status = only(
        judged(analysis(MEAN), log_of("tokens", [Pair(Moments(100, 1200, 15000), Moments(400, 4000, 41000))]))
    )
    assert (status.limit, status.estimate) == (5, 2)
    assert status.interval is not None
    assert status.interval[0] < 2 < status.interval[1]
    assert status.message.startswith("12 on average in 100 of the candidate's events, 10 in 400 of stable's (+2, 95% ")
    assert status.message.endswith(", limit +5, lower is better)")
    assert (status.harm, status.safe, status.dispersion) == ("0.00", "0.00", 1.0)


def test_where_higher_is_better_the_numbers_are_told_as_they_are() -> None:
    log = log_of("tokens", [Pair(Moments(100, 800, 7000), Moments(400, 4000, 41000))])
    status = only(judged(analysis({**MEAN, **HIGHER}), log))
    assert status.estimate == 2
    assert "8 on average in 100 of the candidate's events, 10 in 400 of stable's (-2, " in status.message
    assert status.message.endswith(", limit -5, higher is better)")


def test_a_gauge_counts_no_events_so_the_requests_end_a_step() -> None:
    trial = heard(analysis(GAUGE), log_of("queue", levels(5, 5, 9)))
    assert trial.samples == 900
    status = only(explain(trial))
    assert "on average at the candidate in 9 ticks" in status.message
    assert (status.candidate, status.stable) == (None, None)


def test_a_gauge_that_misses_a_tick_goes_on_and_one_that_misses_the_newest_holds() -> None:
    pairs = levels(20, 5, 40)
    pairs[10] = Pair(None, None, "no series")
    pairs[11] = Pair(pairs[11].candidate, None)
    assert judged(analysis(GAUGE), log_of("queue", pairs)).verdict is Verdict.FAIL
    assert only(judged(analysis(GAUGE), log_of("queue", pairs[:11]))).message == "No series gives queue: no series"
    assert only(judged(analysis(GAUGE), log_of("queue", pairs[:12]))).reason == "NoBaseline"
    assert only(judged(analysis(GAUGE), log_of("queue", [Pair(Level(float("nan")), Level(5))]))).reason == "NoData"


@pytest.mark.parametrize(("metric", "made"), [(MEAN, means), (GAUGE, levels)], ids=["mean", "gauge"])
@pytest.mark.parametrize("direction", [{}, HIGHER], ids=["lower", "higher"])
def test_at_the_full_weight_it_is_held_to_what_stable_had_before(
    metric: dict[str, Any], made: Made, direction: dict[str, str]
) -> None:
    policy, name = analysis({**metric, **direction}), metric["name"]
    worse = -20 if direction else 20
    before = log_of(name, made(50, 50, 20))
    for difference, verdict in ((0, Verdict.PASS), (worse, Verdict.FAIL), (-worse, Verdict.PASS)):
        alone = [Pair(measured.candidate, None) for measured in made(50 + difference, 50, 40)]
        log = before + log_of(name, alone, first=21, requests=ALL)
        status = only(judged(policy, log, weight=100, step_since=at(20)))
        assert status.verdict is verdict
        bound = float(status.message.split(f"stable had at {'least' if direction else 'most'} ")[1].split(" ")[0])
        assert 48 < bound < 50 if direction else 50 < bound < 52
        unheld = log_of(name, alone, requests=ALL)
        assert only(judged(policy, unheld, weight=100, step_since=START)).reason == "NoBaseline"


@pytest.mark.parametrize(("metric", "made"), [(MEAN, means), (GAUGE, levels)], ids=["mean", "gauge"])
def test_at_the_full_weight_the_last_requests_of_stable_are_no_baseline(metric: dict[str, Any], made: Made) -> None:
    policy, name = analysis(metric), metric["name"]
    log = log_of(name, made(50, 50, 20)) + log_of(name, made(50, 0, 40), first=21, requests=ALL)
    assert only(judged(policy, log, weight=100, step_since=at(20))).verdict is Verdict.PASS


def test_a_leap_of_a_gauge_is_told_by_the_ticks_that_show_it() -> None:
    log = log_of("queue", levels(50, 50, 60) + levels(75, 50, 24))
    status = only(judged(analysis(GAUGE), log))
    assert status.verdict is Verdict.FAIL
    assert status.estimate == pytest.approx(25, abs=1)
    assert "at stable of late (+2" in status.message


def test_a_gauge_that_wanders_and_is_no_worse_is_rolled_back_in_no_block_of_a_long_step() -> None:
    runs, likeness = 40, 0.5
    policy = analysis({**GAUGE, "maxIncrease": {"absolute": "1"}})
    for seed in range(runs):
        source, value, pairs = random.Random(seed), 0.0, []
        for _ in range(200):
            value = likeness * value + sqrt(1 - likeness**2) * source.gauss(0, 1)
            pairs.append(Pair(Level(50 + value), Level(50)))
        assert judged(policy, log_of("queue", pairs)).verdict is not Verdict.FAIL


def test_a_step_without_data_of_its_own_has_not_passed() -> None:
    log = log_of("tokens", means(50, 50, 40))
    assert heard(analysis(MEAN), log, step_since=at(40)).measures[0].finding is not Finding.PASSED
    assert heard(analysis(MEAN), log, step_since=at(30)).measures[0].finding is Finding.PASSED


def test_a_step_judges_a_mean_by_its_own_ticks_too() -> None:
    # Long a bit better, then clearly worse: over all ticks there is nothing to see.
    pairs = means(46, 50, 200) + means(58, 50, 12)
    log = log_of("tokens", pairs)
    assert judged(analysis(MEAN), log, step_since=at(200)).verdict is Verdict.FAIL
    assert judged(analysis(MEAN), log).verdict is not Verdict.FAIL
