"""What is told of an analysis is written into the status often: it must stay small, whatever there is to say."""

import json
import random

import pytest

from judge.streams import ACCURACY, ERROR_RATE, LATENCY, analysis, at, judged, pair
from serin.api.spec import Analysis
from serin.api.status import AnalysisStatus
from serin.judge import Counts, Moments, Pair, Tick

MOST_BYTES = 4096
QUERY = 'sum(delta({}{{pod=~"$workload-.*"}}[$window]))'
OWN = "share-of-requests-that-fell-back-to-the-older-embedding-service"
COMPARED = {"maxIncrease": {"absolute": "1%", "relative": "10%"}}
RATIO = {"name": OWN, "ratio": {"bad": QUERY.format("bad"), "total": QUERY.format("total")}, **COMPARED}
MEAN = {
    "name": OWN,
    "mean": {part: QUERY.format(part) for part in ("sum", "count", "squares")},
    "maxIncrease": {"absolute": "5"},
}
AGAINST_STABLE = analysis(
    {"name": "error-rate", "critical": True, **COMPARED}, {**LATENCY, **COMPARED}, ACCURACY, RATIO
)
AGAINST_LIMITS = analysis(ERROR_RATE, LATENCY, ACCURACY, MEAN)
PATIENT = AGAINST_STABLE.model_copy(update={"min_samples": 1_000_000})

COARSE = "200ms is not a bucket edge, counted at the next one, 250ms"
NO_SERIES = (
    "envoy_cluster_upstream_rq_time_bucket or envoy_cluster_external_upstream_rq_time_bucket "
    "(by namespace, envoy_cluster_name, envoy_response_code) has no sample in the window"
)
PROBLEM = f"Prometheus refused the query (HTTP 422): {'x' * 200}…"


def size(status: AnalysisStatus) -> int:
    """Bytes, as the API server is sent them."""
    return len(json.dumps(status.to_dict(), separators=(",", ":"), ensure_ascii=False).encode())


def log(shares: tuple[float, float], *, count: int, weight: float = 0.2, total: int = 123_456_789) -> list[Tick]:
    """Ticks of a very busy service, in which both versions jump more than chance has it."""
    source = random.Random(3)
    sides = round(total * weight), round(total * (1 - weight))

    def counts(name: str) -> Pair:
        candidate, stable = (
            Counts(min(float(n), max(0.0, round(source.gauss(n * p, 3 * (n * p * (1 - p)) ** 0.5)))), n)
            for n, p in zip(sides, shares, strict=True)
        )
        return Pair(candidate, stable, COARSE if name == "latency" else None)

    def values() -> Pair:
        means = (source.gauss(100 + 50 * share, 1) for share in shares)
        candidate, stable = (Moments(n, n * mean, n * (mean**2 + 77)) for n, mean in zip(sides, means, strict=True))
        return Pair(candidate, stable)

    names = ("error-rate", "latency", "accuracy")
    return [
        Tick(
            at(number),
            {**{name: counts(name) for name in names}, OWN: counts(OWN), "mean": values()},
            pair((0, sides[0]), (0, sides[1])),
        )
        for number in range(1, count + 1)
    ]


def with_means(ticks: list[Tick]) -> list[Tick]:
    """The user's own number is a mean."""
    return [Tick(it.at, {**it.metrics, OWN: it.metrics["mean"]}, it.requests) for it in ticks]


GOOD, WORSE, BAD, SHARED = (0.0223, 0.0223), (0.0323, 0.0223), (0.3345, 0.0223), (0.6345, 0.6323)
LOST = Pair(None, None, NO_SERIES)
MISSING = Tick(at(41), dict.fromkeys(("error-rate", "latency", "accuracy", OWN), LOST), pair((0, 20), (0, 80)))


@pytest.mark.parametrize(
    ("policy", "ticks", "reason"),
    [
        pytest.param(AGAINST_STABLE, log(GOOD, count=40), "WithinLimit", id="all passed"),
        pytest.param(AGAINST_STABLE, log(GOOD, count=2), "Undecided", id="all undecided"),
        pytest.param(PATIENT, log(GOOD, count=1, total=20_000), "TooFewSamples", id="all need more"),
        pytest.param(AGAINST_STABLE, log(WORSE, count=40), "Undecided", id="worse, and perhaps tolerable"),
        pytest.param(AGAINST_STABLE, log(BAD, count=40), "OverLimit", id="all failed"),
        pytest.param(AGAINST_STABLE, log(GOOD, count=40, weight=0.4), "TrafficUnverified", id="none believed"),
        pytest.param(AGAINST_STABLE, log(BAD, count=40, weight=0.1), "TrafficMissing", id="no traffic, none believed"),
        pytest.param(AGAINST_LIMITS, with_means(log(SHARED, count=40)), "SharedBreach", id="all breaches shared"),
        pytest.param(AGAINST_LIMITS, with_means(log(BAD, count=40)), "OverLimit", id="all over their limits"),
        pytest.param(AGAINST_STABLE, [*log(GOOD, count=40), MISSING], "NoData", id="all missing"),
        pytest.param(
            AGAINST_STABLE, [*log(GOOD, count=40), Tick(at(41), problem=PROBLEM)], "PrometheusUnavailable", id="down"
        ),
    ],
)
def test_four_metrics_are_told_with_all_their_numbers_in_less_than_four_kilobytes(
    policy: Analysis, ticks: list[Tick], reason: str
) -> None:
    status = judged(policy, ticks)
    assert status.reason == reason
    assert [metric.name for metric in status.metrics] == [metric.name for metric in policy.metrics]
    assert all(metric.message for metric in status.metrics)
    assert size(status) < MOST_BYTES
