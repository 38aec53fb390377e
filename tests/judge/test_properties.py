"""What holds of every tick log."""

import random
from dataclasses import replace
from itertools import zip_longest

from hypothesis import given, settings
from hypothesis import strategies as st

from judge.streams import ACCURACY, ERROR_RATE, LATENCY, START, analysis, at, heard, judged, pair, tick
from serin.api.spec import Analysis, MetricAction
from serin.api.status import Verdict
from serin.judge import Counts, Judge, Pair, Step, Tick, Trial, explain, freeze

POLICY = analysis(ERROR_RATE, LATENCY, ACCURACY)
NAMES = ("error-rate", "latency", "accuracy")

sides = st.none() | st.integers(0, 200).flatmap(lambda n: st.integers(0, n).map(lambda x: Counts(float(x), float(n))))
pairs = st.builds(Pair, sides, sides)


@st.composite
def tick_logs(draw: st.DrawFn) -> list[Tick]:
    """Ticks with holes of every kind."""
    log = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        metrics = {name: draw(pairs) for name in NAMES if draw(st.booleans())}
        requests = draw(st.none() | pairs)
        problem = draw(st.none() | st.just("down"))
        log.append(Tick(at(number), metrics, requests, problem))
    return log


weights = st.integers(1, 100)


@given(tick_logs(), weights)
def test_a_metric_whose_newest_data_are_missing_never_fails_and_never_passes(log: list[Tick], weight: int) -> None:
    status = judged(POLICY, [*log, Tick(at(20), requests=pair((0, weight), (0, 100 - weight)))], weight=weight)
    for metric in status.metrics[:2]:
        assert metric.verdict is Verdict.HOLD
    assert status.verdict is not Verdict.PASS


@given(tick_logs(), weights)
def test_nothing_is_known_while_prometheus_is_down(log: list[Tick], weight: int) -> None:
    status = judged(POLICY, [*log, Tick(at(20), problem="down")], weight=weight)
    assert (status.verdict, status.reason) == (Verdict.HOLD, "PrometheusUnavailable")


@given(tick_logs(), weights)
def test_warnings_never_fail_a_rollout(log: list[Tick], weight: int) -> None:
    warned = [metric.model_copy(update={"action": MetricAction.WARN}) for metric in POLICY.metrics]
    status = judged(POLICY.model_copy(update={"metrics": tuple(warned)}), log, weight=weight)
    assert status.verdict is not Verdict.FAIL


@given(
    good=st.lists(st.tuples(st.integers(1, 100), st.integers(1, 400)), max_size=12),
    bad=st.lists(st.tuples(st.integers(1, 100), st.integers(1, 400)), max_size=2),
    source=st.randoms(use_true_random=False),
)
def test_fewer_bad_ticks_than_confirm_never_fail(
    good: list[tuple[int, int]], bad: list[tuple[int, int]], source: random.Random
) -> None:
    # However bad these are: a look over the limit holds at least one tick over the limit.
    counts = [pair((0, c), (0, s)) for c, s in good] + [pair((c, c), (0, s)) for c, s in bad]
    source.shuffle(counts)
    log = [Tick(at(n), {"error-rate": it}, pair((0, 20), (0, 80))) for n, it in enumerate(counts, start=1)]
    assert judged(analysis(), log).verdict is not Verdict.FAIL


@given(tick_logs(), weights)
def test_a_failure_is_over_its_limit_and_worse_than_stable(log: list[Tick], weight: int) -> None:
    for metric in judged(POLICY, log, weight=weight).metrics:
        if metric.verdict is Verdict.FAIL:
            assert metric.estimate is not None
            assert metric.estimate > metric.limit
            assert metric.candidate is not None
            if metric.stable is not None and weight < 100:
                assert metric.candidate.bad / metric.candidate.total > metric.stable.bad / metric.stable.total


@given(tick_logs(), weights)
def test_a_rebuilt_log_gives_the_same_verdict(log: list[Tick], weight: int) -> None:
    # A restarted operator asks for the ticks again; there is no other state.
    assert judged(POLICY, [replace(it) for it in log], weight=weight) == judged(POLICY, log, weight=weight)


@given(tick_logs(), weights)
def test_every_metric_is_reported_with_a_reason(log: list[Tick], weight: int) -> None:
    status = judged(POLICY, log, weight=weight, step_since=START)
    assert [metric.name for metric in status.metrics] == list(NAMES)
    for metric in status.metrics:
        assert metric.reason
        assert metric.message


POLICIES = [
    POLICY,
    analysis(),
    analysis({"name": "error-rate", "maxIncrease": {"absolute": "1%"}, "critical": True}, LATENCY, ACCURACY),
]


def opened(judge: Judge, policy: Analysis) -> Trial:
    """A trial in the first step of three."""
    trial = judge.open(policy, budget=freeze(policy, steps=3), candidate="8f21c0a97e", began=START)
    trial.enter(Step(START, 20))
    return trial


def hear(judge: Judge, trials: list[tuple[Trial, list[Tick]]]) -> None:
    """Each tick of all trials at once."""
    for looks in zip_longest(*(log for _, log in trials)):
        due = [(trial, look) for (trial, _), look in zip(trials, looks, strict=True) if look is not None]
        for trial, look in due:
            if look.problem is not None:
                trial.miss(look)
        judge.hear([(trial, look) for trial, look in due if look.problem is None])


@given(st.lists(st.tuples(st.sampled_from(POLICIES), tick_logs()), min_size=2, max_size=4))
@settings(deadline=None, max_examples=40)
def test_trials_that_are_heard_at_once_are_judged_as_each_alone(rollouts: list[tuple[Analysis, list[Tick]]]) -> None:
    judge = Judge()
    # What others left behind in the rows that they no longer need is nothing to those who get them.
    before = [(opened(judge, policy), log) for policy, log in reversed(rollouts)]
    hear(judge, before)
    for trial, _ in before:
        trial.close()
    trials = [(opened(judge, policy), log) for policy, log in rollouts]
    hear(judge, trials)
    for (trial, _), (policy, log) in zip(trials, rollouts, strict=True):
        assert explain(trial) == explain(heard(policy, log))


def test_each_of_the_trials_that_are_heard_at_once_has_its_own_split_and_finding() -> None:
    judge = Judge()
    logs = {
        "WithinLimit": [tick(number, (0, 200), (0, 800)) for number in range(1, 12)],
        "TrafficUnverified": [tick(number, (0, 500), (0, 500)) for number in range(1, 12)],
        "OverLimit": [tick(number, (60, 200), (0, 800)) for number in range(1, 12)],
        "NoTraffic": [tick(number, (0, 0), (0, 0)) for number in range(1, 12)],
    }
    trials = [(opened(judge, analysis()), log) for log in logs.values()]
    hear(judge, trials)
    assert [explain(trial).reason for trial, _ in trials] == list(logs)
