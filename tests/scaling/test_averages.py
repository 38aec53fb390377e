"""Resource AverageValue and Pods AverageValue (`calcPlainMetricReplicas`): replicas.md, section 2."""

from dataclasses import replace

import pytest

from scaling.build import NOW, but, observed, pod, pods, samples
from serin.scaling.errors import InvalidMetricError
from serin.scaling.numbers import MAX_INT64
from serin.scaling.outcome import Outcome
from serin.scaling.per_pod import average_replicas, average_usage
from serin.scaling.pods import Pod
from serin.scaling.report import Hold
from serin.scaling.samples import PodSample


def propose(seen: tuple[Pod, ...], target: int, *values: int | None, resource: str = "") -> Outcome:
    """What these values propose against the target."""
    return average_replicas(observed(seen), samples(*values), resource, target)


def test_usage_truncates_towards_zero() -> None:
    """`usage = int(sum/len)`; `r = usage/target`."""
    assert average_usage({"a": 10, "b": 11}, 7).current.average_value == 10
    assert average_usage({"a": 10, "b": 11}, 7).ratio == 10.0 / 7.0
    assert average_usage({"a": -10, "b": -11}, 7).current.average_value == -10
    assert average_usage({"a": MAX_INT64, "b": 1}, 7).current.average_value == -(2**62)
    assert average_usage({"a": 2**53 + 3}, 3).ratio == float(2**53 + 3) / 3.0


@pytest.mark.parametrize(
    ("values", "target", "replicas"),
    [
        pytest.param((20, 10, 30), 15, 4, id="20 of 15, ceil(1.33 * 3)"),
        pytest.param((12, 12, 12, 12, 12), 20, 3, id="12 of 20, ceil(0.6 * 5)"),
        pytest.param((11, 11), 10, 2, id="r = 1.1 is within the tolerance"),
        pytest.param((9, 9), 10, 2, id="r = 0.9 is within the tolerance"),
        pytest.param((-5, -5), 10, -1, id="below zero, ceil(-0.5 * 2)"),
    ],
)
def test_ratio_of_the_average(values: tuple[int, ...], target: int, replicas: int) -> None:
    """`within(r) ? current : ceil(r * readyCount)`."""
    assert propose(pods(len(values)), target, *values).replicas == replicas


@pytest.mark.parametrize(
    ("values", "target", "replicas", "ratio", "hold"),
    [
        pytest.param((100, 100, None), 50, 4, 66 / 50, None, id="r > 1 -> 0: ceil(1.32 * 3)"),
        pytest.param((80, None), 50, 2, 40 / 50, Hold.INCOMPLETE, id="r > 1 -> 0: on the other side of 1"),
        pytest.param((10, 10, 10, None), 50, 2, 20 / 50, None, id="r < 1 -> exactly the target: ceil(0.4 * 4)"),
        pytest.param((46, None, None), 52, 3, 50 / 52, Hold.TOLERANCE, id="r < 1 -> the target: near enough to it"),
        pytest.param((50, None, None), 50, 3, 1.0, Hold.TOLERANCE, id="r == 1 -> stay absent"),
    ],
)
def test_missing_pods(
    values: tuple[int | None, ...], target: int, replicas: int, ratio: float, hold: Hold | None
) -> None:
    """The same branches, but missing pods on scale-down count as exactly the target."""
    outcome = propose(pods(len(values)), target, *values)
    assert (outcome.replicas, outcome.ratio, outcome.hold) == (replicas, ratio, hold)
    assert outcome.current == average_usage({str(i): v for i, v in enumerate(values) if v is not None}, 1).current


def test_pending_pods_count_as_idle_on_scale_up() -> None:
    seen = but(pods(3), p2=replace(pod("p2"), phase="Pending"))
    assert propose(seen, 50, 100, 100, None).ratio == 66 / 50
    assert propose(seen, 50, 10, 10, None).ratio == 10 / 50


def test_resource_passes_cpu_to_group_pods_and_pods_passes_nothing() -> None:
    """A pod that has just started counts for memory and for metrics of its own, not for CPU."""
    seen = but(pods(2), p1=pod("p1", started=60, since=59, ready="False"))
    assert propose(seen, 50, 10, 40, resource="cpu").current.average_value == 10
    assert propose(seen, 50, 10, 40, resource="memory").current.average_value == 25
    assert propose(seen, 50, 10, 40).current.average_value == 25


def test_superfluous_metrics_still_count() -> None:
    """Superfluous metrics (pods not in the list) still count in the Pods average."""
    outcome = average_replicas(observed(pods(1)), samples(10) | {"stranger": PodSample(50, NOW)}, "", 10)
    assert outcome.current.average_value == 30
    assert outcome.replicas == 3


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        ((), "^no pods returned by selector while calculating replica count$"),
        (pods(1)[:1], r"^did not receive metrics for targeted pods \(pods might be unready\)$"),
    ],
)
def test_nothing_to_average_is_an_error(seen: tuple[Pod, ...], message: str) -> None:
    with pytest.raises(InvalidMetricError, match=message):
        propose(seen, 10, None)


def test_nobody_needs_requests() -> None:
    assert propose((replace(pod("p0"), containers=()),), 10, 20).replicas == 2
