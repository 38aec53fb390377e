"""The share of the requests that is expected where copies, previews or faithful users bend it."""

import numpy as np
import pytest

from judge.streams import analysis, heard, pair, tick
from serin.api.status import AnalysisStatus, Verdict
from serin.judge import Expected, Tick, explain
from serin.judge.budget import start_threshold
from serin.judge.processes import Processes, Terms


def log(*requests: tuple[float, float]) -> list[Tick]:
    """One tick each: the requests of the candidate and of stable, none of them bad."""
    return [
        tick(number, (0, candidate), (0, stable), requests=pair((0, candidate), (0, stable)))
        for number, (candidate, stable) in enumerate(requests, start=1)
    ]


def judged(
    ticks: list[Tick], *, weight: int = 20, mirror: int = 0, expected: Expected = Expected.EXACT
) -> AnalysisStatus:
    return explain(heard(analysis(), ticks, weight=weight, mirror=mirror, expected=expected))


@pytest.mark.parametrize(
    ("mirror", "candidate", "stable", "reason"),
    [
        pytest.param(100, 1000, 1000, "WithinLimit", id="a copy of each request"),
        pytest.param(10, 100, 1000, "WithinLimit", id="a copy of each tenth"),
        pytest.param(10, 10, 1000, "TrafficMissing", id="hardly any copy"),
        pytest.param(100, 0, 1000, "TrafficMissing", id="no copy at all"),
        pytest.param(10, 1000, 1000, "TrafficUnverified", id="a proxy that copies all of them"),
    ],
)
def test_copies_are_counted_beside_the_requests_that_they_are_of(
    mirror: int, candidate: float, stable: float, reason: str
) -> None:
    status = judged(log(*[(candidate, stable)] * 3), weight=0, mirror=mirror)
    assert status.reason == reason
    assert status.split is not None
    assert status.split.expected == pytest.approx(mirror / (100 + mirror), rel=1e-3)


def test_missing_copies_are_told_as_such() -> None:
    status = judged(log(*[(0, 1000)] * 3), weight=0, mirror=50)
    assert status.message == (
        "Its traffic does not reach it: the candidate got 0% of 3,000 requests in this step, where copies of 50% are "
        "asked for: 33.3%"
    )


def test_previews_come_on_top_of_the_weight() -> None:
    ticks = log(*[(500, 500)] * 3)
    assert judged(ticks, expected=Expected.AT_LEAST).verdict is Verdict.PASS
    assert judged(ticks, expected=Expected.EXACT).reason == "TrafficUnverified"


def test_previews_do_not_hide_that_the_weight_does_not_arrive() -> None:
    assert judged(log(*[(150, 1050)] * 3), expected=Expected.AT_LEAST).reason == "TrafficMissing"


@pytest.mark.parametrize("candidate", [1, 30, 700])
def test_the_share_of_faithful_users_is_held_against_nothing(candidate: float) -> None:
    status = judged(log(*[(candidate, 1000 - candidate)] * 3), expected=Expected.ANY)
    assert status.reason in {"WithinLimit", "Undecided", "TooFewSamples"}
    assert status.split is not None
    assert status.split.observed == pytest.approx(candidate / 1000)


def test_traffic_that_does_not_arrive_at_all_is_told_of_faithful_users_too() -> None:
    assert judged(log(*[(0, 1000)] * 3), expected=Expected.ANY).reason == "TrafficMissing"


def test_a_few_users_who_have_not_come_yet_are_no_missing_traffic() -> None:
    assert judged(log(*[(0, 12)] * 3), expected=Expected.ANY).reason != "TrafficMissing"


ROLLOUTS, TICKS, ALPHA = 1_000, 120, 0.05


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0], ids=["apart", "half shared", "the same requests fail in both"])
def test_a_healthy_shadow_is_seldom_convicted_although_its_requests_are_copies(shared: float) -> None:
    random, processes, terms = np.random.default_rng(5), Processes(), Terms(start_threshold(ALPHA))
    rows = np.array([processes.open(terms) for _ in range(ROLLOUTS)])
    convicted = np.zeros(ROLLOUTS, dtype=bool)
    for _ in range(TICKS):
        total = random.poisson(100.0, ROLLOUTS)
        both = random.binomial(total, 0.05 * shared)
        alone = random.binomial(total, 0.05 * (1 - shared), (2, ROLLOUTS))
        counts = np.stack([total, both + alone[0], total, both + alone[1]], axis=1)
        processes.fold(rows, np.minimum(counts, total[:, None]).astype(float))
        convicted |= processes.read(rows).harm >= terms.threshold
    assert convicted.mean() <= ALPHA


def test_a_healthy_candidate_of_faithful_users_is_seldom_convicted_while_its_share_creeps_up() -> None:
    random, processes, terms = np.random.default_rng(7), Processes(), Terms(start_threshold(ALPHA))
    rows = np.array([processes.open(terms) for _ in range(ROLLOUTS)])
    convicted = np.zeros(ROLLOUTS, dtype=bool)
    for number in range(TICKS):
        share = 0.5 - 0.45 * 0.97**number
        totals = random.poisson([200.0 * share, 200.0 * (1 - share)], (ROLLOUTS, 2))
        bad = random.binomial(totals, 0.05)
        processes.fold(rows, np.stack([totals[:, 0], bad[:, 0], totals[:, 1], bad[:, 1]], axis=1).astype(float))
        convicted |= processes.read(rows).harm >= terms.threshold
    assert convicted.mean() <= ALPHA
