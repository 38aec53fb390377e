"""Go's integers and floats, where they differ from Python's: upstream's numbers are these, on amd64."""

import math

MAX_INT32 = 2**31 - 1
MIN_INT32 = -(2**31)
MAX_INT64 = 2**63 - 1
MIN_INT64 = -(2**63)


def wrap32(number: int) -> int:
    """An int32 sum or conversion: overflow wraps around."""
    if MIN_INT32 <= number <= MAX_INT32:
        return number
    return (number - MIN_INT32) % 2**32 + MIN_INT32


def wrap64(number: int) -> int:
    """An int64 sum or product: overflow wraps around."""
    if MIN_INT64 <= number <= MAX_INT64:
        return number
    return (number - MIN_INT64) % 2**64 + MIN_INT64


def int32(number: float) -> int:
    """`int32(float64)`: truncated; what does not fit, or is no number, becomes the smallest int32."""
    return int(number) if MIN_INT32 - 1 < number < MAX_INT32 + 1 else MIN_INT32


def ceil32(number: float) -> int:
    """`int32(math.Ceil(float64))`."""
    return math.ceil(number) if MIN_INT32 - 1 < number <= MAX_INT32 else MIN_INT32


def ceil64(number: float) -> int:
    """`int64(math.Ceil(float64))`: what does not fit, or is no number, becomes the smallest int64."""
    return math.ceil(number) if MIN_INT64 <= number < MAX_INT64 + 1 else MIN_INT64


def quotient(dividend: int, divisor: int) -> int:
    """Integer division, truncated towards zero."""
    if (dividend < 0) == (divisor < 0):
        return dividend // divisor
    return -(-dividend // divisor)


def divide(dividend: float, divisor: float) -> float:
    """`float64(a) / float64(b)`: by zero it is infinite, and zero by zero is no number.

    Python would divide two integers exactly before it rounds; Go rounds each of them first.
    """
    if divisor:
        return float(dividend) / float(divisor)
    return math.nan if dividend == 0 else math.copysign(math.inf, dividend)
