"""Object and External metrics: replicas.md, section 2."""

from dataclasses import replace

import pytest

from scaling.build import but, observed, pod, pods
from serin.scaling.errors import InvalidMetricError
from serin.scaling.numbers import MAX_INT32, MAX_INT64, MIN_INT32, MIN_INT64
from serin.scaling.pods import Pod
from serin.scaling.report import Hold
from serin.scaling.whole import (
    external_average_replicas,
    external_total,
    external_total_per_pod,
    object_average_replicas,
    ready_pods,
    value_replicas,
)


@pytest.mark.parametrize(
    ("replicas", "usage", "target", "proposed"),
    [
        pytest.param(0, 1, 1000, 1, id="current == 0: ceil(r), however little"),
        pytest.param(0, 0, 1000, 0, id="current == 0: nothing stays nothing"),
        pytest.param(0, 1050, 1000, 2, id="current == 0: ignoring tolerance"),
        pytest.param(0, 7000, 1000, 7, id="current == 0: ignoring readiness"),
        pytest.param(3, 1100, 1000, 3, id="within(r) -> current"),
        pytest.param(3, 1101, 1000, 4, id="else ceil(r * readyPods)"),
        pytest.param(5, 2000, 1000, 6, id="readyPods and not current"),
        pytest.param(5, 500, 1000, 2, id="down"),
        pytest.param(3, -5000, 1000, -15, id="below zero"),
        pytest.param(3, MAX_INT64, 1, MAX_INT32, id="saturates at MaxInt32"),
        pytest.param(0, MAX_INT64, 1, MIN_INT32, id="but not from zero, as Go on amd64 converts"),
    ],
)
def test_value(replicas: int, usage: int, target: int, proposed: int) -> None:
    """current == 0: `ceil(r)`, ignoring tolerance and readiness. Else `within(r) ? current : ceil(r * readyPods)`."""
    outcome = value_replicas(observed(pods(3), replicas), usage, target)
    assert outcome.replicas == proposed
    assert outcome.current.value == usage
    assert outcome.ratio == usage / target
    assert outcome.hold is (Hold.TOLERANCE if (replicas, usage) == (3, 1100) else None)


def test_ratio_is_of_floats() -> None:
    assert value_replicas(observed((), 0), 2**53 + 3, 3).ratio == float(2**53 + 3) / 3.0


def test_ready_pods_run_and_are_ready() -> None:
    """readyPods = phase Running and Ready==True."""
    seen = (
        pod("p0"),
        pod("p1", ready="False"),
        pod("p2", ready="Unknown"),
        replace(pod("p3"), phase="Pending"),
        replace(pod("p4"), ready=None),
        replace(pod("p5"), deleted=True),
    )
    assert ready_pods(seen) == 2


def test_0_ready_pods_propose_0() -> None:
    assert value_replicas(observed(pods(3, ready="False")), 9000, 1000).replicas == 0


def test_no_pods_at_all_is_an_error_only_outside_tolerance() -> None:
    """no pods at all -> error, but only outside tolerance."""
    assert value_replicas(observed((), 3), 1000, 1000).replicas == 3
    assert value_replicas(observed((), 0), 5000, 1000).replicas == 5
    with pytest.raises(InvalidMetricError, match=r"^unable to calculate ready pods: no pods returned by selector"):
        value_replicas(observed((), 3), 5000, 1000)


@pytest.mark.parametrize("rule", [object_average_replicas, external_average_replicas])
@pytest.mark.parametrize(
    ("status", "usage", "proposed", "reported"),
    [
        pytest.param(4, 4000, 4, 1000, id="at the target"),
        pytest.param(4, 4400, 4, 1100, id="within(r) -> statusReplicas"),
        pytest.param(4, 4401, 5, 1101, id="else ceil(usage/target), reported rounded up"),
        pytest.param(4, 3600, 4, 900, id="within below"),
        pytest.param(4, 1500, 2, 375, id="down"),
        pytest.param(0, 1500, 2, 0, id="statusReplicas 0: r = Inf, ceil(usage/target)"),
        pytest.param(0, 0, 0, 0, id="statusReplicas 0: r = NaN, never within"),
    ],
)
def test_average_value(rule: object, status: int, usage: int, proposed: int, reported: int) -> None:
    """`r = usage/(target*statusReplicas)`; `within(r) ? statusReplicas : ceil(usage/target)`.

    Reported usage = ceil(usage/statusReplicas), 0 when statusReplicas is 0.
    """
    assert callable(rule)
    outcome = rule(observed(pods(9), 7, status=status), usage, 1000)
    assert outcome.replicas == proposed
    assert outcome.current.average_value == reported


def test_average_value_looks_at_no_pods_and_not_at_the_spec() -> None:
    """AverageValue for Object/External uses scale.status.replicas."""
    assert external_average_replicas(observed((), 50, status=2), 2000, 1000).replicas == 2
    assert object_average_replicas(observed((), 50, status=2), 2000, 1000).replicas == 2


def test_average_value_of_external_saturates_at_max_int32_and_of_an_object_does_not() -> None:
    """External saturates at MaxInt32."""
    assert external_average_replicas(observed((), 1), 2**40, 1).replicas == MAX_INT32
    assert object_average_replicas(observed((), 1), 2**40, 1).replicas == MIN_INT32


def test_external_usage_that_overflowed_is_reported_undivided() -> None:
    assert external_average_replicas(observed((), 4), MAX_INT64, 1).current.average_value == MAX_INT64
    assert object_average_replicas(observed((), 4), MAX_INT64, 1).current.average_value == 2**61


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ((1, 2, 3), 6),
        ((MAX_INT64, 1), MAX_INT64),
        ((MAX_INT64 - 1, 1), MAX_INT64),
        ((MAX_INT64, 5, -5), MAX_INT64),
        ((-5, 2), -3),
        ((MIN_INT64, -1), MAX_INT64),
    ],
)
def test_value_of_external_is_a_sum_that_saturates(values: tuple[int, ...], total: int) -> None:
    """External: sum of samples, saturating at MaxInt64; below, it wraps around."""
    assert external_total(values) == total


@pytest.mark.parametrize(
    ("values", "total"),
    [((1, 2, 3), 6), ((MAX_INT64, 1), MAX_INT64), ((-5, 2), MAX_INT64), ((5, -6, 7), MAX_INT64), ((5, -5), 0)],
)
def test_average_value_of_external_takes_any_sum_below_zero_for_an_overflow(
    values: tuple[int, ...], total: int
) -> None:
    """ "the only way we would ever get here is because of an Int64 overflow", says upstream."""
    assert external_total_per_pod(values) == total


def seen_once() -> tuple[Pod, ...]:
    """Two pods, one of them ready."""
    return but(pods(2), p1=pod("p1", ready="False"))


def test_tolerance_is_of_the_ratio_and_not_of_the_pods() -> None:
    assert value_replicas(observed(seen_once()), 1100, 1000).replicas == 2
    assert value_replicas(observed(seen_once()), 1200, 1000).replicas == 2
    assert value_replicas(observed(seen_once()), 2100, 1000).replicas == 3
