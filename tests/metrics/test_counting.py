"""What the real Prometheus makes of the queries: every scraped event once, whatever happens to pods and scrapes."""

import asyncio
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from metrics.real_prometheus import STALE, RealPrometheus
from metrics.subjects import ERROR_RATE, LATENCY, analysis
from serin.api.spec import Analysis
from serin.judge import Counts, Pair, Tick
from serin.metrics import Meters, MetricsCollector, PrometheusProvider, Subject
from serin.metrics.preset import MODEL_PRESET

pytestmark = pytest.mark.cluster

CANDIDATE, STABLE = "8f21c0a97e", "5c9d7f4b6d"
SCRAPE = 10
POLICY = analysis(ERROR_RATE)
WINDOW = int(POLICY.interval.total_seconds())

_hours = itertools.count(0, 3)


@dataclass
class World:
    """Scrapes, written by hand: what each target showed, at which second. Each world has hours of its own."""

    server: RealPrometheus
    start: float = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC).timestamp() + 3600 * next(_hours))
    samples: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = field(default_factory=dict)

    def put(self, second: float, value: float, **labels: str) -> None:
        self.samples.setdefault(tuple(sorted(labels.items())), []).append((self.start + second, value))

    def scrape(self, second: float, instance: str, revision: str = CANDIDATE, **outcomes: float) -> None:
        """A good scrape of a model server."""
        self.put(second, 1, __name__="up", job="pods", instance=instance)
        for outcome, value in outcomes.items():
            self.put(second, value, **_request_labels(instance, revision), outcome=outcome)

    def failed_scrape(self, second: float, instance: str, *outcomes: str) -> None:
        """A scrape that failed: Prometheus marks the target's series as stale."""
        self.put(second, 0, __name__="up", job="pods", instance=instance)
        for outcome in outcomes:
            self.put(second, STALE, **_request_labels(instance, CANDIDATE), outcome=outcome)

    def bystander(self, until: float, *, since: float = -600) -> None:
        """Another target, which shows that Prometheus is at work."""
        for second in range(int(since), int(until) + 1, SCRAPE):
            self.put(second, 1, __name__="up", job="pods", instance="bystander")

    def ticks(self, *seconds: float, policy: Analysis = POLICY, server: str = MODEL_PRESET) -> tuple[Tick, ...]:
        """Collect the ticks at these seconds, which lie on one grid."""
        self.server.write((dict(labels), samples) for labels, samples in self.samples.items())
        self.samples.clear()
        due = tuple(datetime.fromtimestamp(self.start + second, UTC) for second in seconds)
        provider = PrometheusProvider(self.server.url, timedelta(seconds=10))
        try:
            collector = MetricsCollector(provider, Meters(CollectorRegistry()))
            subject = Subject("ml", "fraud", CANDIDATE, STABLE, policy, due, server=server)
            return asyncio.run(collector.collect([subject]))["ml", "fraud"]
        finally:
            provider.close()

    def candidate(self, *seconds: float) -> list[Counts | None]:
        """The candidate's requests in the windows that end at these seconds."""
        ticks = self.ticks(*seconds)
        assert all(tick.problem is None for tick in ticks)
        sides = [tick.metrics["error-rate"].candidate for tick in ticks]
        assert all(side is None or isinstance(side, Counts) for side in sides)
        return [side for side in sides if side is None or isinstance(side, Counts)]


def _request_labels(instance: str, revision: str) -> Mapping[str, str]:
    return {
        "__name__": "model_request_total",
        "job": "pods",
        "instance": instance,
        "namespace": "ml",
        "serin_model": "fraud",
        "serin_revision": revision,
    }


@pytest.fixture
def world(prometheus: RealPrometheus) -> World:
    return World(prometheus)


def windows(count: int) -> Sequence[int]:
    return [WINDOW * number for number in range(1, count + 1)]


def test_windows_add_up_over_pods_and_versions(world: World) -> None:
    for second in range(-60, 91, SCRAPE):
        world.scrape(second, "a", success=1000 + second, error=50)
        world.scrape(second, "b", success=5, error=7 + second / 10 + 6)
        world.scrape(second, "c", revision=STABLE, success=3 * (second + 60))
    ticks = world.ticks(*windows(3))
    assert [tick.metrics["error-rate"] for tick in ticks] == [Pair(Counts(3, 33), Counts(0, 90))] * 3
    assert [tick.requests for tick in ticks] == [Pair(Counts(0, 33), Counts(0, 90))] * 3


