"""What an A/B test that may be looked at all the time costs against one of fixed size, and how often it errs.

Each row is one design. The tests of it run for as long as `serin simulate` says that they need; the columns are of
candidates that are no better, better by the smallest effect, and by twice that. The same seed gives the same table,
which is that of docs/strategies/ab-test.md.
"""

import argparse
import time
from dataclasses import dataclass
from math import ceil

import numpy as np

from ab_test_many import DECISIONS, Many, World, play
from serin.api.ab_test_status import ABTestDecision
from serin.judge.comparison import ABTestTerms
from serin.judge.design import Design, design

WON, LOST, NO_IMPROVEMENT = (DECISIONS.index(decision) for decision in ABTestDecision)
HEAD = (
    "| stable, sought, candidate's share, events a tick | fixed size | needed | no better: a winner is called | found "
    "| given up wrongly | mean if better | mean if twice as much | mean if no better |"
)


@dataclass(frozen=True)
class Case:
    """A design: shares of counted events, more of which are better, and how many events a tick has."""

    rate: float
    effect: float
    share: float
    events: float


CASES = (
    Case(0.10, 0.01, 0.5, 300),
    Case(0.10, 0.01, 0.2, 300),
    Case(0.02, 0.005, 0.5, 300),
    Case(0.90, 0.02, 0.5, 100),
    Case(0.50, 0.05, 0.5, 30),
    Case(0.10, 0.01, 0.5, 3000),
)


def main() -> None:
    """Simulate, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=4000, help="of each candidate in each design")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    print(HEAD)
    print("|" + "---|" * HEAD.count(" |"))
    for case in CASES:
        print(_row(case, options.tests, options.seed))
    print(f"\n{len(CASES) * 3 * options.tests:,} tests in {time.monotonic() - began:.0f} s")


def _row(case: Case, tests: int, seed: int) -> str:
    terms = ABTestTerms(higher_is_better=True, absolute=case.effect, relative=0.0, significance=0.05, power=0.8)
    found = design(terms, rate=case.rate, share=case.share)
    assert found is not None
    ticks = ceil(found.needed.total / case.events)

    def runs(times: float) -> Many:
        world = World(case.rate, case.rate + times * case.effect, case.share, case.events)
        return play(world, terms, tests=tests, ticks=ticks, seed=seed)

    same, better, twice = (runs(times) for times in (0.0, 1.0, 2.0))
    called = np.mean((same.decision == WON) | (same.decision == LOST))
    cells = (
        f"{case.rate:.0%}, +{100 * case.effect:g} points, {case.share:.0%}, {case.events:,.0f}",
        f"{found.fixed.total:,}",
        f"{found.needed.total:,} ({found.needed.total / found.fixed.total:.1f}x)",
        f"{called:.1%}",
        f"{np.mean(better.decision == WON):.0%}",
        f"{np.mean(better.decision == NO_IMPROVEMENT):.1%}",
        *(_mean(many, case, found, ticks) for many in (better, twice, same)),
    )
    return "| " + " | ".join(cells) + " |"


def _mean(many: Many, case: Case, found: Design, ticks: int) -> str:
    """Events until the decision, or the end of the time, as a part of what a test of fixed size takes."""
    lasted = np.where(many.decision >= 0, many.decided_at, ticks)
    return f"{np.mean(lasted) * case.events / found.fixed.total:.1f}x"


if __name__ == "__main__":
    main()
