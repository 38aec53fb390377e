"""Section 10 of the design: capacity for a traffic weight. Each rule is quoted by the test that holds it."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serin.scaling.capacity import (
    Pods,
    Shift,
    carried_by,
    next_move,
    pods_by_littles_law,
    pods_for,
    requests_at,
)


@pytest.mark.parametrize(
    ("whole", "weight", "pods"),
    [
        (4, 10, 1),
        (4, 25, 1),
        (4, 26, 2),
        (4, 50, 2),
        (4, 100, 4),
        (10, 31, 4),
        (3, 33, 1),
        (3, 34, 2),
        (1000, 7, 70),
        (10_000, 1, 100),
    ],
)
def test_without_a_metric_of_requests_ceil_of_s_times_w_over_100(whole: int, weight: int, pods: int) -> None:
    assert pods_for(whole, weight) == pods


def test_at_least_one_pod_to_be_looked_at_and_none_where_none_serve() -> None:
    assert pods_for(4, 0) == 1
    assert pods_for(0, 50) == 0


@given(whole=st.integers(1, 10_000), weight=st.integers(1, 100))
def test_what_pods_carry_is_the_largest_weight_that_they_are_enough_for(whole: int, weight: int) -> None:
    pods = pods_for(whole, weight)
    assert carried_by(whole, pods) >= weight
    assert carried_by(whole, pods) == 100 or pods_for(whole, carried_by(whole, pods) + 1) > pods


@pytest.mark.parametrize(
    ("concurrency", "target", "pods"),
    [
        (0.0, 10.0, 1),
        (6.9, 10.0, 1),
        (7.0, 10.0, 1),
        (7.1, 10.0, 2),
        (21.0, 10.0, 3),
        (21.0, 30.0, 1),
        # 3 * 0.7 is 2.0999999999999996: as a product it would ask for a pod more.
        (2.1, 3.0, 1),
        (0.7, 0.5, 2),
    ],
)
def test_by_littles_law_ceil_of_concurrency_over_target_times_0_7(concurrency: float, target: float, pods: int) -> None:
    assert pods_by_littles_law(concurrency, target) == pods


def test_concurrency_at_another_weight_is_lambda_times_w_times_the_measured_latency() -> None:
    # 40 requests a second, of which 20 % take 0.5 s each: 4 are under way, and 10 at 50 %.
    assert requests_at(40 * 0.2 * 0.5, 20, 50) == pytest.approx(40 * 0.5 * 0.5)


def test_up_scale_the_candidate_wait_until_all_are_ready_write_the_weight_only_then_may_stable_shrink() -> None:
    shift = Shift(whole=4, weight=0, wanted=50, most=8)
    move = next_move(shift, Pods(0, 0), Pods(4, 4))
    assert (move.candidate, move.stable, move.weight) == (2, 4, 0)
    move = next_move(shift, Pods(2, 1), Pods(4, 4))
    assert (move.candidate, move.stable, move.weight) == (2, 4, 0)
    move = next_move(shift, Pods(2, 2), Pods(4, 4))
    assert (move.candidate, move.stable, move.weight) == (2, 4, 50)
    move = next_move(Shift(whole=4, weight=50, wanted=50, most=8), Pods(2, 2), Pods(4, 4))
    assert (move.candidate, move.stable, move.weight) == (2, 2, 50)


def test_down_restore_stable_first_move_the_traffic_then_shrink_the_candidate() -> None:
    shift = Shift(whole=4, weight=50, wanted=0, most=8)
    move = next_move(shift, Pods(2, 2), Pods(2, 2))
    assert (move.candidate, move.stable, move.weight) == (2, 4, 50)
    move = next_move(shift, Pods(2, 2), Pods(4, 3))
    assert (move.candidate, move.stable, move.weight) == (2, 4, 50)
    move = next_move(shift, Pods(2, 2), Pods(4, 4))
    assert (move.candidate, move.stable, move.weight) == (2, 4, 0)


def test_with_one_pod_of_surge_a_weight_is_reached_in_several_moves() -> None:
    lives = _Life(whole=4, surge=1)
    lives.go(100)
    assert lives.weights == [0, 25, 50, 75, 100]
    assert lives.largest == 5


def test_a_candidate_that_needs_more_than_its_share_gets_what_there_is_room_for() -> None:
    assert next_move(Shift(4, 0, 50, most=8, needed=3), Pods(0, 0), Pods(4, 4)).candidate == 3
    assert next_move(Shift(4, 0, 50, most=5, needed=3), Pods(0, 0), Pods(4, 4)).candidate == 1


def test_where_not_even_a_percent_fits_it_takes_the_pods_that_a_percent_needs() -> None:
    # 40 pods: 2 % need one, 98 % need all forty, and 3 % need two.
    assert next_move(Shift(40, 2, 3, most=41), Pods(1, 1), Pods(40, 40)).candidate == 2
    assert next_move(Shift(40, 2, 3, most=41), Pods(1, 1), Pods(41, 41)).candidate == 1


@dataclass
class _Life:
    """Two versions whose pods become Ready after a while, and stop when it was decided."""

    whole: int
    surge: int
    candidate: int = 0
    stable: int = 0
    weight: int = 0

    def __post_init__(self) -> None:
        self.stable, self.ready = self.whole, {"candidate": 0, "stable": self.whole}
        self.weights, self.largest = [0], self.whole

    def go(self, wanted: int, delays: list[int] | None = None) -> None:
        """Take moves until nothing more comes of it; the delays say how many pods become Ready between them."""
        delays = list(delays or ())
        for _ in range(100_000):
            before = (self.candidate, self.stable, self.weight, dict(self.ready))
            become_ready = delays.pop() if delays else self.whole
            self.step(wanted, become_ready)
            if become_ready and before == (self.candidate, self.stable, self.weight, self.ready):
                return
        raise AssertionError("it never arrives")

    def step(self, wanted: int, become_ready: int) -> None:
        shift = Shift(self.whole, self.weight, wanted, self.whole + self.surge)
        candidate, stable = Pods(self.candidate, self.ready["candidate"]), Pods(self.stable, self.ready["stable"])
        move = next_move(shift, candidate, stable)
        if move.weight != self.weight:
            assert self.ready["candidate"] >= -(-self.whole * move.weight // 100)
            assert self.ready["stable"] >= -(-self.whole * (100 - move.weight) // 100)
            assert (move.weight > self.weight) == (wanted > self.weight)
            self.weight = move.weight
            self.weights.append(move.weight)
        self.candidate, self.stable = move.candidate, move.stable
        self.largest = max(self.largest, self.candidate + self.stable)
        for name, asked in (("candidate", self.candidate), ("stable", self.stable)):
            self.ready[name] = min(asked, self.ready[name] + become_ready)


@settings(deadline=None)
@given(
    whole=st.integers(1, 300),
    surge=st.integers(1, 20),
    wanted=st.lists(st.integers(0, 100), min_size=1, max_size=5),
    delays=st.lists(st.integers(0, 3), max_size=30),
)
def test_it_always_arrives_and_nobody_ever_lacks_pods_for_its_traffic(
    whole: int, surge: int, wanted: list[int], delays: list[int]
) -> None:
    """Stable Ready >= ceil(S*(100-w)/100) and candidate Ready >= ceil(S*w/100) whenever w is written."""
    life = _Life(whole, surge)
    for weight in wanted:
        life.go(weight, delays)
        assert life.weight == weight
        assert life.candidate == pods_for(whole, weight)
        assert life.stable == pods_for(whole, 100 - weight)
    assert life.largest <= whole + max(surge, -(-whole // 100) + 1)


@given(
    whole=st.sampled_from([1, 2, 4, 5, 10, 20, 25, 50, 100]),
    surge=st.integers(1, 20),
    steps=st.lists(st.integers(0, 10), min_size=1, max_size=5),
)
def test_where_pods_and_weights_fit_together_the_surge_is_never_more_than_allowed(
    whole: int, surge: int, steps: list[int]
) -> None:
    life = _Life(whole, surge)
    for tenths in steps:
        pods = whole * tenths // 10
        life.go(100 * pods // whole)
    assert life.largest <= whole + surge
