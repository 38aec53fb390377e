"""An A/B test: what decides it, what never does, and what is told meanwhile."""

import importlib.util
from math import log
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from serin.api.ab_test_status import ABTestDecision, ABTestLeader
from serin.judge.comparison import ABTestTerms, Comparison
from serin.judge.comparison_status import comparison_status
from serin.judge.counts import NOTHING, Counts

BENCHMARK = Path(__file__).parents[2] / "benchmarks/ab_test_many.py"
HIGHER = ABTestTerms(higher_is_better=True, absolute=0.02, relative=0.0, significance=0.05, power=0.8)
LOWER = ABTestTerms(higher_is_better=False, absolute=0.0, relative=0.2, significance=0.05, power=0.8)


@pytest.fixture(scope="module")
def many() -> ModuleType:
    """The same steps for many tests at once."""
    spec = importlib.util.spec_from_file_location("ab_test_many", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(state: Comparison, terms: ABTestTerms) -> str:
    """The sentence for people, and what is missing."""
    status = comparison_status("bought", state, terms, share=0.5)
    return f"{status.message}|{status.needs}"


def run(terms: ABTestTerms, candidate: float, stable: float, *, ticks: int, events: int = 400) -> Comparison:
    """Ticks without chance: the shares are met to a fraction of an event, but for a jump that keeps them apart."""
    state = Comparison()
    for _ in range(ticks):
        state = state.after(Counts(candidate * events, events), Counts(stable * events, events), terms)
    return state


@pytest.mark.parametrize(
    ("terms", "candidate", "decision"),
    [
        (HIGHER, 0.13, ABTestDecision.WON),
        (HIGHER, 0.10, ABTestDecision.NO_IMPROVEMENT),
        (LOWER, 0.07, ABTestDecision.WON),
        (LOWER, 0.10, ABTestDecision.NO_IMPROVEMENT),
    ],
)
def test_a_clear_difference_decides_in_its_direction(
    terms: ABTestTerms, candidate: float, decision: ABTestDecision
) -> None:
    assert run(terms, candidate, 0.1, ticks=100).decision is decision


def test_a_candidate_that_is_much_worse_has_lost() -> None:
    """Before it is known to be no improvement, if both are sure at once: that it is worse says more."""
    state = run(HIGHER, 0.02, 0.3, ticks=6, events=5000)
    assert state.decision is ABTestDecision.LOST


def test_what_was_decided_stays() -> None:
    state = run(HIGHER, 0.14, 0.1, ticks=60)
    for _ in range(500):
        state = state.after(Counts(20, 400), Counts(40, 400), HIGHER)
    assert state.decision is ABTestDecision.WON
    assert state.evidence(ABTestDecision.WON, HIGHER) == 0.0


@pytest.mark.parametrize("confirm", [2, 3, 6])
def test_fewer_ticks_than_confirm_never_decide(confirm: int) -> None:
    terms = ABTestTerms(True, 0.02, 0.0, 0.05, 0.8, confirm=confirm)
    first = Comparison().after(Counts(10, 100), Counts(10, 100), terms)  # teaches what share to expect
    for candidate in (0.0, 1e6):
        state = first
        for _ in range(confirm - 1):
            state = state.after(Counts(candidate, 1e6), Counts(1e6 - candidate, 1e6), terms)
        assert state.decision is None
        for _ in range(confirm):
            state = state.after(Counts(candidate, 1e6), Counts(1e6 - candidate, 1e6), terms)
        assert state.decision is not None


def test_counts_wait_for_the_other_version() -> None:
    state = Comparison().after(Counts(3, 10), NOTHING, HIGHER)
    assert (state.ticks, state.waiting_candidate) == (0, Counts(3, 10))
    state = state.after(NOTHING, Counts(2, 10), HIGHER)
    assert (state.ticks, state.candidate, state.stable) == (1, Counts(3, 10), Counts(2, 10))
    assert (state.waiting_candidate, state.waiting_stable) == (NOTHING, NOTHING)


def test_bursts_temper_the_evidence() -> None:
    """The same shares on the whole, once even and once in bursts that hit one version at a time."""
    even, wild = Comparison(), Comparison()
    for tick in range(40):
        even = even.after(Counts(52, 400), Counts(40, 400), HIGHER)
        burst = (104, 0) if tick % 2 else (0, 80)
        wild = wild.after(Counts(burst[0], 400), Counts(burst[1], 400), HIGHER)
    assert wild.difference == pytest.approx(even.difference)
    assert max(even.won) > 10 * max(wild.won)


def test_one_by_one_and_many_at_once_are_the_same(many: ModuleType) -> None:
    source = np.random.default_rng(1)
    for terms in (HIGHER, LOWER, ABTestTerms(True, 0.0, 0.1, 0.01, 0.9, confirm=5, dispersion=2.0)):
        table = many.Many(terms, 8)
        states = [Comparison() for _ in range(8)]
        for _ in range(60):
            totals = source.integers(1, 300, (2, 8))
            counted = source.binomial(totals, [[0.13], [0.1]])
            table.take(np.array([counted[0], totals[0], counted[1], totals[1]], dtype=float))
            states = [
                state.after(Counts(float(c), float(n)), Counts(float(d), float(m)), terms)
                for state, c, n, d, m in zip(states, counted[0], totals[0], counted[1], totals[1], strict=True)
            ]
        for decision in ABTestDecision:
            expected = [state.bets(decision) for state in states]
            np.testing.assert_allclose(table.evidence[decision], expected, rtol=1e-9, atol=1e-9)
        decided = [None if number < 0 else many.DECISIONS[number] for number in table.decision]
        assert decided == [state.decision for state in states]


@pytest.mark.parametrize("stable", [0.003, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("terms", [HIGHER, LOWER], ids=["points more", "percent fewer"])
def test_where_both_are_the_same_a_winner_is_seldom_called(many: ModuleType, terms: ABTestTerms, stable: float) -> None:
    """Half of the significance each way, however long one looks: here 2,000 tests of 200 ticks."""
    world = many.World(stable, stable, 0.3, 120)
    decisions = many.play(world, terms, tests=2000, ticks=200, seed=2).decision
    errors = [np.mean(decisions == number) for number in (0, 1)]
    assert all(error <= terms.significance / 2 + 3 * (0.025 * 0.975 / 2000) ** 0.5 for error in errors)


def test_nobody_gives_an_improvement_up_too_often(many: ModuleType) -> None:
    world = many.World(0.1, 0.12, 0.5, 200)
    decisions = many.play(world, HIGHER, tests=2000, ticks=300, seed=2).decision
    assert np.mean(decisions == 2) <= (1 - HIGHER.power) / 2 + 0.02
    assert np.mean(decisions == 0) >= HIGHER.power


def test_thresholds_pay_for_both_directions() -> None:
    assert HIGHER.threshold(ABTestDecision.WON) == HIGHER.threshold(ABTestDecision.LOST) == log(2 / 0.05)
    assert HIGHER.threshold(ABTestDecision.NO_IMPROVEMENT) == pytest.approx(log(2 / 0.2))


def test_who_leads_is_told_with_an_interval_and_with_what_is_missing() -> None:
    state = run(HIGHER, 0.125, 0.1, ticks=5)
    status = comparison_status("bought", state, HIGHER, share=0.5)
    assert status.leader is ABTestLeader.CANDIDATE
    assert status.decision is None
    assert status.estimate == pytest.approx(0.025)
    assert status.interval is not None
    assert status.interval[0] < 0.025 < status.interval[1]
    assert status.message.startswith(
        "The candidate leads: 12.5% of the candidate's 2,000 events, 10% of stable's 2,000 (+2.5 points, 95% interval"
    )
    assert status.message.endswith("more are better, +2.0 points are sought)")
    assert status.needs is not None
    assert "until it has won, if it goes on like this" in status.needs


def test_fewer_bad_events_lead_as_well() -> None:
    state = run(LOWER, 0.09, 0.1, ticks=5)
    assert comparison_status("refused", state, LOWER, share=0.5).leader is ABTestLeader.CANDIDATE
    assert "fewer are better, -2.0 points are sought" in told(state, LOWER)
    behind = run(LOWER, 0.11, 0.1, ticks=5)
    assert comparison_status("refused", behind, LOWER, share=0.5).leader is ABTestLeader.STABLE


def test_what_is_missing_shrinks_to_nothing() -> None:
    assert "not to be better by +2.0 points" in told(run(HIGHER, 0.1, 0.1, ticks=5), HIGHER)
    assert told(run(HIGHER, 0.13, 0.1, ticks=100), HIGHER).endswith("|None")


def test_before_the_first_tick_nothing_is_told() -> None:
    status = comparison_status("bought", Comparison(), HIGHER, share=0.5)
    assert (status.leader, status.candidate, status.estimate, status.planned, status.needs) == (None,) * 5
    assert status.message == "Nothing is known yet: no tick has had events of both versions"
