"""From cells to counts."""

from datetime import timedelta
from math import nan

import pytest

from serin.judge import Counts, Pair
from serin.metrics.preset import RevisionLabels, load_preset
from serin.metrics.provider import Series
from serin.metrics.reading import Cells, Table, latency_pair, outcomes_pair, requests_pair, totals

CONTRACT = load_preset("contract")
CONTOUR = load_preset("contour")
SLA = timedelta(milliseconds=250)


def buckets(**counts: float) -> Cells:
    """Counts by edge; `_` stands for the point, `inf` for +Inf."""
    return {
        (("+Inf" if edge == "inf" else edge.lstrip("e").replace("_", ".")),): value for edge, value in counts.items()
    }


def test_requests_are_summed_over_outcomes() -> None:
    pair = requests_pair(CONTRACT, {("success",): 90, ("error",): 6, ("rejected",): 4}, {("success",): 5})
    assert (pair.candidate, pair.stable) == (Counts(6, 100), Counts(0, 5))
    assert totals(pair) == Pair(Counts(0, 100), Counts(0, 5))


def test_only_errors_is_not_no_data() -> None:
    assert requests_pair(CONTRACT, {("error",): 7}, {}) == Pair(Counts(7, 7), None)


def test_no_series_is_no_data_and_zero_is_zero() -> None:
    assert requests_pair(CONTRACT, {}, {("success",): 0}) == Pair(None, Counts(0, 0))


def test_what_cannot_be_counts_is_no_data() -> None:
    assert requests_pair(CONTRACT, {("success",): nan, ("error",): 1}, {("success",): -3}) == Pair(None, None)


def test_wrong_predictions_are_those_off_the_diagonal() -> None:
    pair = outcomes_pair({("3", "3"): 90, ("3", "8"): 6, ("8", "3"): 4}, {("1", "1"): 10})
    assert pair == Pair(Counts(10, 100), Counts(0, 10))


@pytest.mark.parametrize(
    ("sla", "counts", "note"),
    [
        (250, Counts(20, 100), None),
        (200, Counts(20, 100), "200ms is not a bucket edge, counted at the next one, 250ms"),
        (100, Counts(40, 100), None),
        (300, Counts(5, 100), "300ms is not a bucket edge, counted at the next one, 1s"),
        (2000, None, "no bucket edge at or above 2s, the last is 1s"),
    ],
)
def test_latency_is_counted_at_a_bucket_edge(sla: int, counts: Counts | None, note: str | None) -> None:
    cells = buckets(e0_1=60, e0_25=80, e1=95, inf=100)
    pair = latency_pair(cells, cells, CONTRACT.latency, timedelta(milliseconds=sla))
    assert (pair.candidate, pair.stable, pair.note) == (counts, counts, note)


def test_milliseconds_are_the_presets_business() -> None:
    cells = buckets(e100=60, e250=80, inf=100)
    assert latency_pair(cells, cells, CONTOUR.latency, SLA).candidate == Counts(20, 100)


def test_both_versions_are_counted_at_the_same_edge() -> None:
    candidate = buckets(e0_25=80, e0_5=90, inf=100)
    stable = buckets(e0_5=95, inf=100)
    pair = latency_pair(candidate, stable, CONTRACT.latency, SLA)
    assert (pair.candidate, pair.stable) == (Counts(10, 100), Counts(5, 100))
    assert latency_pair(candidate, buckets(e0_1=1, inf=1), CONTRACT.latency, SLA).note == (
        "no bucket edge at or above 250ms, there are none in common"
    )


def test_a_version_without_buckets_has_no_data() -> None:
    assert latency_pair({}, {}, CONTRACT.latency, SLA) == Pair(None, None)
    pair = latency_pair(buckets(e0_25=80, inf=100), {}, CONTRACT.latency, SLA)
    assert (pair.candidate, pair.stable) == (Counts(20, 100), None)
    assert latency_pair(buckets(e0_25=80), {}, CONTRACT.latency, SLA).candidate is None
    assert latency_pair({("fast",): 3.0, ("+Inf",): 5.0}, {}, CONTRACT.latency, SLA).candidate is None


def test_series_are_filed_by_revision_and_time() -> None:
    table = Table()
    table.add(
        [Series({"rev": "a", "le": "1"}, {1000: 5.0, 2000: 6.0}), Series({"le": "1"}, {1000: 9.0})], RevisionLabels(labels={"rev": "{revision}"}), ("le",)
    )
    assert table.cells(("a",), 1000) == {("1",): 5.0}
    assert table.cells(("a",), 2000) == {("1",): 6.0}
    assert table.cells(("a",), 3000) == {}
    assert table.cells(("b",), 1000) == {}
