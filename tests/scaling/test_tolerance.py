"""Tolerance: replicas.md, section 2, Notation."""

import math

import pytest

from serin.scaling.behavior import Behavior, ScalingRules
from serin.scaling.spec import DEFAULTS, Settings
from serin.scaling.tolerance import Tolerances, tolerances_of


@pytest.mark.parametrize(
    ("ratio", "within"),
    [
        (1.0, True),
        (1.1, True),
        (math.nextafter(1.1, 2), False),
        (0.9, True),
        (math.nextafter(0.9, 0), False),
        (math.inf, False),
        (math.nan, False),
    ],
)
def test_both_ends_are_inclusive(ratio: float, within: bool) -> None:
    """`(1.0 - tolDown) <= r && r <= (1.0 + tolUp)` in float64. (Before v1.33 r = 1.1 was outside; now inside.)"""
    assert Tolerances(0.1, 0.1).within(ratio) is within


def test_each_direction_has_its_own() -> None:
    tolerances = Tolerances(down=0.5, up=0.0)
    assert tolerances.within(0.5)
    assert not tolerances.within(1.01)


@pytest.mark.parametrize(
    ("behavior", "down", "up"),
    [
        pytest.param(None, 0.1, 0.1, id="global tolerance (0.1)"),
        pytest.param(Behavior(), 0.1, 0.1, id="tolerance nil -> global"),
        pytest.param(Behavior(scale_down=ScalingRules(tolerance=0.3)), 0.3, 0.1, id="behavior.scaleDown.tolerance"),
        pytest.param(Behavior(scale_up=ScalingRules(tolerance=0.0)), 0.1, 0.0, id="behavior.scaleUp.tolerance, also 0"),
    ],
)
def test_global_unless_behavior_sets_it(behavior: Behavior | None, down: float, up: float) -> None:
    """global tolerance (0.1) unless behavior.scaleDown/scaleUp.tolerance is set (`tolerancesForHpa`)."""
    assert tolerances_of(behavior, DEFAULTS) == Tolerances(down, up)


def test_gate_hpa_configurable_tolerance() -> None:
    """and gate HPAConfigurableTolerance is on."""
    behavior = Behavior(ScalingRules(tolerance=0.5), ScalingRules(tolerance=0.5))
    assert tolerances_of(behavior, Settings(configurable_tolerance=False)) == Tolerances(0.1, 0.1)
