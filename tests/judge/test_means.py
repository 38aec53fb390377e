"""The evidence of a mean, at the null and beyond: what is promised of it approximately is held here."""

from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest

from serin.judge.budget import SAFE_THRESHOLD, cap
from serin.judge.counts import Moments, Pair
from serin.judge.evidence import Floats
from serin.judge.gaussian import GaussianTerms
from serin.judge.means import LEAST, SIZES, MeanState

ALPHA = 0.01
CONVICTS = -log(ALPHA)
RUNS = 200
TICKS = 100
TERMS = GaussianTerms(
    tolerance=0.2,
    cap_harm=cap(CONVICTS, len(SIZES), 3),
    cap_safe=cap(SAFE_THRESHOLD, len(SIZES), 3),
)


def moments(values: Floats) -> Moments:
    """What a server counts of these."""
    return Moments(float(len(values)), float(values.sum()), float((values * values).sum()))


def draw(source: np.random.Generator, world: str, count: int) -> Floats:
    """So many values with a standard deviation of one, or about."""
    if world == "normal":
        return source.normal(5.0, 1.0, count)
    return source.exponential(1.0, count) if world == "skewed" else source.lognormal(0.0, 0.7, count)


def share_that_ever_reaches(world: str, *, shift: float, harm: bool) -> float:
    """The share of rollouts whose evidence is ever enough, at 30 against 300 events a tick."""
    reached = 0
    for seed in range(RUNS):
        source, state = np.random.default_rng(seed), MeanState()
        for _ in range(TICKS):
            pair = Pair(moments(draw(source, world, 30) + shift), moments(draw(source, world, 300)))
            state = state.after(pair, TERMS)
            if (state.log_harm >= CONVICTS) if harm else (state.log_safe >= SAFE_THRESHOLD):
                reached += 1
                break
    return reached / RUNS


@pytest.mark.parametrize("world", ["normal", "skewed", "heavy"])
def test_a_mean_that_is_no_worse_is_convicted_no_more_often_than_promised(world: str) -> None:
    assert share_that_ever_reaches(world, shift=0.0, harm=True) <= ALPHA


@pytest.mark.parametrize("world", ["normal", "skewed", "heavy"])
def test_a_mean_at_the_edge_of_what_is_tolerated_passes_no_more_often_than_promised(world: str) -> None:
    assert share_that_ever_reaches(world, shift=TERMS.tolerance, harm=False) <= 0.025


def test_what_is_worse_by_half_a_deviation_is_found_by_most_and_what_is_the_same_passes() -> None:
    assert share_that_ever_reaches("normal", shift=0.5, harm=True) > 0.95
    assert share_that_ever_reaches("normal", shift=0.0, harm=False) > 0.95


def test_a_tick_adds_what_the_page_says() -> None:
    # The first tick teaches s alone; both versions vary by 2.
    first = Pair(Moments(100, 500, 2500 + 99 * 4), Moments(400, 2000, 10000 + 399 * 4))
    second = Pair(Moments(100, 510, 2601 + 99 * 4), Moments(400, 2000, 10000 + 399 * 4))
    terms = replace(TERMS, cap_harm=100.0, cap_safe=100.0)
    state = MeanState().after(first, terms)
    assert state.harm == (0.0,) * len(SIZES)
    after = state.after(second, terms)
    weight = 100 * 400 / 500
    assert after.harm == pytest.approx([size * weight * 0.1 / 2 - size**2 * weight / 2 for size in SIZES])
    assert after.safe == pytest.approx([size * weight * 0.1 / 2 - size**2 * weight / 2 for size in SIZES])
    assert after.estimate == pytest.approx(0.05)
    assert after.dispersion == 1.0


def test_bursts_temper_the_evidence() -> None:
    source, calm, wild = np.random.default_rng(1), MeanState(), MeanState()
    for _ in range(40):
        stable, shift = moments(draw(source, "normal", 300)), source.normal(0.0, 1.0)
        values = draw(source, "normal", 30)
        calm = calm.after(Pair(moments(values), stable), TERMS)
        wild = wild.after(Pair(moments(values + shift), stable), TERMS)
    assert calm.dispersion < 1.5
    assert wild.dispersion > 10


def test_few_events_wait_and_a_side_without_any_is_no_evidence() -> None:
    few = Moments(LEAST - 1, 10.0, 50.0)
    state = MeanState().after(Pair(few, few), TERMS).after(Pair(None, few), TERMS)
    assert (state.ticks, state.samples, state.estimate) == (0, LEAST - 1, None)
    state = state.after(Pair(few, None), TERMS)
    assert (state.ticks, state.candidate.count, state.stable.count) == (1, 2 * LEAST - 2, 2 * LEAST - 2)


def test_the_difference_is_weighed_within_ticks() -> None:
    # Everything got slower at the same time as the weight went up: pooled, the candidate would be blamed (Simpson).
    early = Pair(Moments(50, 500, 5100), Moments(950, 9500, 97000))
    late = Pair(Moments(500, 10000, 201000), Moments(500, 10000, 201000))
    state = MeanState().after(early, TERMS).after(late, TERMS)
    assert state.estimate == pytest.approx(0.0)
    pooled = state.candidate.total / state.candidate.count - state.stable.total / state.stable.count
    assert pooled > 3


def test_the_interval_holds_the_truth_at_every_look() -> None:
    missed = 0
    for seed in range(150):
        source, state = np.random.default_rng(seed), MeanState()
        for _ in range(60):
            state = state.after(Pair(moments(draw(source, "normal", 40)), moments(draw(source, "normal", 160))), TERMS)
            interval = state.interval(0.05)
            assert interval is not None
            if not interval[0] <= 0.0 <= interval[1]:
                missed += 1
                break
    assert missed / 150 <= 0.05


def test_what_never_varies_is_certain() -> None:
    same, more = Pair(Moments(50, 50, 50), Moments(50, 50, 50)), Pair(Moments(50, 100, 200), Moments(50, 50, 50))
    state = MeanState().after(same, TERMS).after(more, TERMS)
    assert state.harm == (TERMS.cap_harm,) * len(SIZES)
    assert sqrt(state.within_candidate.variance) == 0