def test_a_restarted_pod_counts_from_zero(world: World) -> None:
    for second in range(-60, 1, SCRAPE):
        world.scrape(second, "a", success=1000 + second, error=90)
    for second in range(10, 61, SCRAPE):
        world.scrape(second, "a", success=second, error=second / 10)
    assert world.candidate(*windows(2)) == [Counts(3, 33), Counts(3, 33)]


def test_a_pod_that_was_down_at_the_edge_of_the_window_counts_from_zero(world: World) -> None:
    world.bystander(30)
    for second in range(-60, -10, SCRAPE):
        world.scrape(second, "a", success=1000)
    for second in (-10, 0):
        world.failed_scrape(second, "a", "success")
    for second in (20, 30):
        world.scrape(second, "a", success=second, error=2)
    assert world.candidate(WINDOW) == [Counts(2, 32)]


def test_a_restart_is_one_for_all_series_of_the_pod(world: World) -> None:
    # The total fell and so shows the restart. The errors passed their old value: 4 alone would look like a rise by 1.
    world.bystander(30)
    for second in range(-60, 1, SCRAPE):
        world.scrape(second, "a", success=1000, error=3)
    for second in range(10, 31, SCRAPE):
        world.scrape(second, "a", success=16, error=4)
    assert world.candidate(WINDOW) == [Counts(4, 20)]


def test_a_new_pod_counts_from_zero(world: World) -> None:
    world.bystander(60)
    world.scrape(20, "new", success=8, error=1)
    for second in range(30, 61, SCRAPE):
        world.scrape(second, "new", success=10, error=2)
    assert world.candidate(*windows(2)) == [Counts(2, 12), Counts(0, 0)]


def test_the_first_error_counts_although_its_series_is_new(world: World) -> None:
    for second in range(-60, 31, SCRAPE):
        if second < 20:
            world.scrape(second, "a", success=500 + second)
        else:
            world.scrape(second, "a", success=500 + second, error=1)
    assert world.candidate(WINDOW) == [Counts(1, 31)]


def test_a_pod_that_vanished_keeps_what_was_scraped_of_it(world: World) -> None:
    world.bystander(60)
    for second in range(-60, 11, SCRAPE):
        world.scrape(second, "gone", success=600 + second)
    world.put(20, STALE, **_request_labels("gone", CANDIDATE), outcome="success")
    for second in range(-60, 61, SCRAPE):
        world.scrape(second, "stays", success=1000 + second)
    assert world.candidate(*windows(2)) == [Counts(0, 40), Counts(0, 30)]


def test_a_failed_scrape_at_the_edge_of_a_window_does_not_count_a_whole_life(world: World) -> None:
    world.bystander(90)
    for second in range(-60, 91, SCRAPE):
        if second == 30:
            world.failed_scrape(second, "a", "success")
        else:
            world.scrape(second, "a", success=100_000 + second)
    assert world.candidate(*windows(3)) == [Counts(0, 20), Counts(0, 40), Counts(0, 30)]


def test_a_pod_that_could_not_be_scraped_is_missing_and_then_made_up_for(world: World) -> None:
    world.bystander(480)
    for second in range(-60, 481, SCRAPE):
        if 30 < second < 420:
            world.failed_scrape(second, "a", "success")
        else:
            world.scrape(second, "a", success=100_000 + second)
    counted = world.candidate(*windows(16))
    assert counted[0] == Counts(0, 30)
    assert counted[1:13] == [None] * 12
    assert counted[13:] == [Counts(0, 390), Counts(0, 30), Counts(0, 30)]


