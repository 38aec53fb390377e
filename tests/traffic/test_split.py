import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.traffic.split import apportion

SHARES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), min_size=1).filter(
    lambda shares: sum(shares.values()) > 0
)


@pytest.mark.parametrize(
    ("shares", "total", "expected"),
    [
        ({"stable": 95, "candidate": 5}, 100, {"stable": 95, "candidate": 5}),
        ({"stable": 95, "candidate": 5}, 1_000_000, {"stable": 950_000, "candidate": 50_000}),
        ({"stable": 99, "candidate": 1}, 150, {"stable": 148, "candidate": 2}),
        ({"a": 1, "b": 1, "c": 1}, 100, {"a": 34, "b": 33, "c": 33}),
        ({"a": 0, "b": 1, "c": 1}, 3, {"a": 0, "b": 2, "c": 1}),
        ({"a": 40, "b": 60}, 0, {"a": 0, "b": 0}),
    ],
)
def test_the_largest_remainders_are_served_first(shares: dict[str, int], total: int, expected: dict[str, int]) -> None:
    assert apportion(shares, total) == expected


@given(SHARES, st.integers(0, 1_000_000))
def test_weights_sum_to_the_total_and_are_less_than_one_from_exact(shares: dict[str, int], total: int) -> None:
    weights = apportion(shares, total)
    whole = sum(shares.values())
    assert sum(weights.values()) == total
    assert all(abs(weights[name] * whole - share * total) < whole for name, share in shares.items())
    assert all(weights[name] == 0 for name, share in shares.items() if share == 0)


@given(SHARES, st.integers(0, 1000))
def test_the_order_of_the_names_makes_no_difference(shares: dict[str, int], total: int) -> None:
    assert apportion(dict(reversed(shares.items())), total) == apportion(shares, total)


@pytest.mark.parametrize("shares", [{}, {"a": 0}, {"a": -1, "b": 101}])
def test_shares_that_mean_nothing_are_refused(shares: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cannot be apportioned"):
        apportion(shares, 100)
