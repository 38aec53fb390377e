"""A process is a fair bet: over every path that several ticks can take, its evidence is expected to be at most one.

So with the tempering that each path has earned, the caps, what is carried and the part of the stake that waits for a
later fault. At most 1 + 1e-4 a tick, as in `test_exact.py`; and evidence that is fair convicts as seldom as promised.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import comb, exp, log

import numpy as np
import pytest

from judge.page import stake
from serin.judge.evidence import Floats
from serin.judge.processes import Processes, Reading, Terms

HAIR = 1e-4
Sizes = tuple[tuple[int, int], ...]
"""Of each tick, events of the candidate and of the baseline."""
DESIGNS: dict[str, Sizes] = {
    "even": ((2, 2),) * 4,
    "few of the candidate's": ((1, 5),) * 3,
    "few of stable's": ((5, 1),) * 3,
    "changing weights": ((1, 6), (3, 4), (5, 2)),
    "larger": ((9, 9),) * 2,
    "sides without traffic": ((2, 0), (0, 2), (2, 2), (0, 1), (1, 3)),
}
CONSTANT = [(rate,) * 5 for rate in (0.0, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5)]
CHANGING = [(0.01, 0.5, 0.5, 0.01, 0.01), (0.5, 0.01, 0.1, 0.35, 0.0), (0.0, 0.0, 0.0, 0.5, 0.5)]
STRICT = Terms(threshold=log(3.0), confirm=2)
"""Its cap is reached, its dispersion tempers, its threshold can be crossed: in a few events."""


@dataclass(frozen=True)
class Paths:
    """Everything that can be counted. bad: shape (paths, ticks, 2), of the candidate and of the baseline."""

    sizes: Sizes
    bad: Floats

    def counts(self, tick: int) -> Floats:
        """Of each path, as the table takes them."""
        total_c, total_b = (np.full(len(self.bad), float(total)) for total in self.sizes[tick])
        return np.stack([total_c, self.bad[:, tick, 0], total_b, self.bad[:, tick, 1]], axis=1)

    def chances(self, candidate: Sequence[float], stable: Sequence[float]) -> Floats:
        """Of each path, at these rates in each tick."""
        chances = np.ones(len(self.bad))
        for tick, totals in enumerate(self.sizes):
            for side, (total, rates) in enumerate(zip(totals, (candidate, stable), strict=True)):
                rate = rates[tick]
                each = [comb(total, bad) * rate**bad * (1 - rate) ** (total - bad) for bad in range(total + 1)]
                chances *= np.array(each)[self.bad[:, tick, side].astype(int)]
        return chances


@cache
def paths(sizes: Sizes) -> Paths:
    """All of them."""
    grids = np.meshgrid(*(range(total + 1) for totals in sizes for total in totals), indexing="ij")
    return Paths(sizes, np.stack([grid.ravel() for grid in grids], axis=1).reshape(-1, len(sizes), 2).astype(float))


def readings(every: Paths, terms: Terms) -> Iterator[Reading]:
    """What stands in the table after each tick, a row a path."""
    processes = Processes()
    rows = np.array([processes.open(terms) for _ in every.bad])
    for tick in range(len(every.sizes)):
        processes.fold(rows, every.counts(tick))
        yield processes.read(rows)


def assert_fair(logs: Sequence[Floats], chances: Floats, *, waiting: Sequence[Floats]) -> None:
    """That every bet is, after every tick; of each path, `waiting` is the part of the stake that is not bet yet."""
    for tick, (evidence, rest) in enumerate(zip(logs, waiting, strict=True), start=1):
        expected = chances @ (np.exp(evidence) + rest[:, None])
        assert expected.max() <= 1.0 + HAIR * tick, tick


def assert_seldom(logs: Sequence[Floats], chances: Floats, threshold: float) -> None:
    """That the mean over the bets crosses the threshold as seldom as Ville's inequality says."""
    crossed = np.any([np.exp(evidence).mean(axis=1) >= exp(threshold) for evidence in logs], axis=0)
    assert float(chances @ crossed) <= exp(-threshold) * (1.0 + HAIR * len(logs))


