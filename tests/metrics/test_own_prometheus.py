"""Metrics of a user's own on the real Prometheus: each kind measures both versions, and no name is read as a query."""

import asyncio
import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from metrics.real_prometheus import RealPrometheus
from metrics.subjects import NOW, analysis
from serin.judge import Pair, Tick
from serin.judge.counts import Bins, Counts, Level, Moments, Side
from serin.metrics import Meters, MetricsCollector, PrometheusProvider, Subject

pytestmark = pytest.mark.cluster

CANDIDATE, STABLE = "8f21c0a97e", "5c9d7f4b6d"
EVIL = ('1.0"} or vector(1) #', "1.0'} or vector(1) #", "1.0`}", "1.0\\", "1.0\n", ".*", "2.0.0|1.0.0", "$revision")
SCRAPE = 10
WINDOW = 30


def query(name: str, by: str = "") -> str:
    """What a counter rose by in the window."""
    return f'sum{by} (increase({name}{{version="$version",namespace="$namespace"}}[$window]))'


METRICS: tuple[Mapping[str, Any], ...] = (
    {"name": "refusals", "ratio": {"bad": query("refused_total"), "total": query("asked_total")}, "threshold": "5%"},
    {
        "name": "cost",
        "mean": {"sum": query("cost_sum"), "count": query("cost_count"), "squares": query("cost_squares")},
        "maxIncrease": {"absolute": "1"},
    },
    {
        "name": "memory",
        "gauge": 'max(memory_bytes{pod=~"$workload-.+",version=~`$version`})',
        "maxIncrease": {"absolute": "1"},
    },
    {"name": "length", "distribution": {"counts": query("length_bucket", " by (le)"), "bin": "le"}},
    {"name": "mix", "distribution": {"counts": query("class_total", " by (class)"), "bin": "class"}},
)
RATES = {
    "refused_total": 0.1,
    "asked_total": 2,
    "cost_sum": 6,
    "cost_count": 2,
    "cost_squares": 20,
}
"""A second, of version 2.0.0; others have a multiple of it."""


def write(server: RealPrometheus) -> None:
    """Two versions for five minutes, and a version for every evil name."""
    multiples = {"2.0.0": 1.0, "1.0.0": 3.0} | {name: 10.0 + number for number, name in enumerate(EVIL)}
    for version, multiple in multiples.items():
        revision = STABLE if version == "1.0.0" else CANDIDATE
        labels = {"namespace": "ml", "version": version, "pod": f"fraud-{revision}-x"}
        for name, rate in RATES.items():
            put(server, {"__name__": name, **labels}, rate * multiple)
        for edge, rate in {"1": 1, "5.0": 1.5, "+Inf": 2}.items():
            put(server, {"__name__": "length_bucket", "le": edge, **labels}, rate * multiple)
        for name, rate in {"cat": 1, "dog": 0.5}.items():
            put(server, {"__name__": "class_total", "class": name, **labels}, rate * multiple)
        put(server, {"__name__": "memory_bytes", **labels}, 0, level=multiple)


def put(server: RealPrometheus, labels: Mapping[str, str], rate: float, level: float = 1000) -> None:
    """A series that rises evenly: what `increase` makes of it is exact."""
    end = NOW.timestamp()
    server.write([(labels, [(end + at, level + rate * (300 + at)) for at in range(-300, 1, SCRAPE)])])


@pytest.fixture(scope="module")
def filled(prometheus: RealPrometheus) -> RealPrometheus:
    write(prometheus)
    return prometheus


def collected(server: RealPrometheus, candidate: str, *due: datetime) -> tuple[Tick, ...]:
    """The ticks at these times, the newest one unless given."""
    versions = {CANDIDATE: candidate, STABLE: "1.0.0"}
    subject = Subject("ml", "fraud", CANDIDATE, STABLE, analysis(*METRICS), due or (NOW,), versions=versions)
    provider = PrometheusProvider(server.url, timedelta(seconds=10))
    try:
        collector = MetricsCollector(provider, Meters(CollectorRegistry()))
        return asyncio.run(collector.collect([subject]))["ml", "fraud"]
    finally:
        provider.close()


def numbers(side: Side | None) -> list[float]:
    """All that was measured, in order."""
    assert side is not None
    if isinstance(side, Bins):
        return [*side.counts.values()]
    return [getattr(side, field.name) for field in dataclasses.fields(side)]


def same(found: Side | None, expected: Side) -> bool:
    """Of the same kind and bins, and equal but for rounding."""
    bins = {tuple(side.counts) for side in (found, expected) if isinstance(side, Bins)}
    return type(found) is type(expected) and len(bins) < 2 and numbers(found) == pytest.approx(numbers(expected))


def expected(multiple: float) -> dict[str, Side]:
    """What a version with this multiple of the rates counts in a window."""
    part = WINDOW * multiple
    return {
        "refusals": Counts(0.1 * part, 2 * part),
        "cost": Moments(2 * part, 6 * part, 20 * part),
        "memory": Level(multiple),
        "length": Bins({"1": part, "5": part / 2, "+Inf": part / 2}),
        "mix": Bins({"cat": part, "dog": part / 2}),
    }


def test_each_kind_measures_both_versions(filled: RealPrometheus) -> None:
    (tick,) = collected(filled, "2.0.0")
    assert tick.problem is None
    candidate, stable = expected(1), expected(3)
    for name, pair in tick.metrics.items():
        assert pair.note is None
        assert same(pair.candidate, candidate[name]), name
        assert same(pair.stable, stable[name]), name
    assert set(tick.metrics) == set(candidate)


def test_missed_ticks_are_answered_as_they_would_have_been(filled: RealPrometheus) -> None:
    times = [NOW - timedelta(seconds=WINDOW * number) for number in reversed(range(6))]
    for together in collected(filled, "2.0.0", *times):
        (alone,) = collected(filled, "2.0.0", together.at)
        for name, pair in alone.metrics.items():
            later = together.metrics[name]
            for one, other in ((pair.candidate, later.candidate), (pair.stable, later.stable)):
                assert numbers(one) == pytest.approx(numbers(other), rel=1e-9, abs=0)


@pytest.mark.parametrize("version", EVIL)
def test_a_name_is_a_name_whatever_is_in_it(filled: RealPrometheus, version: str) -> None:
    (tick,) = collected(filled, version)
    own = expected(10.0 + EVIL.index(version))
    for name, pair in tick.metrics.items():
        assert same(pair.candidate, own[name]), (name, pair)


@pytest.mark.parametrize("version", ['9"} or vector(1) #', "9|.*", "2.0.", ""])
def test_a_name_that_no_series_has_selects_none(filled: RealPrometheus, version: str) -> None:
    (tick,) = collected(filled, version)
    assert all(pair.candidate is None for pair in tick.metrics.values())
    assert tick.metrics["refusals"] == Pair(
        None,
        tick.metrics["refusals"].stable,
        "ratio.bad gives nothing: where that means none, write `or vector(0)` after it (of the candidate)",
    )
