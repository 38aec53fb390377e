"""Stabilization: replicas.md, sections 5 and 7 a."""

from datetime import datetime

import pytest

from scaling.build import NOW, ago, seconds
from serin.scaling.history import PastRecommendation
from serin.scaling.stabilize import Windows, stabilize, stabilize_both

Past = tuple[tuple[int, float], ...]


def past(*entries: tuple[int, float]) -> tuple[PastRecommendation, ...]:
    """Recommendations: so many replicas, so many seconds ago."""
    return tuple(PastRecommendation(replicas, ago(age)) for replicas, age in entries)


@pytest.mark.parametrize(
    ("entries", "proposal", "replicas", "until"),
    [
        pytest.param((), 5, 5, None, id="nothing remembered"),
        pytest.param(((8, 100),), 5, 8, 200, id="result = max(proposal, recommendations not older than the window)"),
        pytest.param(((8, 300),), 5, 8, 0, id="age > window = obsolete (strict)"),
        pytest.param(((8, 300.001),), 5, 5, None, id="obsolete"),
        pytest.param(((3, 100), (8, 200), (7, 50)), 5, 8, 250, id="held until the last of those above it is obsolete"),
        pytest.param(((8, 200), (3, 50), (5, 20)), 5, 8, 100, id="those at the proposal and below do not hold it"),
        pytest.param(((3, 100),), 5, 5, None, id="Scale-up is never delayed"),
    ],
)
def test_without_behavior(entries: Past, proposal: int, replicas: int, until: float | None) -> None:
    """`stabilizeRecommendation`."""
    result = stabilize(past(*entries), proposal, NOW, seconds(300))
    assert result.replicas == replicas
    assert result.until == (None if until is None else NOW + seconds(until))


@pytest.mark.parametrize(
    ("entries", "slot"),
    [
        pytest.param(((8, 100), (7, 300)), None, id="else append"),
        pytest.param(((8, 301), (7, 302), (6, 15)), 1, id="overwrite the **last** obsolete slot if any"),
    ],
)
def test_without_behavior_slots_are_used_again(entries: Past, slot: int | None) -> None:
    """Then store the raw proposal."""
    before = past(*entries)
    after = stabilize(before, 5, NOW, seconds(300)).recommendations
    expected = list(before)
    if slot is None:
        expected.append(PastRecommendation(5, NOW))
    else:
        expected[slot] = PastRecommendation(5, NOW)
    assert after == tuple(expected)


@pytest.mark.parametrize(
    ("entries", "proposal", "current", "replicas", "until"),
    [
        pytest.param((), 9, 5, 9, None, id="if < up -> up"),
        pytest.param((), 2, 5, 2, None, id="if > down -> down"),
        pytest.param(((6, 30),), 9, 5, 6, 30, id="up = min(proposal, recs with age < upWindow)"),
        pytest.param(((3, 30),), 9, 5, 5, 30, id="start from current: an up below it changes nothing"),
        pytest.param(((6, 60),), 9, 5, 9, None, id="age < upWindow is strict"),
        pytest.param(((4, 30),), 2, 5, 4, 150, id="down = max(proposal, recs with age < downWindow)"),
        pytest.param(((7, 30),), 2, 5, 5, 150, id="a down above current changes nothing"),
        pytest.param(((4, 180),), 2, 5, 2, None, id="age < downWindow is strict"),
        pytest.param(((9, 30), (1, 20)), 5, 5, 5, None, id="at the proposal there is nothing to hold"),
        pytest.param(((6, 50), (9, 20), (11, 10)), 9, 5, 6, 10, id="those at the proposal and above do not hold it"),
        pytest.param(((4, 150), (2, 50), (1, 20)), 2, 5, 4, 30, id="nor do those at it and below on the way down"),
        pytest.param(((6, 50), (7, 10), (8, 5), (9, 1)), 9, 5, 6, 55, id="held until the last of those below has left"),
    ],
)
def test_with_behavior(entries: Past, proposal: int, current: int, replicas: int, until: float | None) -> None:
    """`stabilizeRecommendationWithBehaviors`, windows of 60 s up and 180 s down."""
    result = stabilize_both(past(*entries), proposal, current, NOW, Windows(seconds(60), seconds(180)))
    assert result.replicas == replicas
    assert result.until == (None if until is None else NOW + seconds(until))


@pytest.mark.parametrize(
    ("entries", "slot"),
    [
        pytest.param(((8, 100), (7, 150)), None, id="only older than one window: append"),
        pytest.param(((8, 180), (7, 15)), None, id="exactly as old is not older (strict)"),
        pytest.param(((8, 181), (7, 400), (6, 15)), 1, id="the last such slot"),
    ],
)
@pytest.mark.parametrize("windows", [Windows(seconds(60), seconds(180)), Windows(seconds(180), seconds(60))])
def test_with_behavior_slots_are_used_again(entries: Past, slot: int | None, windows: Windows) -> None:
    """A slot is reusable only if older than **both** windows; else append raw proposal."""
    before = past(*entries)
    after = stabilize_both(before, 5, 5, NOW, windows).recommendations
    expected = list(before)
    if slot is None:
        expected.append(PastRecommendation(5, NOW))
    else:
        expected[slot] = PastRecommendation(5, NOW)
    assert after == tuple(expected)


def test_raw_proposal_is_stored_and_not_the_stabilized_one() -> None:
    result = stabilize_both(past((3, 30)), 9, 5, NOW, Windows(seconds(60), seconds(60)))
    assert result.replicas == 5
    assert result.recommendations[-1] == PastRecommendation(9, datetime(2026, 3, 1, 12, tzinfo=NOW.tzinfo))
