"""The vectorised evidence equals the page's, written out: in every stream of ticks, many rows at once or one alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.page import NOTHING, Page, Seen, mean_evidence, safe_threshold, start_threshold, step_threshold
from serin.judge.budget import SAFE_THRESHOLD
from serin.judge.budget import start_threshold as fast_start_threshold
from serin.judge.budget import step_threshold as fast_step_threshold
from serin.judge.processes import Processes, Terms

MOST_TICKS = 12
totals = st.one_of(st.just(0), st.integers(1, 40), st.integers(1, 5_000), st.integers(1, 10**9))


@st.composite
def sides(draw: st.DrawFn) -> tuple[float, float]:
    """Total and bad of one version: none at all, all good, all bad, or any count."""
    total = draw(totals)
    bad = draw(st.one_of(st.just(0), st.just(total), st.integers(0, total), st.integers(0, min(total, 20))))
    return float(total), float(bad)


@st.composite
def streams(draw: st.DrawFn) -> list[Seen]:
    """Ticks, some without traffic."""
    return [Seen(*draw(sides()), *draw(sides())) for _ in range(draw(st.integers(1, MOST_TICKS)))]


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """Differences, limits, and limits without a baseline."""
    limit = draw(st.none() | st.floats(0.0005, 0.9))
    return Terms(
        draw(st.floats(2.0, 12.0)),
        slack=draw(st.just(0.0) | st.floats(0.01, 1.0)),
        tolerance=draw(st.just(0.0) | st.floats(0.0005, 0.6)),
        limit=limit,
        alone=limit is not None and draw(st.booleans()),
        confirm=draw(st.integers(1, 8)),
        dispersion=draw(st.just(1.0) | st.floats(0.5, 10.0)),
        detects=draw(st.booleans()),
    )


def page_of(held_to: Terms) -> Page:
    """The same process, on paper."""
    return Page(
        held_to.threshold,
        held_to.confirm,
        r=held_to.slack,
        d=held_to.tolerance,
        tau=held_to.limit,
        alone=held_to.alone,
        phi0=held_to.dispersion,
        detects=held_to.detects,
    )


def same(fast: object, plain: object, *, events: float = 0.0) -> None:
    """Equal to 1e-9. Of terms in the millions that cancel, only what their last digits hold is left."""
    np.testing.assert_allclose(np.asarray(fast), np.asarray(plain), rtol=1e-9, atol=1e-9 + 1e-14 * events)


@given(st.lists(st.tuples(terms(), streams()), min_size=1, max_size=4))
@settings(deadline=None)
def test_every_row_equals_the_page(rollouts: list[tuple[Terms, list[Seen]]]) -> None:
    processes = Processes()
    rows = np.array([processes.open(held_to) for held_to, _ in rollouts])
    pages = [page_of(held_to) for held_to, _ in rollouts]
    for tick in range(MOST_TICKS):
        due = [index for index, (_, stream) in enumerate(rollouts) if tick < len(stream)]
        seen = [rollouts[index][1][tick] for index in due]
        counts = np.array([(each.n_c, each.x_c, each.n_b, each.x_b) for each in seen]).reshape(-1, 4)
        processes.fold(rows[due], counts)
        for index, each in zip(due, seen, strict=True):
            pages[index].take(each)
    reading = processes.read(rows)
    for index, page in enumerate(pages):
        for name, logs in (("harm", page.harm), ("over", page.over), ("safe", page.safe)):
            same(reading.state[name][index], logs, events=page.totals.n_c + page.totals.n_b)
        same(reading.dispersion[index], page.phi)
        same(reading.difference[index], page.estimate)
        assert reading.ticks[index] == page.ticks
        assert reading.samples[index] == page.totals.n_c + page.carry.n_c
        assert tuple(reading.state["carry"][index]) == (page.carry.n_c, page.carry.x_c, page.carry.n_b, page.carry.x_b)


@given(terms(), streams())
@settings(deadline=None)
def test_the_evidence_is_the_mean_over_the_bets(held_to: Terms, stream: list[Seen]) -> None:
    processes, page = Processes(), page_of(held_to)
    row = np.array([processes.open(held_to)])
    for seen in stream:
        processes.fold(row, np.array([[seen.n_c, seen.x_c, seen.n_b, seen.x_b]]))
        page.take(seen)
    reading = processes.read(row)
    for evidence, logs in ((reading.harm, page.harm), (reading.over, page.over), (reading.safe, page.safe)):
        # A float cannot hold evidence beyond exp(700): there it is bounded, and nobody needs to know by how much.
        bounded = [min(max(each, -700.0), 700.0) for each in logs]
        same(evidence[0], mean_evidence(bounded), events=page.totals.n_c + page.totals.n_b)


@given(terms(), streams(), streams())
@settings(deadline=None)
def test_a_row_that_starts_anew_remembers_nothing(held_to: Terms, before: list[Seen], after: list[Seen]) -> None:
    processes, page = Processes(), page_of(held_to)
    row = processes.open(held_to)
    for seen in before:
        processes.fold(np.array([row]), np.array([[seen.n_c, seen.x_c, seen.n_b, seen.x_b]]))
    processes.restart(row, held_to)
    assert processes.samples(row) == 0.0
    fresh = processes.open(held_to)
    for seen in after:
        counts = np.array([[seen.n_c, seen.x_c, seen.n_b, seen.x_b]])
        processes.fold(np.array([row, fresh]), np.concatenate([counts, counts]))
        page.take(seen)
    reading = processes.read(np.array([row, fresh]))
    assert reading.state[0] == reading.state[1]
    assert reading.ticks[0] == page.ticks


@given(st.floats(0.0001, 0.5), st.integers(1, 20))
def test_the_thresholds_are_those_of_the_page(alpha: float, steps: int) -> None:
    same(fast_start_threshold(alpha), start_threshold(alpha))
    same(fast_step_threshold(alpha, steps), step_threshold(alpha, steps))
    same(SAFE_THRESHOLD, safe_threshold())


def test_one_side_without_traffic_is_carried_until_there_is_something_to_compare() -> None:
    page = Page(4.0, 3)
    page.take(Seen(0, 0, 100, 1))
    page.take(Seen(0, 0, 100, 2))
    assert (page.ticks, page.harm) == (0, [0.0] * 6)
    page.take(Seen(10, 1, 0, 0))
    assert (page.ticks, page.totals, page.carry) == (1, Seen(10, 1, 200, 3), NOTHING)
