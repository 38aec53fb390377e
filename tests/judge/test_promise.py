"""What is promised of shares of bad events, held by simulation: looked at all the time, healthy ones seldom convict."""

from collections.abc import Callable

import numpy as np
import pytest

from serin.judge.budget import start_threshold, step_threshold
from serin.judge.evidence import Floats
from serin.judge.processes import Processes, Terms

ROLLOUTS = 1_000
TICKS = 120
ALPHA = 0.05
Rates = Callable[[int], float]


def convicted(terms: Terms, requests: float, weight: float, candidate: Rates, stable: Rates) -> Floats:
    """The tick in which each rollout's evidence convicts for the first time; infinite if it never does."""
    random, processes = np.random.default_rng(5), Processes()
    rows = np.array([processes.open(terms) for _ in range(ROLLOUTS)])
    first = np.full(ROLLOUTS, np.inf)
    for tick in range(1, TICKS + 1):
        totals = random.poisson([requests * weight, requests * (1.0 - weight)], (ROLLOUTS, 2))
        bad = random.binomial(totals, [candidate(tick), stable(tick)])
        processes.fold(rows, np.stack([totals[:, 0], bad[:, 0], totals[:, 1], bad[:, 1]], axis=1).astype(float))
        reading = processes.read(rows)
        evidence = reading.harm if terms.limit is None else reading.over
        first = np.where(np.isinf(first) & (evidence >= terms.threshold), tick, first)
    return first


def always(rate: float) -> Rates:
    """The same in every tick."""
    return lambda _: rate


def waves(tick: int) -> float:
    """What both versions share: an hour's swing, and an outage."""
    return 0.3 if 50 < tick <= 56 else 0.03 + 0.02 * float(np.sin(tick / 10.0))


SCOPES = {
    "since the start": Terms(start_threshold(ALPHA)),
    "in a step": Terms(step_threshold(ALPHA, 3), restarts=True),
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("rate", [always(0.01), always(0.2), waves], ids=["few", "many", "in waves"])
@pytest.mark.parametrize("requests", [12.0, 300.0, 30_000.0])
def test_a_healthy_candidate_is_seldom_convicted_however_often_one_looks(
    requests: float, rate: Rates, scope: str
) -> None:
    first = convicted(SCOPES[scope], requests, 0.05, rate, rate)
    assert np.isfinite(first).mean() <= ALPHA


@pytest.mark.parametrize("scope", SCOPES)
def test_a_candidate_on_its_limit_is_seldom_convicted_either(scope: str) -> None:
    terms = Terms(SCOPES[scope].threshold, limit=0.05, restarts=SCOPES[scope].restarts)
    first = convicted(terms, 3_000.0, 0.2, always(0.05), always(0.01))
    assert np.isfinite(first).mean() <= ALPHA


@pytest.mark.parametrize(("begins", "scope", "most"), [(0, "since the start", 6), (60, "in a step", 11)])
def test_a_bad_candidate_is_convicted_within_minutes_even_after_an_hour_without_fault(
    begins: int, scope: str, most: int
) -> None:
    # 50 requests a second, 5 % of them to the candidate, two points more errors.
    first = convicted(SCOPES[scope], 3_000.0, 0.05, lambda tick: 0.03 if tick > begins else 0.01, always(0.01))
    assert np.isfinite(first).all()
    assert np.median(first) - begins <= most
