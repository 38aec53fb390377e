"""Nothing is believed of a step before its split was seen to be right, and a warning is never more than shown."""

from hypothesis import given, settings
from hypothesis import strategies as st

from judge.streams import ACCURACY, ERROR_RATE, LATENCY, analysis, at, heard, judged, only, pair, tick
from serin.api.status import AnalysisStatus, Verdict
from serin.judge import Judge, Pair, Step, Tick, explain, freeze

GOOD = ((0, 200), (2, 800))
BAD = ((40, 200), (2, 800))
DEAD = ((190, 200), (2, 800))


def through_steps(counts: tuple[tuple[float, float], tuple[float, float]], *, next_weight: int) -> list[AnalysisStatus]:
    """Long a good step at 20 %, then five ticks with these counts in the next one: what is said of each of them."""
    policy = analysis()
    judge = Judge()
    trial = judge.open(policy, budget=freeze(policy, steps=2), candidate="8f21c0a97e", began=at(0))
    trial.enter(Step(at(0), 20))
    for number in range(1, 31):
        judge.hear([(trial, tick(number, *GOOD))])
    trial.enter(Step(at(30), next_weight))
    told = []
    for number in range(31, 36):
        judge.hear([(trial, tick(number, *counts))])
        told.append(explain(trial))
    return told


def test_what_was_known_before_a_step_passes_in_it_once_its_split_is_verified() -> None:
    told = through_steps(GOOD, next_weight=20)
    verdicts = [(status.verdict, status.reason) for status in told]
    assert verdicts == [(Verdict.CONTINUE, "TooFewTicks")] * 2 + [(Verdict.PASS, "WithinLimit")] * 3
    assert "not believed before 3 ticks have verified the split" in only(told[0]).message


def test_what_was_known_before_a_step_does_not_pass_in_one_whose_split_is_wrong() -> None:
    told = through_steps(GOOD, next_weight=60)
    assert {status.verdict for status in told} <= {Verdict.CONTINUE, Verdict.HOLD}
    assert (told[-1].verdict, told[-1].reason) == (Verdict.HOLD, "TrafficMissing")
    assert only(told[-1]).verdict is Verdict.HOLD


def test_a_failure_is_believed_once_the_split_is_verified_and_a_catastrophe_in_any_split() -> None:
    assert through_steps(BAD, next_weight=20)[-1].verdict is Verdict.FAIL
    assert Verdict.FAIL not in {status.verdict for status in through_steps(BAD, next_weight=60)}
    assert through_steps(DEAD, next_weight=60)[-1].verdict is Verdict.FAIL


sides = st.none() | st.tuples(st.integers(0, 200), st.integers(0, 200)).map(lambda both: (min(both), max(both)))
pairs = st.builds(pair, sides, sides)
WARNING = {**ACCURACY, "action": "Warn"}
names = st.sampled_from(("error-rate", "latency"))


@given(
    st.lists(st.tuples(st.dictionaries(names, pairs), pairs, pairs | st.just(pair((200, 200), (0, 200)))), max_size=12),
    st.sampled_from((20, 50, 100)),
)
@settings(deadline=None, max_examples=50)
def test_a_warning_changes_nothing_of_what_the_others_decide(
    counts: list[tuple[dict[str, Pair], Pair, Pair]], weight: int
) -> None:
    log = [Tick(at(n), {**others, "accuracy": warned}, totals) for n, (others, totals, warned) in enumerate(counts, 1)]
    alone, beside = (
        judged(analysis(ERROR_RATE, LATENCY, *warnings), log, weight=weight) for warnings in ((), (WARNING,))
    )
    assert beside.metrics[:2] == alone.metrics
    for field in ("verdict", "reason", "message", "ticks", "samples", "split", "budget"):
        assert getattr(beside, field) == getattr(alone, field)


def test_a_warning_that_fails_for_certain_is_shown_to_and_rolls_nothing_back() -> None:
    log = [
        Tick(at(n), {"error-rate": pair(*GOOD), "accuracy": pair((200, 200), (0, 800))}, pair((0, 200), (0, 800)))
        for n in range(1, 21)
    ]
    status = explain(heard(analysis(ERROR_RATE, WARNING), log))
    assert status.verdict is Verdict.PASS
    assert [(it.verdict, it.action) for it in status.metrics] == [(Verdict.PASS, "Rollback"), (Verdict.FAIL, "Warn")]
