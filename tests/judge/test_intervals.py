"""Intervals against values from the literature, and what every interval must keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.judge.counts import Counts
from serin.judge.intervals import DISPLAY, newcombe, wilson


def test_wilson_as_published() -> None:
    # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I: 81/263, 15/148, 0/20, 1/29.
    for bad, total, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(Counts(bad, total), DISPLAY) == pytest.approx((low, high), abs=5e-5)


def test_newcombe_as_published() -> None:
    # Newcombe 1998 (Statistics in Medicine 17, 873-890), table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/20.
    for first, second, low, high in (
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ):
        assert newcombe(Counts(*first), Counts(*second), DISPLAY) == pytest.approx((low, high), abs=5e-5)


@given(total=st.integers(1, 10_000), share=st.floats(0, 1), quantile=st.floats(0.1, 6))
def test_an_interval_holds_its_estimate(total: int, share: float, quantile: float) -> None:
    counts = Counts(share * total, total)
    low, high = wilson(counts, quantile)
    assert 0 <= low <= counts.share + 1e-12
    assert counts.share - 1e-12 <= high <= 1


def test_nothing_is_known_without_events() -> None:
    assert wilson(Counts(0, 0), DISPLAY) == (0.0, 1.0)
