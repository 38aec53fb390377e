"""A past for the tests of the commands: two versions that were scraped, with seeded chance."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from metrics.real_prometheus import RealPrometheus

CANDIDATE, STABLE = "8f21c0a97e", "5c9d7f4b6d"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SCRAPE = 10
BEFORE = 900
"""Seconds for which stable was there before the rollout."""


@dataclass(frozen=True)
class Version:
    """What one version did: requests a second, the share of them that failed, and since which second."""

    revision: str
    rate: float
    failing: float
    since: int = 0


def write_past(
    server: RealPrometheus, *versions: Version, model: str = "fraud", seconds: int = 2400, start: datetime = START
) -> None:
    """Scrape these versions of a model for so long after the start; each series is written whole, oldest first."""
    source = random.Random(7)
    for version in versions:
        target = {"job": "pods", "instance": f"{model}-{version.revision}"}
        labels = {"namespace": "default", "serin_model": model, "serin_revision": version.revision}
        good = bad = 0
        up, successes, failures = [], [], []
        for second in range(version.since, seconds + 1, SCRAPE):
            requests = round(version.rate * SCRAPE)
            failed = sum(source.random() < version.failing for _ in range(requests))
            good, bad = good + requests - failed, bad + failed
            at = start.timestamp() + second
            up.append((at, 1.0))
            successes.append((at, float(good)))
            failures.append((at, float(bad)))
        name = "model_request_total"
        server.write(
            [
                ({"__name__": "up", **target}, up),
                ({"__name__": name, "outcome": "success", **labels, **target}, successes),
                ({"__name__": name, "outcome": "error", **labels, **target}, failures),
            ]
        )


def time_text(after: timedelta = timedelta(0)) -> str:
    """So long after the start, as an option is written."""
    return f"{START + after:%Y-%m-%dT%H:%M:%SZ}"
