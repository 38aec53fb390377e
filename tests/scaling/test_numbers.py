"""Go's numbers. The expected ones were printed by Go 1.26 on amd64."""

import math

import pytest

from serin.scaling.numbers import (
    MAX_INT32,
    MAX_INT64,
    MIN_INT32,
    MIN_INT64,
    ceil32,
    ceil64,
    divide,
    int32,
    quotient,
    wrap32,
    wrap64,
)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 3e9, -3e9, 1e19, 2147483648.0, -2147483649.0])
def test_what_does_not_fit_becomes_the_smallest(number: float) -> None:
    assert int32(number) == MIN_INT32
    assert ceil32(number) == MIN_INT32
    assert (ceil64(number) == MIN_INT64) == (not abs(number) < 2**63)


@pytest.mark.parametrize(
    ("number", "truncated", "up"), [(2.1, 2, 3), (-2.9, -2, -2), (3.0, 3, 3), (2147483646.5, 2147483646, MAX_INT32)]
)
def test_truncation_and_ceiling(number: float, truncated: int, up: int) -> None:
    assert int32(number) == truncated
    assert ceil32(number) == up == ceil64(number)


def test_overflow_wraps_around() -> None:
    assert wrap32(MAX_INT32 + 1) == MIN_INT32
    assert wrap32(MIN_INT32 - 1) == MAX_INT32
    assert wrap64(MAX_INT64 + 1) == MIN_INT64
    assert wrap64(MIN_INT64 - 1) == MAX_INT64
    assert wrap32(7) == 7 == wrap64(7)


@pytest.mark.parametrize(
    ("dividend", "divisor", "result"), [(7, 2, 3), (-7, 2, -3), (7, -2, -3), (-7, -2, 3), (0, 5, 0), (-1, 5, 0)]
)
def test_integer_division_truncates_towards_zero(dividend: int, divisor: int, result: int) -> None:
    assert quotient(dividend, divisor) == result


def test_division_by_zero_is_infinite_or_no_number() -> None:
    assert divide(1, 0) == math.inf
    assert divide(-1, 0.0) == -math.inf
    assert math.isnan(divide(0, 0))


def test_integers_are_rounded_to_floats_before_they_are_divided() -> None:
    many = 2**53 + 3
    assert divide(many, 3) == float(many) / 3.0
    assert divide(many, 3) != many / 3
