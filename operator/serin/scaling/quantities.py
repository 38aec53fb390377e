"""Kubernetes' quantities (`250m`, `1.5Gi`, `1e3`) as the autoscaler counts them.

Two things of upstream's are left out: what is beyond int64 in milli-units (9.2e15) becomes 0 there, and some negative
ones lose a thousandth.
"""

import re
from fractions import Fraction

_QUANTITY = re.compile(r"([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,3})?")
_EXPONENTS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = "KMGTPE"
NANO = 10**9
"""Nothing finer is stored."""


def milli(text: str) -> int:
    """The quantity in milli-units; what is finer is rounded away from zero (`Quantity.MilliValue`).

    Raises:
        ValueError: the text is no quantity.
    """
    return _away_from_zero(_read(text) * 1000)


def approximate(text: str) -> float:
    """The quantity as upstream reads a tolerance (`Quantity.AsApproximateFloat64`).

    An integer times a power of ten in float64, both as in the form that the API server stores: 0.15 is 150 times 0.001.

    Raises:
        ValueError: the text is no quantity.
    """
    exact = Fraction(_away_from_zero(_read(text) * NANO), NANO)
    exponent = 0
    while exact.denominator != 1:
        exact *= 1000
        exponent -= 3
    base = float(exact)
    return base * float(f"1e{exponent}") if exponent else base


def _away_from_zero(number: Fraction) -> int:
    rounded = -(-abs(number.numerator) // number.denominator)
    return -rounded if number < 0 else rounded


def _read(text: str) -> Fraction:
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a quantity: write a number, perhaps with a suffix, such as 250m or 1.5Gi")
    sign, number, suffix = found.group(1), Fraction(found.group(2)), found.group(3) or ""
    return (-number if sign == "-" else number) * _factor(suffix)


def _factor(suffix: str) -> Fraction:
    if suffix.endswith("i"):
        return Fraction(1024 ** (_BINARY.index(suffix[0]) + 1))
    exponent = _EXPONENTS[suffix] if suffix in _EXPONENTS else int(suffix[1:] or 0)
    return Fraction(10**exponent) if exponent >= 0 else Fraction(1, 10**-exponent)
