"""Resource, Utilization (`GetResourceReplicas`): replicas.md, section 2. Several cases are upstream's own."""

from dataclasses import replace

import pytest

from scaling.build import but, observed, pod, pods, samples
from serin.scaling.errors import InvalidMetricError
from serin.scaling.numbers import MAX_INT64
from serin.scaling.outcome import Outcome
from serin.scaling.per_pod import utilization_replicas, utilization_usage
from serin.scaling.pods import Pod
from serin.scaling.report import Hold
from serin.scaling.samples import PodSample


def hot(name: str) -> Pod:
    """A pod that has just started, and has not been ready for as long as a sample looks back."""
    return pod(name, started=60, since=20)


def propose(seen: tuple[Pod, ...], replicas: int, target: int, *values: int | None) -> Outcome:
    """What CPU at these values proposes against the target."""
    return utilization_replicas(observed(seen, replicas), samples(*values), "cpu", "", target)


def test_utilization_truncates() -> None:
    """`utilization = int(totalUsage*100 / totalRequest)` (integer truncation), `r = utilization/target` (float64)."""
    usage = utilization_usage({"p0": 509, "p1": 510}, {"p0": 1000, "p1": 1000}, 30)
    assert usage.current.average_utilization == 50
    assert usage.current.average_value == 509
    assert usage.ratio == 50.0 / 30.0


def test_utilization_is_over_pods_having_both_metric_and_request() -> None:
    usage = utilization_usage({"p0": 500, "stranger": 9000}, {"p0": 1000, "p1": 1000}, 50)
    assert usage.current.average_utilization == 50
    assert usage.current.average_value == 500


def test_total_request_0_is_an_error() -> None:
    """total request 0 -> error "no metrics returned matched known pods"."""
    with pytest.raises(InvalidMetricError, match=r"^no metrics returned matched known pods$"):
        utilization_usage({"p0": 500}, {"p0": 0}, 50)
    with pytest.raises(InvalidMetricError, match=r"^no metrics returned matched known pods$"):
        utilization_usage({"stranger": 500}, {"p0": 1000}, 50)


def test_utilization_wraps_around_as_int64_and_int32_do() -> None:
    assert utilization_usage({"p": MAX_INT64}, {"p": 1}, 1).current.average_utilization == -100
    assert utilization_usage({"p": 2**31}, {"p": 100}, 1).current.average_utilization == -(2**31)
    both = utilization_usage({"p": MAX_INT64, "q": 1}, {"p": 2**62, "q": 2**62}, 1)
    assert both.current.average_value == -(2**62)
    assert both.current.average_utilization == 0


def test_utilization_below_zero_truncates_towards_zero() -> None:
    usage = utilization_usage({"p0": -509, "p1": -510}, {"p0": 1000, "p1": 1000}, 30)
    assert usage.current.average_utilization == -50
    assert usage.current.average_value == -509


@pytest.mark.parametrize(
    ("values", "target", "replicas"),
    [
        pytest.param((300, 500, 700), 30, 5, id="scale up: 50 % of 30 %, ceil(1.67 * 3)"),
        pytest.param((100, 300, 500, 250, 250), 50, 3, id="scale down: 28 % of 50 %, ceil(0.56 * 5)"),
        pytest.param((1000, 1000), 100, 2, id="at the target"),
        pytest.param((550, 550), 50, 2, id="r = 1.1 is within the tolerance"),
        pytest.param((560, 560), 50, 3, id="1.12 is not"),
        pytest.param((450, 450), 50, 2, id="r = 0.9 is within the tolerance"),
        pytest.param((449, 449), 50, 2, id="0.88, ceil(1.76)"),
        pytest.param((0, 0), 50, 0, id="no usage at all"),
    ],
)
def test_no_missing_pods_and_none_unready(values: tuple[int, ...], target: int, replicas: int) -> None:
    """no missing pods and not (unready pods exist and r > 1): `within(r) ? current : ceil(r * readyCount)`."""
    assert propose(pods(len(values)), len(values), target, *values).replicas == replicas


