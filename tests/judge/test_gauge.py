"""The evidence of a gauge, at the null and beyond, where it wanders and where it does not."""

from math import log, sqrt

import numpy as np
import pytest

from serin.judge.budget import SAFE_THRESHOLD, cap
from serin.judge.counts import Level, Pair
from serin.judge.evidence import Floats
from serin.judge.gauge import FIRST, SIZES, GaugeState
from serin.judge.gaussian import GaussianTerms

ALPHA = 0.01
CONVICTS = -log(ALPHA)
RUNS = 300
TICKS = 100
TERMS = GaussianTerms(
    tolerance=1.0,
    cap_harm=cap(CONVICTS, len(SIZES), 3),
    cap_safe=cap(SAFE_THRESHOLD, len(SIZES), 3),
)


def wandering(seed: int, likeness: float) -> Floats:
    """Differences with a deviation of one, each like the one before by this much (an autoregression)."""
    source = np.random.default_rng(seed)
    values = [source.normal()]
    for _ in range(TICKS - 1):
        values.append(likeness * values[-1] + sqrt(1.0 - likeness**2) * source.normal())
    return np.array(values)


def share_that_ever_reaches(likeness: float, *, shift: float = 0.0, harm: bool = True) -> float:
    """The share of rollouts whose evidence is ever enough."""
    reached = 0
    for seed in range(RUNS):
        state = GaugeState()
        for value in wandering(seed, likeness).tolist():
            state = state.after(Pair(Level(10.0 + value + shift), Level(10.0)), TERMS)
            if (state.log_harm >= CONVICTS) if harm else (state.log_safe >= SAFE_THRESHOLD):
                reached += 1
                break
    return reached / RUNS


@pytest.mark.parametrize(
    ("likeness", "most"),
    [
        pytest.param(0.0, ALPHA, id="no wandering"),
        pytest.param(0.5, ALPHA, id="a tick says half of the next"),
        pytest.param(0.9, 8 * ALPHA, id="slow wandering is outside the promise"),
    ],
)
def test_a_gauge_that_is_no_worse_is_hardly_ever_convicted(likeness: float, most: float) -> None:
    assert share_that_ever_reaches(likeness) <= most


@pytest.mark.parametrize("likeness", [0.0, 0.5])
def test_a_gauge_at_the_edge_of_what_is_tolerated_hardly_ever_passes(likeness: float) -> None:
    assert share_that_ever_reaches(likeness, shift=TERMS.tolerance, harm=False) <= 0.025


def test_what_is_worse_by_two_deviations_is_found_and_what_is_the_same_passes() -> None:
    assert share_that_ever_reaches(0.0, shift=2.0) > 0.95
    assert share_that_ever_reaches(0.0, harm=False) > 0.9


def test_before_the_eighth_tick_there_is_no_evidence() -> None:
    state = GaugeState()
    for number in range(1, FIRST + 1):
        assert (state.harm, state.interval(0.05)) == ((0.0,) * len(SIZES), None)
        state = state.after(Pair(Level(50.0 + number % 2), Level(1.0)), TERMS)
    assert min(state.harm) > 0
    assert state.interval(0.05) is not None


def test_successive_differences_that_are_alike_count_for_fewer_ticks() -> None:
    calm, slow = GaugeState(), GaugeState()
    for value, drifting in zip(wandering(1, 0.0).tolist(), wandering(1, 0.8).tolist(), strict=True):
        calm = calm.after(Pair(Level(value), Level(0.0)), TERMS)
        slow = slow.after(Pair(Level(drifting), Level(0.0)), TERMS)
    assert calm.dispersion < 1.5
    assert slow.dispersion > 5


def test_what_both_versions_do_cancels() -> None:
    state, source = GaugeState(), np.random.default_rng(2)
    for number in range(40):
        both = 100.0 * (number > 20)
        state = state.after(Pair(Level(both + source.normal()), Level(both + source.normal())), TERMS)
    assert state.log_harm < 0
    assert state.estimate == pytest.approx(0.0, abs=0.6)


def test_what_never_varies_is_certain() -> None:
    state = GaugeState()
    for _ in range(FIRST):
        state = state.after(Pair(Level(2.0), Level(1.0)), TERMS)
    assert state.harm == (TERMS.cap_harm,) * len(SIZES)
    assert state.dispersion == 1.0


def test_a_tick_that_lacks_a_version_changes_nothing() -> None:
    state = GaugeState().after(Pair(Level(2.0), Level(1.0)), TERMS)
    assert state.after(Pair(Level(9.0), None), TERMS) == state
    assert state.after(Pair(None, Level(9.0)), TERMS) == state
