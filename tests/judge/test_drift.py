"""Divergences by numbers worked out by hand, and how much of them chance alone makes."""

import numpy as np
import pytest

from serin.api.metric_kinds import Divergence
from serin.judge.counts import Bins
from serin.judge.drift import Divergences, Pooled, compare, ordered, pool, why_no_alarm

TEN = np.array([0.02, 0.05, 0.08, 0.1, 0.2, 0.2, 0.15, 0.1, 0.06, 0.04])


def drawn(source: np.random.Generator, total: int) -> Bins:
    """So many predictions of the same model over ten bins."""
    return Bins({f"{(number + 1) / 10:g}": float(count) for number, count in enumerate(source.multinomial(total, TEN))})


def between(candidate: dict[str, float], stable: dict[str, float]) -> Divergences:
    """Of versions that both have events."""
    found = compare(Bins(candidate), Bins(stable))
    assert found is not None
    return found


def test_the_divergences_are_those_worked_out_by_hand() -> None:
    # With half an event more in each bin: shares 30.5/101 and 70.5/101 against one half each.
    found = between({"a": 30, "b": 70}, {"a": 50, "b": 50})
    assert found.raw_psi == pytest.approx(0.16591, abs=1e-4)
    assert found.raw_kl == pytest.approx(0.08060, abs=1e-4)
    assert found.raw_js == pytest.approx(0.02057, abs=1e-4)
    assert (found.bins, found.candidate, found.stable) == (2, 100, 100)
    assert found.ks == pytest.approx(0.2)
    # Two bins, a hundred events each: chance alone makes 0.02 of the PSI, half of that of KL, an eighth of JS.
    assert found.psi == pytest.approx(found.raw_psi - 0.02)
    assert found.kl == pytest.approx(found.raw_kl - 0.01)
    assert found.js == pytest.approx(found.raw_js - 0.0025)
    assert found.ks_bound(0.05) == pytest.approx(0.19207, abs=1e-4)


def test_a_divergence_is_held_to_the_limit_that_was_written() -> None:
    found = between({"a": 30, "b": 70}, {"a": 50, "b": 50})
    assert [found.of(measure) for measure in Divergence] == [found.psi, found.kl, found.js, found.ks]
    assert [found.raw(measure) for measure in Divergence] == [found.raw_psi, found.raw_kl, found.raw_js, found.ks]


def test_the_largest_gap_is_looked_for_in_the_order_of_the_edges() -> None:
    # By name, 10 is before 2, and the gap would be 0.3.
    assert between({"1": 40, "2": 40, "10": 20}, {"1": 10, "2": 10, "10": 80}).ks == pytest.approx(0.6)
    assert ordered(Bins({"9": 1, "+Inf": 1}), Bins({"10": 1})) == ("9", "10", "+Inf")
    assert ordered(Bins({"spam": 1}), Bins({"ham": 1, "10": 1})) == ("10", "ham", "spam")


def test_a_class_that_one_version_never_had_is_an_empty_bin() -> None:
    found = between({"cat": 90, "owl": 10}, {"cat": 100})
    assert found.bins == 2
    assert 0.2 < found.psi < 1
    empty = between({"cat": 50, "dog": 50, "owl": 0}, {"cat": 50, "dog": 50, "owl": 0})
    assert (empty.bins, empty.raw_psi) == (2, 0)


def test_without_events_there_is_nothing_to_compare() -> None:
    assert compare(Bins({"a": 0}), Bins({"a": 5})) is None
    assert compare(Bins({"a": 5}), Bins({})) is None


@pytest.mark.parametrize(("candidate", "stable"), [(150, 2850), (500, 500), (4000, 4000)])
def test_what_chance_makes_is_taken_off(candidate: int, stable: int) -> None:
    source = np.random.default_rng(1)
    found = [compare(drawn(source, candidate), drawn(source, stable)) for _ in range(1500)]
    mean = {measure: float(np.mean([one.of(measure) for one in found if one])) for measure in Divergence}
    raw = float(np.mean([one.raw_psi for one in found if one]))
    assert abs(mean[Divergence.PSI]) < 0.12 * raw
    assert abs(mean[Divergence.KL]) < 0.06 * raw
    assert abs(mean[Divergence.JS]) < 0.015 * raw


def test_one_time_in_ten_identical_predictions_look_like_drift() -> None:
    source = np.random.default_rng(2)
    found = [compare(drawn(source, 150), drawn(source, 2850)) for _ in range(1500)]
    raw = float(np.mean([one.raw_psi > 0.1 for one in found if one]))
    corrected = float(np.mean([one.psi > 0.1 for one in found if one]))
    assert 0.05 < raw < 0.15
    assert corrected < 0.02


def test_the_ks_bound_holds_in_most_looks() -> None:
    source = np.random.default_rng(3)
    found = [compare(drawn(source, 150), drawn(source, 2850)) for _ in range(1500)]
    assert np.mean([one.ks > one.ks_bound(0.05) for one in found if one]) <= 0.05


def test_why_a_divergence_is_no_alarm_is_said() -> None:
    chance = between({"a": 8, "b": 12}, {"a": 60, "b": 40})
    assert why_no_alarm(chance, Divergence.PSI, 0.12, differs=True) == (
        "PSI is 0.15, over the limit of 0.12, but chance alone makes about 0.06 of it "
        "with 20 against 100 events in 2 bins"
    )
    few = between({"a": 5, "b": 15}, {"a": 60, "b": 40})
    assert why_no_alarm(few, Divergence.PSI, 0.2, differs=False) == (
        "PSI is 0.42, over the limit of 0.2, but with 20 against 100 events in 2 bins that may still be chance"
    )
    assert why_no_alarm(few, Divergence.PSI, 0.2, differs=True) is None
    assert why_no_alarm(few, Divergence.PSI, 0.9, differs=False) is None


def test_pooled_bins_do_not_differ_by_the_hours_of_their_traffic() -> None:
    # By day all is a, by night all is b, in both versions; and by night the candidate has ten times the weight.
    day, night = (Bins({"a": 50}), Bins({"a": 950})), (Bins({"b": 500}), Bins({"b": 500}))
    found = Pooled().after(*day).after(*night).compare()
    assert found is not None
    assert found.psi < 0.01
    plain = compare(pool(day[0], night[0]), pool(day[1], night[1]))
    assert plain is not None
    assert plain.psi > 1


def test_at_one_weight_pooled_bins_stand_for_all_events() -> None:
    pooled = Pooled()
    for count in (10.0, 20.0, 70.0):
        pooled = pooled.after(Bins({"a": count, "b": count}), Bins({"a": 4 * count, "b": 4 * count}))
    found = pooled.compare()
    assert found is not None
    assert found.candidate == 200
    assert found.stable == pytest.approx(800)
    assert Pooled().compare() is None
