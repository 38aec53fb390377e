"""Limits without behavior (`convertDesiredReplicasWithRules`): replicas.md, section 5."""

import pytest

from serin.scaling.limits import Range, limit


@pytest.mark.parametrize(
    ("desired", "minimum", "maximum", "current", "replicas", "reason"),
    [
        pytest.param(5, 1, 100, 3, 5, "DesiredWithinRange", id="else DesiredWithinRange"),
        pytest.param(9, 1, 100, 1, 4, "ScaleUpLimit", id="limit = int(max(2.0*current, 4.0)): 4"),
        pytest.param(9, 1, 100, 3, 6, "ScaleUpLimit", id="limit: 2.0*current"),
        pytest.param(6, 1, 100, 3, 6, "DesiredWithinRange", id="desired > max' is strict"),
        pytest.param(9, 1, 5, 3, 5, "TooManyReplicas", id="hpaMax when it is not above the limit"),
        pytest.param(9, 1, 6, 3, 6, "TooManyReplicas", id="hpaMax > limit is strict"),
        pytest.param(1, 2, 100, 3, 2, "TooFewReplicas", id="desired < min -> min"),
        pytest.param(6, 9, 5, 3, 9, "TooFewReplicas", id="tested first"),
    ],
)
def test_limit(desired: int, minimum: int, maximum: int, current: int, replicas: int, reason: str) -> None:
    """max' = limit if hpaMax > limit (reason ScaleUpLimit) else hpaMax (TooManyReplicas); desired > max' -> max'."""
    found, bound = limit(desired, Range(minimum, maximum, current))
    assert (found, bound.reason) == (replicas, reason)


def test_doubling_overflows_as_in_go() -> None:
    """`int32(float64)` of 2^31 is the smallest int32, and so nothing is allowed at all."""
    assert limit(9, Range(1, 100, 2**30))[0] == -(2**31)
