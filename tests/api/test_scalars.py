"""Durations, shares and times as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.api.base import (
    format_duration,
    format_proportion,
    format_time,
    parse_duration,
    parse_proportion,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("0s", 0), ("8760h", 31_536_000)],
)
def test_a_duration_is_read_as_go_writes_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "90", "5 m", "-1s", "1d", "1h\n", "PT5M", "8761h", "9" * 40 + "h", 90, None])
def test_what_is_no_duration_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="90s, 5m, 1h30m or 250ms"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=31_536_000_000))
def test_a_duration_survives_being_written(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "share"),
    [("2%", 0.02), ("0.02", 0.02), ("100%", 1), ("0%", 0), ("0.5%", 0.005), ("1", 1), ("100.0%", 1)],
)
def test_a_share_is_a_percentage_or_a_fraction(text: str, share: float) -> None:
    assert parse_proportion(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "2", "101%", "100.1%", "-1%", "1.5", "2 %", "0.02\n", 2, None, "half"])
def test_what_is_no_share_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match='write a percentage from "0%" to "100%"'):
        parse_proportion(text)


@given(st.integers(min_value=0, max_value=100_000))
def test_a_share_survives_being_written(thousandths: int) -> None:
    share = thousandths / 100_000
    assert parse_proportion(format_proportion(share)) == pytest.approx(share, abs=1e-12)


def test_a_time_is_written_in_utc_to_the_millisecond() -> None:
    assert format_time(parse_time("2026-01-31T13:00:00.1234+01:00")) == "2026-01-31T12:00:00.123Z"
    assert parse_time(datetime(2026, 1, 31, tzinfo=UTC)).hour == 0


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="bears no time zone"):
        parse_time("2026-01-31T12:00:00")
