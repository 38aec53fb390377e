"""Quantities: replicas.md, section 2: Quantities -> MilliValue. The expected ones were printed by upstream's code."""

import pytest

from serin.scaling.quantities import approximate, milli


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [
        ("0", 0),
        ("2", 2000),
        ("250m", 250),
        ("0.25", 250),
        (".5", 500),
        ("3.", 3000),
        ("1k", 1_000_000),
        ("1Ki", 1_024_000),
        ("1.5Gi", 1_610_612_736_000),
        ("1e3", 1_000_000),
        ("5E-1", 500),
        ("2E", 2 * 10**21),
        ("1u", 1),
        ("1001u", 2),
        ("-1500u", -2),
        ("+7", 7000),
    ],
)
def test_milli_rounds_up(text: str, thousandths: int) -> None:
    assert milli(text) == thousandths


@pytest.mark.parametrize("text", ["", "abc", "1x", "1.2.3", "1ki", " 1", "1 Gi", "--1", "e3"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity: write a number"):
        milli(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0.0),
        ("0.1", 0.1),
        ("100m", 0.1),
        ("0.15", 150 * 0.001),
        ("1", 1.0),
        ("0.0001", 100 * 1e-6),
        ("1.5", 1500 * 0.001),
        ("876052.746999128m", 876052747 * 1e-6),
    ],
)
def test_tolerances_are_an_integer_times_a_power_of_ten(text: str, number: float) -> None:
    assert approximate(text) == number