@pytest.mark.parametrize("minutes", [2, 8, 14, 25, 50])
def test_while_prometheus_was_down_nothing_is_known_and_nothing_is_counted_twice(world: World, minutes: int) -> None:
    back = 60 * minutes
    for second in [*range(-300, 1, SCRAPE), *range(back, back + 91, SCRAPE)]:
        if second < back:
            world.scrape(second, "a", success=100_000 + second)
        else:
            world.scrape(second, "a", success=100_000 + second, error=3)
    ends = windows(back // WINDOW + 3)
    counted = world.candidate(*ends)
    assert counted[: back // WINDOW - 1] == [None] * (back // WINDOW - 1)
    assert counted[-3:] == [Counts(0, 30)] * 3
    first = counted[back // WINDOW - 1]
    if minutes <= 14:
        # The difference over the gap; the errors are new, and of a target that was there.
        assert first is not None
        assert first.total in {back, back + 3}
    else:
        assert first is None


def test_when_prometheus_lost_its_data_no_life_is_counted_whole(world: World) -> None:
    for second in range(10, 211, SCRAPE):
        world.scrape(second, "a", success=100_000 + second, error=5_000)
        if second >= 40:
            world.scrape(second, "slow to be scraped", success=200_000 + second)
    assert world.candidate(*windows(7)) == [None, Counts(0, 30), *([Counts(0, 60)] * 5)]


def test_a_target_back_after_a_long_gap_is_not_new(world: World) -> None:
    world.bystander(1890)
    for second in range(-60, 1891, SCRAPE):
        if 30 < second < 1800:
            world.failed_scrape(second, "a", "success")
        else:
            world.scrape(second, "a", success=100_000 + second)
    assert world.candidate(1800, 1830, 1860, 1890) == [None, Counts(0, 30), Counts(0, 30), Counts(0, 30)]


def test_one_cluster_that_envoy_made_anew_restarts_no_other(world: World) -> None:
    policy = analysis({**ERROR_RATE, "source": "Gateway"})

    def envoy(second: float, revision: str, value: float) -> None:
        labels = {"envoy_cluster_name": f"ml_fraud-{revision}_80", "envoy_response_code_class": "2"}
        world.put(second, value, __name__="envoy_cluster_upstream_rq_xx", job="envoy", instance="envoy", **labels)

    for second in range(-60, 31, SCRAPE):
        world.put(second, 1, __name__="up", job="envoy", instance="envoy")
        envoy(second, STABLE, 100_000 + second)
        envoy(second, CANDIDATE, 700 if second <= 0 else second)
    (tick,) = world.ticks(WINDOW, policy=policy)
    assert tick.requests == Pair(Counts(0, 30), Counts(0, 30))


def test_latency_stays_consistent_when_a_slow_pod_restarts(world: World) -> None:
    policy = analysis(LATENCY)
    labels = {**_request_labels("a", CANDIDATE), "__name__": "model_request_duration_seconds_bucket"}
    for second in range(-60, 31, SCRAPE):
        world.put(second, 1, __name__="up", job="pods", instance="a")
        # Before: 1000 requests, 10 of them in time. After the restart: 500, of which 490 are.
        world.put(second, 10 if second <= 0 else 490, **labels, le="0.25")
        world.put(second, 1000 if second <= 0 else 500, **labels, le="+Inf")
    (tick,) = world.ticks(WINDOW, policy=policy)
    assert tick.metrics["latency"].candidate == Counts(10, 500)


@pytest.mark.parametrize("number", [1, 2])
def test_a_restart_of_one_counter_is_one_for_all_counters_of_the_preset(world: World, number: int) -> None:
    """Whichever of the two fell: the other had been lower than what it shows after the restart."""
    labels = {"job": "pods", "instance": "a", "namespace": "ml", "serin_model": "fraud", "serin_revision": CANDIDATE}
    fell, rose = [("request_success", "request_failure"), ("request_failure", "request_success")][number - 1]
    for second in range(-60, 31, SCRAPE):
        world.put(second, 1, __name__="up", job="pods", instance="a")
        world.put(second, 1000 if second <= 0 else 20, **labels, __name__=f"model_infer_{fell}_total")
        world.put(second, 3 if second <= 0 else 4, **labels, __name__=f"model_infer_{rose}_total")
    (tick,) = world.ticks(WINDOW, server="mlserver")
    bad = 4 if rose == "request_failure" else 20
    assert tick.metrics["error-rate"].candidate == Counts(bad, 24)


def test_of_several_counters_new_and_vanished_pods_are_counted_as_of_one(world: World) -> None:
    world.bystander(60)

    def pod(seconds: range, instance: str, success: int, failure: int) -> None:
        labels = {"namespace": "ml", "serin_model": "fraud", "serin_revision": CANDIDATE}
        for second in seconds:
            world.put(second, 1, __name__="up", job="pods", instance=instance)
            for name, value in (("success", success), ("failure", failure)):
                world.put(second, value, __name__=f"model_infer_request_{name}_total", job="pods", instance=instance,
                          **labels)  # fmt: skip

    pod(range(-60, 11, SCRAPE), "gone", 500, 50)
    pod(range(40, 61, SCRAPE), "new", 7, 3)
    ticks = world.ticks(WINDOW, 2 * WINDOW, server="mlserver")
    assert [tick.metrics["error-rate"].candidate for tick in ticks] == [Counts(0, 0), Counts(3, 10)]


LATE = "the candidate scraped once in the window, so counts come late: have them scraped every 15s"


@pytest.mark.parametrize(
    ("every", "late"), [(10, [False] * 4), (15, [False] * 4), (20, [True, False] * 2), (30, [True] * 4)]
)
def test_scrapes_too_few_for_the_window_are_told_and_counted_all_the_same(
    world: World, every: int, late: list[bool]
) -> None:
    for second in range(-60, 121, SCRAPE):
        world.scrape(second, "stable", revision=STABLE, success=1000 + second)
    for second in range(-100, 121, every):
        world.scrape(second, "a", success=1000 + second)
    ticks = world.ticks(*windows(4))
    pairs = [tick.metrics["error-rate"] for tick in ticks]
    assert all(isinstance(pair.candidate, Counts) and isinstance(pair.stable, Counts) for pair in pairs)
    assert [pair.note for pair in pairs] == [LATE if is_late else None for is_late in late]


def test_one_pod_that_is_scraped_well_is_enough(world: World) -> None:
    world.bystander(30)
    for second in range(-60, 31, SCRAPE):
        world.scrape(second, "stable", revision=STABLE, success=1000 + second)
        world.scrape(second, "old", success=1000 + second)
    world.scrape(20, "new", success=5)
    world.failed_scrape(30, "new", "success")
    (tick,) = world.ticks(WINDOW)
    assert tick.metrics["error-rate"] == Pair(Counts(0, 35), Counts(0, 30))


def test_scrapes_that_failed_are_none(world: World) -> None:
    world.bystander(30)
    for second in range(-60, 31, SCRAPE):
        world.scrape(second, "stable", revision=STABLE, success=1000 + second)
        if second in {10, 20}:
            world.failed_scrape(second, "a", "success")
        else:
            world.scrape(second, "a", success=1000 + second)
    (tick,) = world.ticks(WINDOW)
    assert tick.metrics["error-rate"] == Pair(Counts(0, 30), Counts(0, 30), LATE)


@pytest.mark.parametrize("seed", range(8))
def test_over_any_history_every_scraped_event_is_counted_once(world: World, seed: int) -> None:
    source = random.Random(seed)
    world.bystander(840)
    truth = sum(_life(world, source, f"pod-{number}") for number in range(6))
    counted = world.candidate(*windows(28))
    assert sum(side.total for side in counted if side is not None) == truth


def _life(world: World, source: random.Random, pod: str) -> float:
    """A pod that may be new, restart once at the edge of a window, and fall silent; returns its scraped events."""
    born = source.choice([-600, -600, SCRAPE * source.randrange(1, 60)])
    value = last_seen = 10_000.0 if born < 0 else 0.0
    restarts_at = WINDOW * source.randrange(1, 20) + SCRAPE
    silent_until, truth = born, 0.0
    for second in range(born, 841, SCRAPE):
        if second == restarts_at and last_seen >= 10_000 and second >= silent_until + SCRAPE:
            value = last_seen = 0.0
        value += source.randrange(0, 5)
        if second < silent_until:
            world.failed_scrape(second, pod, "success")
            continue
        world.scrape(second, pod, success=value)
        if second > 0:
            truth += value - last_seen
        last_seen = value
        if second > born + 60 and source.random() < 0.05:
            silent_until = second + SCRAPE * source.randrange(1, 40)
    return truth
