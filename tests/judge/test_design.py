"""How many requests an A/B test takes, held against textbooks and against simulation."""

import pytest

from serin.judge.comparison import ABTestTerms
from serin.judge.design import Design, design


def terms(absolute: float = 0.0, relative: float = 0.0, *, higher: bool = True, **more: float) -> ABTestTerms:
    """At 5 % and 80 % unless told otherwise."""
    return ABTestTerms(higher, absolute, relative, more.get("significance", 0.05), more.get("power", 0.8))


def found(of: ABTestTerms, rate: float, share: float = 0.5) -> Design:
    """There is room for the effect."""
    one = design(of, rate=rate, share=share)
    assert one is not None
    return one


@pytest.mark.parametrize(
    ("of", "rate", "needed"),
    [
        (terms(0.05), 0.5, 1565),
        (terms(0.01), 0.1, 14751),
        (terms(relative=0.1), 0.1, 14751),
        (terms(0.25, power=0.9), 0.5, 77),
    ],
)
def test_the_fixed_test_needs_what_textbooks_say(of: ABTestTerms, rate: float, needed: int) -> None:
    """R: power.prop.test(p1=, p2=, sig.level=, power=) gives 1564.7, 14750.8 and 76.7."""
    assert found(of, rate).fixed.candidate == needed
    assert found(of, rate).fixed.stable == needed


def test_more_or_fewer_good_events_of_the_mirrored_share_take_the_same() -> None:
    more, fewer = found(terms(0.02), 0.9), found(terms(0.02, higher=False), 0.1)
    assert more.needed == fewer.needed
    assert more.fixed == fewer.fixed


def test_what_may_be_looked_at_all_the_time_costs_twice_at_most_and_about_the_same_as_a_rule() -> None:
    one = found(terms(0.01), 0.1)
    assert 1.8 < one.needed.total / one.fixed.total < 2.2
    assert 0.8 < one.typical_win.total / one.fixed.total < 1.2
    assert one.typical_end.total < one.fixed.total


def test_an_uneven_split_costs_more_in_all() -> None:
    even, uneven = found(terms(0.01), 0.1), found(terms(0.01), 0.1, share=0.1)
    assert uneven.needed.total > 2 * even.needed.total
    assert uneven.needed.candidate == pytest.approx(uneven.needed.total * 0.1, abs=2)


@pytest.mark.parametrize(("of", "rate"), [(terms(0.2), 0.9), (terms(0.2, higher=False), 0.1), (terms(0.1), 0.0)])
def test_an_effect_without_room_has_no_design(of: ABTestTerms, rate: float) -> None:
    assert design(of, rate=rate, share=0.5) is None
