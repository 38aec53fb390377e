"""What is remembered can be saved, and in a few entries: issue "a restart neither flaps nor forgets a window"."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from scaling.build import NOW, Passes, ago, queued, seconds
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules
from serin.scaling.history import EMPTY, History, PastRecommendation
from serin.scaling.spec import AutoscalerSpec

SPECS = st.builds(
    lambda up, down, period: queued(
        40,
        behavior=Behavior(
            ScalingRules(up, policies=(Policy(PolicyType.PODS, 3, period), Policy(PolicyType.PERCENT, 40, 30))),
            ScalingRules(down, policies=(Policy(PolicyType.PERCENT, 30, period),)),
        ),
    ),
    st.sampled_from([0, 30, 90]),
    st.sampled_from([0, 60, 150]),
    st.sampled_from([15, 45, 120]),
) | st.just(queued(40))
LENGTHS = st.lists(st.integers(0, 60), min_size=1, max_size=40)
PAUSES = st.sampled_from([5.0, 15.0, 15.5, 40.0])


@given(SPECS, LENGTHS, LENGTHS, PAUSES)
def test_restart_with_a_saved_history_is_the_same(
    spec: AutoscalerSpec, before: list[int], after: list[int], pause: float
) -> None:
    passes, restarted = Passes(spec, 5), Passes(spec, 5)
    passes.steps(before, pause)
    saved = TypeAdapter(History).dump_json(passes.history)
    restarted.history = TypeAdapter(History).validate_json(saved)
    restarted.replicas, restarted.now = passes.replicas, passes.now
    assert restarted.history == passes.history
    assert restarted.steps(after, pause) == passes.steps(after, pause)


@given(SPECS, LENGTHS, LENGTHS, PAUSES)
def test_compacted_history_decides_the_same(
    spec: AutoscalerSpec, before: list[int], after: list[int], pause: float
) -> None:
    passes, compact = Passes(spec, 5), Passes(spec, 5)
    passes.steps(before, pause)
    compact.replicas, compact.now = passes.replicas, passes.now
    compact.history = passes.history.compacted()
    for length in after:
        compact.history = compact.history.compacted()
        assert compact.step(length, pause) == passes.step(length, pause)
        assert compact.last is not None
        assert passes.last is not None
        assert compact.last.limits == passes.last.limits
        assert compact.last.conditions == passes.last.conditions


def test_compacted_keeps_what_can_still_be_the_highest_or_the_lowest() -> None:
    ages = ((4, 90), (9, 80), (5, 70), (2, 60), (7, 50), (3, 40), (6, 30), (6, 20), (5, 10))
    history = History(tuple(PastRecommendation(replicas, ago(age)) for replicas, age in ages))
    kept = history.compacted().recommendations
    assert [past.replicas for past in kept] == [9, 2, 7, 3, 6, 5]
    assert [past.at for past in kept][-2:] == [ago(20), ago(10)]


def test_compacted_sorts_by_time_and_keeps_the_newest() -> None:
    history = History((PastRecommendation(5, NOW), PastRecommendation(5, ago(30)), PastRecommendation(5, ago(60))))
    assert history.compacted().recommendations == (PastRecommendation(5, NOW),)
    assert EMPTY.compacted() == EMPTY


def test_steady_load_is_one_entry() -> None:
    passes = Passes(queued(), 3)
    passes.steps([3] * 100)
    assert len(passes.history.compacted().recommendations) == 1


def test_forgotten_history_holds_what_there_is_for_a_window() -> None:
    """What a restart of upstream's controller does, and a saved history avoids."""
    passes = Passes(queued(), 9)
    passes.steps([2] * 20)
    passes.history = replace(passes.history, recommendations=())
    assert passes.steps([2] * 2, 150) == [9, 9]
    assert passes.now == NOW + seconds(600)