def waiting(read: Reading, terms: Terms) -> Floats:
    """The part of the stake that is not bet yet."""
    bet = np.cumsum([stake(tick) for tick in range(1, 10)])
    begun = np.maximum(read.ticks.astype(int), 1)
    return 1.0 - bet[begun - 1] if terms.restarts else np.zeros(len(begun))


def tempers(terms: Terms) -> list[Terms]:
    """For a fault at the start or at any tick, and where stable was known to vary more than chance lets it."""
    return [terms, replace(terms, restarts=True), replace(terms, restarts=True, dispersion=1.7)]


@pytest.mark.parametrize("slack", [0.0, 0.5])
@pytest.mark.parametrize("design", DESIGNS)
def test_a_candidate_no_worse_than_stable_is_accused_by_fair_bets_only(design: str, slack: float) -> None:
    every = paths(DESIGNS[design])
    # Counts that waited are taken as if they were of one tick, so while a side is silent the rate may not change.
    nulls = CONSTANT if design == "sides without traffic" else [*CONSTANT, *CHANGING]
    for terms in tempers(replace(STRICT, slack=slack)):
        read = list(readings(every, terms))
        logs, rest = [each.state["harm"] for each in read], [waiting(each, terms) for each in read]
        for stable in nulls:
            chances = every.chances([(1.0 + slack) * rate for rate in stable], stable)
            assert_fair(logs, chances, waiting=rest)
            assert_seldom(logs, chances, terms.threshold)


@pytest.mark.parametrize("tolerance", [0.05, 0.3])
@pytest.mark.parametrize("design", DESIGNS)
def test_a_candidate_at_its_limit_is_acquitted_by_fair_bets_only(design: str, tolerance: float) -> None:
    every = paths(DESIGNS[design])
    for terms in tempers(replace(STRICT, tolerance=tolerance)):
        logs = [each.state["safe"] for each in readings(every, terms)]
        for stable in CONSTANT:
            chances = every.chances([rate + tolerance for rate in stable], stable)
            assert_fair(logs, chances, waiting=[np.zeros(len(chances))] * len(logs))


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("limit", [0.05, 0.4])
@pytest.mark.parametrize("design", DESIGNS)
def test_a_candidate_at_an_absolute_limit_meets_fair_bets_only(design: str, limit: float, *, alone: bool) -> None:
    every = paths(DESIGNS[design])
    for terms in tempers(replace(STRICT, limit=limit, alone=alone)):
        read = list(readings(every, terms))
        rest = [waiting(each, terms) for each in read]
        for stable in (limit, limit / 2):
            chances = every.chances([limit] * 5, [stable] * 5)
            assert_fair([each.state["over"] for each in read], chances, waiting=rest)
            assert_seldom([each.state["over"] for each in read], chances, terms.threshold)
            assert_fair([each.state["safe"] for each in read], chances, waiting=[np.zeros(len(chances))] * len(read))


@pytest.mark.parametrize("limit", [0.05, 0.4])
def test_a_detector_of_a_change_alarms_in_a_tick_as_seldom_as_its_threshold_says(limit: float) -> None:
    every = paths(((4, 0),) * 6)
    terms = replace(STRICT, limit=limit, alone=True, detects=True)
    logs = [each.state["over"] for each in readings(every, terms)]
    chances = every.chances([limit] * 6, [0.0] * 6)
    alarmed = np.zeros(len(chances), dtype=bool)
    for tick, evidence in enumerate(logs, start=1):
        alarmed |= np.exp(evidence).mean(axis=1) >= exp(terms.threshold)
        assert float(chances @ alarmed) <= tick * exp(-terms.threshold)


def test_the_designs_come_to_convict_in_some_paths_and_to_temper_in_some() -> None:
    for sizes in DESIGNS.values():
        *_, last = readings(paths(sizes), STRICT)
        assert last.harm.max() >= STRICT.threshold
        assert last.dispersion.max() > 1.0
