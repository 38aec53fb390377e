"""From cells to counts."""

from datetime import timedelta
from math import nan

import pytest

from metrics.subjects import LATENCY, analysis
from serin.judge import Bins, Counts, Pair
from serin.metrics.preset import LatencyHistogram, RevisionLabels, load_preset
from serin.metrics.provider import Series
from serin.metrics.reading import (
    Cells,
    Table,
    built_in_pair,
    classes_pair,
    histogram_pair,
    latency_pair,
    outcomes_pair,
    requests_pair,
    totals,
)

CONTRACT = load_preset("contract")
CONTRACT_LATENCY = LatencyHistogram(metric="seconds_bucket", unit_seconds=1)
CONTOUR_LATENCY = LatencyHistogram(metric="milliseconds_bucket", unit_seconds=0.001)
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
    pair = latency_pair(cells, cells, CONTRACT_LATENCY, timedelta(milliseconds=sla))
    assert (pair.candidate, pair.stable, pair.note) == (counts, counts, note)


def test_milliseconds_are_the_presets_business() -> None:
    cells = buckets(e100=60, e250=80, inf=100)
    assert latency_pair(cells, cells, CONTOUR_LATENCY, SLA).candidate == Counts(20, 100)


def test_both_versions_are_counted_at_the_same_edge() -> None:
    candidate = buckets(e0_25=80, e0_5=90, inf=100)
    stable = buckets(e0_5=95, inf=100)
    pair = latency_pair(candidate, stable, CONTRACT_LATENCY, SLA)
    assert (pair.candidate, pair.stable) == (Counts(10, 100), Counts(5, 100))
    assert latency_pair(candidate, buckets(e0_1=1, inf=1), CONTRACT_LATENCY, SLA).note == (
        "no bucket edge at or above 250ms, there are none in common"
    )


def test_a_version_without_buckets_has_no_data() -> None:
    assert latency_pair({}, {}, CONTRACT_LATENCY, SLA) == Pair(None, None)
    pair = latency_pair(buckets(e0_25=80, inf=100), {}, CONTRACT_LATENCY, SLA)
    assert (pair.candidate, pair.stable) == (Counts(20, 100), None)
    assert latency_pair(buckets(e0_25=80), {}, CONTRACT_LATENCY, SLA).candidate is None
    assert latency_pair({("fast",): 3.0, ("+Inf",): 5.0}, {}, CONTRACT_LATENCY, SLA).candidate is None


def test_series_are_filed_by_revision_and_time() -> None:
    table = Table()
    answer = [Series({"rev": "a", "le": "1"}, {1000: 5.0, 2000: 6.0}), Series({"le": "1"}, {1000: 9.0})]
    table.add(answer, RevisionLabels(labels={"rev": "{revision}"}), ("le",))
    assert table.cells(("a",), 1000) == {("1",): 5.0}
    assert table.cells(("a",), 2000) == {("1",): 6.0}
    assert table.cells(("a",), 3000) == {}
    assert table.cells(("b",), 1000) == {}


def test_several_series_of_one_revision_are_added_and_an_answer_that_comes_twice_is_not() -> None:
    table = Table()
    revision = RevisionLabels(labels={"service": "{revision}"}, extract={"service": "(.+)-[0-9]+"})
    answer = [Series({"service": "a-1"}, {1000: 5.0}), Series({"service": "a-2"}, {1000: 2.0})]
    for _ in range(2):
        table.add(answer, revision, ())
    assert table.cells(("a",), 1000) == {(): 7.0}


def test_a_histogram_is_read_as_bins_that_are_not_cumulative() -> None:
    pair = histogram_pair(buckets(e0_5=60, e1=80, inf=100), {("0.50",): 6.0, ("1.0",): 6.0, ("+Inf",): 6.0})
    assert pair == Pair(Bins({"0.5": 60, "1": 20, "+Inf": 20}), Bins({"0.5": 6, "1": 0, "+Inf": 0}))


def test_bins_that_differ_cannot_be_compared_and_are_named() -> None:
    pair = histogram_pair(buckets(e0_5=60, e1=80, inf=100), buckets(e0_5=60, e2=80, inf=100))
    assert (pair.candidate, pair.stable) == (None, None)
    assert pair.note == (
        "the versions' bins differ, so they cannot be compared: 1 in the candidate alone, 2 in stable alone"
    )
    many: Cells = {(edge,): 1.0 for edge in ("1", "2", "3", "4", "5", "6", "7", "8", "+Inf")}
    assert (histogram_pair(many, buckets(inf=1)).note or "").endswith("4 in the candidate alone and 4 more")


def test_a_version_without_bins_has_no_data() -> None:
    known = buckets(e0_5=60, inf=100)
    assert histogram_pair({}, known) == Pair(None, Bins({"0.5": 60, "+Inf": 40}))
    assert histogram_pair(buckets(e0_5=60), known).candidate is None
    assert histogram_pair(buckets(e0_5=60, inf=50), known).candidate is None
    assert histogram_pair(buckets(e0_5=nan, inf=50), known).candidate is None
    assert classes_pair({}, {("fraud",): 3.0}) == Pair(None, Bins({"fraud": 3}))
    assert classes_pair({("fraud",): -3.0}, {}) == Pair(None, None)


def test_a_class_that_one_version_has_not_predicted_is_an_empty_bin() -> None:
    pair = classes_pair({("fraud",): 3.0}, {("fraud",): 5.0, ("honest",): 95.0})
    assert pair == Pair(Bins({"fraud": 3, "honest": 0}), Bins({"fraud": 5, "honest": 95}))


def test_what_a_preset_does_not_count_is_not_made_up() -> None:
    (metric,) = analysis(LATENCY).metrics
    with pytest.raises(ValueError, match="triton does not count latency"):
        built_in_pair(metric, load_preset("triton"), {}, {})
