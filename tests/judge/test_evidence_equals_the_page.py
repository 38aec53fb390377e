"""The vectorised evidence equals the page's, written out: in every stream of ticks, many rows at once or one alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from judge.page import (
    NOTHING,
    Page,
    Seen,
    Weighed,
    mean_evidence,
    safe_threshold,
    stake,
    start_threshold,
    step_threshold,
)
from judge.page_rule import judge
from serin.judge.budget import SAFE_THRESHOLD
from serin.judge.budget import start_threshold as fast_start_threshold
from serin.judge.budget import step_threshold as fast_step_threshold
from serin.judge.processes import Estimate, Processes, Terms
from serin.judge.rule import Finding, decide

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
    """Differences, limits, and limits without a baseline; a fault at the start, at any tick, or again and again.

    The judge has no process that both restarts and detects.
    """
    limit = draw(st.none() | st.floats(0.0005, 0.9))
    begins = draw(st.sampled_from(["start", "any tick", "again"]))
    return Terms(
        draw(st.floats(2.0, 12.0)),
        slack=draw(st.just(0.0) | st.floats(0.01, 1.0)),
        tolerance=draw(st.just(0.0) | st.floats(0.0005, 0.6)),
        limit=limit,
        alone=limit is not None and draw(st.booleans()),
        confirm=draw(st.integers(1, 8)),
        dispersion=draw(st.just(1.0) | st.floats(0.5, 10.0)),
        restarts=begins == "any tick",
        detects=begins == "again",
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
        restarts=held_to.restarts,
        detects=held_to.detects,
    )


def same(fast: object, plain: object, *, events: float = 0.0) -> None:
    """Equal to 1e-9. Of terms in the millions that cancel, only what their last digits hold is left."""
    np.testing.assert_allclose(np.asarray(fast), np.asarray(plain), rtol=1e-9, atol=1e-9 + 1e-14 * events)


def row_of(seen: Seen) -> list[float]:
    """As the table takes them."""
    return [seen.n_c, seen.x_c, seen.n_b, seen.x_b]


def is_close_call(page: Page) -> bool:
    """Whether rounding could decide if something speaks against the candidate. That nothing is 0 is exact."""
    events = page.whole.totals.n_c + page.whole.totals.n_b
    logs = [mean_evidence(page.harm), mean_evidence(page.over)]
    return any(0 < abs(each) < 1e-8 + 1e-13 * events for each in logs)


@given(st.lists(st.tuples(terms(), streams()), min_size=1, max_size=4))
@settings(deadline=None)
def test_every_row_equals_the_page(rollouts: list[tuple[Terms, list[Seen]]]) -> None:
    processes = Processes()
    rows = np.array([processes.open(held_to) for held_to, _ in rollouts])
    pages = [page_of(held_to) for held_to, _ in rollouts]
    unsure = set()
    for tick in range(MOST_TICKS):
        due = [index for index, (_, stream) in enumerate(rollouts) if tick < len(stream)]
        seen = [rollouts[index][1][tick] for index in due]
        processes.fold(rows[due], np.array([row_of(each) for each in seen]).reshape(-1, 4))
        for index, each in zip(due, seen, strict=True):
            pages[index].take(each)
            unsure |= {index} if is_close_call(pages[index]) else set()
    reading = processes.read(rows)
    for index, page in enumerate(pages):
        whole = page.whole
        events = whole.totals.n_c + whole.totals.n_b
        for name, logs in (("harm", page.harm), ("over", page.over), ("safe", page.safe)):
            same(reading.state[name][index], logs, events=events)
        same(reading.dispersion[index], page.phi)
        same(reading.difference[index], whole.difference)
        same(reading.rate[index], whole.rate)
        same(reading.baseline_rate[index], whole.totals.rate_b)
        assert reading.ticks[index] == len(page.seen)
        assert reading.samples[index] == whole.totals.n_c + page.carry.n_c
        assert reading.state["carry"][index].tolist() == row_of(page.carry)
        told = processes.tell(int(rows[index]))
        is_told(told.whole, whole, page.phi)
        if index not in unsure:
            is_told(told.stretch, page.lately, page.phi)
            same(reading.stretch_rate[index], page.lately.rate)
            same(reading.stretch_difference[index], page.lately.difference)


def is_told(told: Estimate, weighed: Weighed, phi: float) -> None:
    """What a person is told of these ticks is what they sum to."""
    counts = Seen(told.candidate.total, told.candidate.bad, told.baseline.total, told.baseline.bad)
    assert counts == weighed.totals
    sums = (told.difference, told.information, told.variance, told.dispersion)
    same(sums, (weighed.difference, weighed.information, weighed.variance, phi))


@given(terms(), streams())
@settings(deadline=None)
def test_the_evidence_is_the_mean_over_the_bets(held_to: Terms, stream: list[Seen]) -> None:
    processes, page = Processes(), page_of(held_to)
    row = np.array([processes.open(held_to)])
    for seen in stream:
        processes.fold(row, np.array([row_of(seen)]))
        page.take(seen)
    reading = processes.read(row)
    for evidence, logs in ((reading.harm, page.harm), (reading.over, page.over), (reading.safe, page.safe)):
        # A float cannot hold evidence beyond exp(700): there it is bounded, and nobody needs to know by how much.
        bounded = [min(max(each, -700.0), 700.0) for each in logs]
        same(evidence[0], mean_evidence(bounded), events=page.whole.totals.n_c + page.whole.totals.n_b)


@given(terms(), streams(), streams())
@settings(deadline=None)
def test_a_row_that_starts_anew_remembers_nothing(held_to: Terms, before: list[Seen], after: list[Seen]) -> None:
    processes, page = Processes(), page_of(held_to)
    row = processes.open(held_to)
    for seen in before:
        processes.fold(np.array([row]), np.array([row_of(seen)]))
    processes.restart(row, held_to)
    assert processes.samples(row) == 0.0
    fresh = processes.open(held_to)
    for seen in after:
        counts = np.array([row_of(seen)])
        processes.fold(np.array([row, fresh]), np.concatenate([counts, counts]))
        page.take(seen)
    reading = processes.read(np.array([row, fresh]))
    assert reading.state[0] == reading.state[1]
    assert reading.ticks[0] == len(page.seen)


def test_thousands_of_rows_at_once_are_folded_as_each_of_them_alone() -> None:
    random, held_to = np.random.default_rng(1), [Terms(4.0), Terms(4.0, limit=0.05), Terms(4.0, detects=True)]
    together, alone, number = Processes(), Processes(), 5_000
    rows = np.array([together.open(held_to[index % 3]) for index in range(number)])
    few = random.choice(number, 20, replace=False)
    same_rows = np.array([alone.open(held_to[index % 3]) for index in few])
    for _ in range(3):
        totals = random.poisson(40.0, (number, 2))
        bad = random.binomial(totals, 0.1)
        counts = np.stack([totals[:, 0], bad[:, 0], totals[:, 1], bad[:, 1]], axis=1).astype(float)
        together.fold(rows, counts)
        for row, index in zip(same_rows, few, strict=True):
            alone.fold(np.array([row]), counts[[index]])
    for name in ("harm", "over", "safe", "stretch", "totals"):
        same(together.read(rows[few]).state[name], alone.read(same_rows).state[name])


@given(st.floats(0.0001, 0.5), st.integers(1, 20))
def test_the_thresholds_are_those_of_the_page(alpha: float, steps: int) -> None:
    same(fast_start_threshold(alpha), start_threshold(alpha))
    same(fast_step_threshold(alpha, steps), step_threshold(alpha, steps))
    same(SAFE_THRESHOLD, safe_threshold())


def test_one_side_without_traffic_is_carried_until_there_is_something_to_compare() -> None:
    page = Page(4.0, 3)
    page.take(Seen(0, 0, 100, 1))
    page.take(Seen(0, 0, 100, 2))
    assert (page.seen, page.harm) == ([], [0.0] * 6)
    page.take(Seen(10, 1, 0, 0))
    assert (page.seen, page.carry) == ([Seen(10, 1, 200, 3)], NOTHING)


def test_no_more_than_the_whole_stake_is_ever_bet() -> None:
    assert sum(stake(tick) for tick in range(1, 61)) < 0.8
    assert sum(stake(tick) for tick in range(1, 5_000)) == pytest.approx(1.0)


def test_a_stretch_begins_when_something_speaks_against_the_candidate_and_ends_when_nothing_does() -> None:
    page, good, bad = Page(4.0, 3, restarts=True), Seen(1000, 10, 1000, 20), Seen(1000, 40, 1000, 20)
    lengths = []
    for seen in [good] * 5 + [bad] * 8 + [good] * 25:
        page.take(seen)
        lengths.append(len(page.stretch))
    assert set(lengths[:5]) == {0}
    assert 3 <= max(lengths[:13]) <= 8
    assert lengths[-1] == 0


shares = st.sampled_from([0.0, 0.005, 0.02, 0.05, 0.1, 0.4])
rates = st.tuples(shares, shares)


@st.composite
def likely(draw: st.DrawFn) -> list[Seen]:
    """Ticks of two versions as they often are: a rate each, then another rate each, and about as much traffic."""
    total_c, total_b, source = draw(st.integers(20, 3_000)), draw(st.integers(20, 3_000)), draw(st.randoms())
    stream = []
    for rate_c, rate_b in draw(st.lists(rates, min_size=1, max_size=3)):
        for _ in range(draw(st.integers(1, 6))):
            bad_c, bad_b = (
                round(total * rate * source.uniform(0.9, 1.1)) for total, rate in ((total_c, rate_c), (total_b, rate_b))
            )
            stream.append(Seen(total_c, min(bad_c, total_c), total_b, min(bad_b, total_b)))
    return stream


Trial = tuple[Processes, list[int], Page, Page]


def tried(held_to: Terms, stream: Sequence[Seen], *, before: int) -> Trial:
    """Both scopes, in the table and on paper; the step begins after so many ticks."""
    processes, start, step = Processes(), page_of(held_to), page_of(replace(held_to, restarts=True))
    rows = [processes.open(held_to), processes.open(replace(held_to, restarts=True))]
    for number, seen in enumerate(stream):
        scopes = list(zip(rows, (start, step), strict=True))[: 1 if number < before else 2]
        for row, page in scopes:
            processes.fold(np.array([row]), np.array([row_of(seen)]))
            page.take(seen)
    return processes, rows, start, step


def found_by_table(trial: Trial, *, newest: float, min_samples: float) -> str:
    """What the vectorised rule finds."""
    processes, (start, step), *_ = trial
    readings = processes.read(np.array([start])), processes.read(np.array([step]))
    return Finding(int(decide(*readings, np.array([newest]), np.array([min_samples]))[0])).name


@given(terms(), likely(), st.integers(0, 6), st.sampled_from([0.0, 200.0, 20_000.0]))
@settings(deadline=None)
def test_what_is_found_is_what_the_page_finds(
    held_to: Terms, stream: list[Seen], before: int, min_samples: float
) -> None:
    held_to = replace(held_to, restarts=False, detects=False)
    trial = tried(held_to, stream, before=before)
    _, _, start, step = trial
    assume(not is_close_call(start) and not is_close_call(step))
    newest = stream[-1].rate_c
    found = found_by_table(trial, newest=newest, min_samples=min_samples)
    assert found == judge(start, step, newest=newest, min_samples=min_samples)


healthy, worse, much_worse = Seen(1000, 10, 1000, 10), Seen(1000, 30, 1000, 10), Seen(1000, 500, 1000, 10)
difference, limit = Terms(4.6, tolerance=0.01), Terms(4.6, limit=0.015)


@pytest.mark.parametrize(
    ("held_to", "stream", "finding"),
    [
        (difference, [worse], "UNDECIDED"),
        (difference, [worse] * 2, "SUSPECTED"),
        (difference, [worse] * 4, "FAILED"),
        (difference, [healthy] * 9, "PASSED"),
        (difference, [healthy] * 40 + [worse] * 10, "FAILED"),
        (limit, [worse] * 8, "FAILED"),
        (limit, [Seen(1000, 30, 1000, 30)] * 8, "SHARED_BREACH"),
        (limit, [Seen(1000, 40, 20, 0)] * 8, "SUSPECTED"),
        (replace(limit, alone=True), [Seen(1000, 30, 0, 0)] * 8, "FAILED"),
        (difference, [Seen(10, 0, 10, 0)], "TOO_FEW_SAMPLES"),
    ],
)
def test_both_find_what_a_reader_of_the_page_expects(held_to: Terms, stream: list[Seen], finding: str) -> None:
    trial = tried(held_to, stream, before=0)
    _, _, start, step = trial
    newest = stream[-1].rate_c
    assert found_by_table(trial, newest=newest, min_samples=100.0) == finding
    assert judge(start, step, newest=newest, min_samples=100.0) == finding