def test_ready_pods_are_multiplied_and_not_the_current_replicas() -> None:
    """Note readyCount, not current: two of ten pods are there."""
    assert propose(pods(2), 10, 50, 1000, 1000).replicas == 4


def test_unready_pods_do_not_count_on_scale_down() -> None:
    """Upstream: "scale down: exclude unready pods": 30 % of 50 %, of the three that are ready."""
    seen = but(pods(5), p3=pod("p3", ready="False", since=3600), p4=pod("p4", ready="False", since=3600))
    outcome = propose(seen, 5, 50, 100, 300, 500, 250, 250)
    assert (outcome.replicas, outcome.current.average_utilization, outcome.ratio) == (2, 30, 0.6)
    assert outcome.pods is not None
    assert (outcome.pods.ready, outcome.pods.unready) == (3, 2)


@pytest.mark.parametrize(
    ("seen", "replicas", "target", "values", "proposed"),
    [
        pytest.param(
            but(pods(3), p0=hot("p0")),
            3,
            30,
            (300, 500, 700),
            4,
            id="unready pods: only when r > 1 -> 0: (0 + 500 + 700) is 40 % of 30 %, ceil(1.33 * 3)",
        ),
        pytest.param(
            but(pods(3), p1=hot("p1"), p2=hot("p2")),
            3,
            30,
            (400, 500, 700),
            3,
            id="r2 = 13/30 on the other side of 1: no scale",
        ),
        pytest.param(
            but(pods(3), p0=replace(pod("p0"), phase="Pending")),
            3,
            30,
            (None, 500, 700),
            4,
            id="a pending pod is unready, and counts as one of n",
        ),
        pytest.param(
            but(pods(2), p0=pod("p0", ready="False", since=3600)),
            2,
            50,
            (0, 550),
            2,
            id="r = 1.1 > 1 is not decided before the unready one is filled in",
        ),
    ],
)
def test_unready_pods_count_as_idle_on_scale_up(
    seen: tuple[Pod, ...], replicas: int, target: int, values: tuple[int | None, ...], proposed: int
) -> None:
    """Otherwise fill in and recompute r2 over the enlarged set (n = number of pods in it)."""
    assert propose(seen, replicas, target, *values).replicas == proposed


@pytest.mark.parametrize(
    ("values", "target", "replicas", "hold"),
    [
        pytest.param((800, None), 50, 2, Hold.INCOMPLETE, id="r > 1 -> 0: 40 % of 50 % is the other side of 1"),
        pytest.param((1000, 1000, None), 50, 4, None, id="r > 1 -> 0: 66 % of 50 %, ceil(1.32 * 3)"),
        pytest.param((400, 400, None), 50, 3, Hold.INCOMPLETE, id="r < 1 -> the request: 60 % of 50 %"),
        pytest.param((100, 100, None), 50, 3, None, id="r < 1 -> the request: 40 % of 50 %, ceil(0.8 * 3)"),
        pytest.param((100, 100, None), 30, 3, Hold.INCOMPLETE, id="not the target: 40 % of 30 % would scale up"),
        pytest.param(
            (10, None, None), 200, 2, None, id="or the target if it is > 100: 133 % of 200 %, ceil(0.665 * 3)"
        ),
        pytest.param((500, None, None), 50, 3, Hold.TOLERANCE, id="r == 1 -> stay absent"),
    ],
)
def test_missing_pods(values: tuple[int | None, ...], target: int, replicas: int, hold: Hold | None) -> None:
    """missing pods: r < 1 -> usage = request * max(100, target)/100; r > 1 -> 0; r == 1 -> stay absent."""
    outcome = propose(pods(len(values)), len(values), target, *values)
    assert outcome.replicas == replicas
    assert outcome.hold is hold


def test_missing_pods_use_100_percent_of_the_request_of_their_own() -> None:
    """Missing pods on scale-down use 100 % of request: 2 * 100 of 1000 and 3000 of 3000 are 64 % of 80 %."""
    seen = but(pods(3), p2=pod("p2", cpu=3000))
    outcome = propose(seen, 3, 80, 100, 100, None)
    assert outcome.ratio == 64 / 80
    assert outcome.replicas == 3


@pytest.mark.parametrize(
    ("replicas", "proposed", "hold"),
    [
        pytest.param(5, 2, None, id="ceil(0.4 * 5) = 2 of 5"),
        pytest.param(1, 1, Hold.INCOMPLETE, id="current if r2 < 1 and m > current"),
    ],
)
def test_result_never_turns_against_the_ratio(replicas: int, proposed: int, hold: Hold | None) -> None:
    """`m = ceil(r2*n)`; current if (r2<1 and m>current) or (r2>1 and m<current); else m."""
    outcome = propose(pods(5), replicas, 100, 250, 250, 250, 250, None)
    assert outcome.ratio == 0.4
    assert (outcome.replicas, outcome.hold) == (proposed, hold)


def test_result_that_is_the_current_count_is_not_held() -> None:
    """m == current on either side of 1."""
    assert propose(pods(5), 2, 100, 250, 250, 250, 250, None) == replace(
        propose(pods(5), 9, 100, 250, 250, 250, 250, None), replicas=2
    )
    up = propose(pods(3), 4, 50, 1000, 1000, None)
    assert (up.replicas, up.hold) == (4, None)


def test_result_never_shrinks_on_a_high_ratio() -> None:
    """current if (r2>1 and m<current): three pods are known of twenty replicas."""
    outcome = propose(pods(3), 20, 50, 1000, 1000, None)
    assert outcome.ratio == 66 / 50
    assert (outcome.replicas, outcome.hold) == (20, Hold.INCOMPLETE)


def test_superfluous_metrics_do_not_count_in_the_utilization_but_in_n() -> None:
    """`float64(len(metrics))` counts the stranger too: ceil(1.32 * 4) and not ceil(1.32 * 3)."""
    given = samples(1000, 1000, None) | {"stranger": PodSample(0, samples(1)["p0"].timestamp)}
    outcome = utilization_replicas(observed(pods(3)), given, "cpu", "", 50)
    assert outcome.ratio == 66 / 50
    assert outcome.replicas == 6


def test_metrics_of_ignored_pods_are_removed() -> None:
    """Upstream: "scale up: failed pods ignored"."""
    seen = but(pods(4), p2=replace(pod("p2"), phase="Failed"), p3=replace(pod("p3"), deleted=True))
    outcome = propose(seen, 2, 30, 500, 700, 5000, 5000)
    assert (outcome.replicas, outcome.current.average_utilization) == (4, 60)


def test_no_samples_of_pods_that_count_is_an_error() -> None:
    """Metrics of ignored and unready pods are removed; if none remain: error."""
    message = r"^did not receive metrics for targeted pods \(pods might be unready\)$"
    with pytest.raises(InvalidMetricError, match=message):
        propose((replace(pod("p0"), phase="Pending"), replace(pod("p1"), deleted=True)), 2, 50, 500, 500)
    with pytest.raises(InvalidMetricError, match=message):
        propose(pods(2), 2, 50, None, None)


def test_no_pods_is_an_error() -> None:
    with pytest.raises(InvalidMetricError, match=r"^no pods returned by selector while calculating replica count$"):
        propose((), 2, 50, 500)


def test_any_missing_request_fails_the_whole_metric() -> None:
    """any missing request -> error for the whole metric, even that of a pod that is on its way out."""
    seen = but(pods(2), p1=replace(pod("p1"), deleted=True, containers=()))
    assert propose(seen, 2, 50, 500, None).replicas == 2
    seen = but(pods(2), p1=replace(seen[1], containers=(replace(pod().containers[0], requests={}),)))
    with pytest.raises(InvalidMetricError, match=r"^missing request for cpu in container model of Pod p1$"):
        propose(seen, 2, 50, 500, None)
