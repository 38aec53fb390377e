"""What holds of every pass, whatever the pods and the samples are."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scaling.build import NOW, QUEUE, ago, once, pod, pods, queue, queued, usage
from serin.scaling.autoscaler import recommend
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules, SelectPolicy
from serin.scaling.history import History, PastRecommendation, ScaleEvent
from serin.scaling.metrics import (
    ExternalMetric,
    MetricSpec,
    ObjectMetric,
    PodsMetric,
    ResourceMetric,
    Target,
    average_value,
    utilization,
    value,
)
from serin.scaling.pods import Pod
from serin.scaling.samples import ExternalValues, ObjectValue, PodSample, PodValues, ResourceUsage, Sample, Unavailable
from serin.scaling.spec import AutoscalerSpec, Scale, Situation

AGES = st.floats(0, 600, allow_nan=False)
POLICIES = st.builds(Policy, st.sampled_from(PolicyType), st.integers(1, 200), st.integers(1, 400))
RULES = st.builds(
    ScalingRules,
    st.none() | st.integers(0, 600),
    st.none() | st.sampled_from(SelectPolicy),
    st.none() | st.lists(POLICIES, min_size=1, max_size=3).map(tuple),
)
BEHAVIORS = st.none() | st.builds(Behavior, RULES, RULES)
EVENTS = st.lists(st.builds(lambda change, age: ScaleEvent(change, ago(age)), st.integers(0, 20), AGES), max_size=4)
HISTORIES = st.builds(
    lambda past, ups, downs: History(tuple(past), tuple(ups), tuple(downs)),
    st.lists(st.builds(lambda count, age: PastRecommendation(count, ago(age)), st.integers(0, 60), AGES), max_size=6),
    EVENTS,
    EVENTS,
)
READY, STARTING, PENDING = (pod(), pod(started=60, since=5), replace(pod(), phase="Pending"))
KINDS = st.sampled_from([READY, READY, READY, STARTING, PENDING])


@given(
    st.integers(1, 20),
    st.integers(0, 30),
    st.integers(1, 60),
    st.integers(0, 80),
    BEHAVIORS,
    HISTORIES,
)
def test_replicas_are_within_minimum_and_maximum(
    minimum: int, span: int, current: int, length: int, behavior: Behavior | None, history: History
) -> None:
    spec = queued(minimum + span, minimum, behavior=behavior)
    situation = Situation(Scale(current, current), (), (queue(length),), NOW)
    result = recommend(spec, situation, history)
    assert minimum <= result.replicas <= minimum + span


@given(st.integers(1, 50), st.integers(0, 80), BEHAVIORS, HISTORIES)
def test_replicas_move_only_towards_the_stabilized_proposal(
    current: int, length: int, behavior: Behavior | None, history: History
) -> None:
    """Whatever limits them: between what there is and what the metrics or their recent past asked for."""
    situation = Situation(Scale(current, current), (), (queue(length),), NOW)
    result = recommend(queued(), situation, history)
    recent = [length, current, 1, *(past.replicas for past in history.recommendations)]
    assert min(recent) <= result.replicas <= max(recent)
    for before, after in zip(result.limits, result.limits[1:], strict=False):
        assert before.allowed == after.wanted


PER_POD = [
    pytest.param(ResourceMetric("cpu", utilization(50)), id="utilization"),
    pytest.param(ResourceMetric("cpu", average_value(500)), id="average of a resource"),
    pytest.param(PodsMetric("rps", average_value(500)), id="average of pods"),
]


def sampled(metric: MetricSpec, values: list[int | None]) -> Sample:
    """The values of p0, p1, … as the metric wants them."""
    known = {f"p{index}": amount for index, amount in enumerate(values) if amount is not None}
    if isinstance(metric, ResourceMetric):
        return ResourceUsage(tuple(usage(name, {"model": {"cpu": amount}}) for name, amount in known.items()))
    return PodValues({name: PodSample(amount, NOW) for name, amount in known.items()})


@pytest.mark.parametrize("metric", PER_POD)
@given(
    st.lists(st.tuples(KINDS, st.none() | st.integers(0, 3000)), min_size=1, max_size=8),
    st.integers(0, 7),
    st.integers(1, 2000),
)
def test_more_usage_never_proposes_fewer(
    metric: MetricSpec, given_pods: list[tuple[Pod, int | None]], busier: int, more: int
) -> None:
    """Where there are as many pods as replicas, whichever of them are ready or have samples."""
    seen = tuple(replace(kind, name=f"p{index}") for index, (kind, _) in enumerate(given_pods))
    values = [amount for _, amount in given_pods]
    busier %= len(values)
    higher = [*values[:busier], (values[busier] or 0) + more, *values[busier + 1 :]]
    assume(values[busier] is not None)
    spec = AutoscalerSpec(10**6, 1, (metric,))
    before = once(spec, len(seen), sampled(metric, values), seen=seen)
    after = once(spec, len(seen), sampled(metric, higher), seen=seen)
    assert (before.proposal is None) == (after.proposal is None)
    if before.proposal is not None and after.proposal is not None:
        assert before.proposal <= after.proposal
        assert before.replicas <= after.replicas


@pytest.mark.parametrize("metric", [ObjectMetric("rps", value(1000)), ExternalMetric("rps", average_value(300))])
@given(st.integers(0, 12), st.integers(0, 30000), st.integers(0, 5000))
def test_more_load_on_the_whole_never_proposes_fewer(metric: MetricSpec, count: int, load: int, more: int) -> None:
    spec = AutoscalerSpec(10**6, 1, (metric,))

    def proposal(amount: int) -> int | None:
        sample = ObjectValue(amount) if isinstance(metric, ObjectMetric) else ExternalValues((amount,))
        return once(spec, count, sample, seen=pods(count)).proposal

    before, after = proposal(load), proposal(load + more)
    assert (before is None) == (after is None) == (count == 0)
    if before is not None and after is not None:
        assert before <= after


@given(
    st.integers(1, 30),
    st.sampled_from([utilization(50), average_value(500)]),
    st.integers(450, 550),
    BEHAVIORS,
)
def test_nothing_moves_within_the_tolerance(count: int, target: Target, amount: int, behavior: Behavior | None) -> None:
    metric = ResourceMetric("cpu", target)
    spec = AutoscalerSpec(100, 1, (metric, QUEUE), behavior)
    result = once(spec, count, sampled(metric, [amount] * count), queue(count), seen=pods(count))
    assert (result.replicas, result.rescale, result.limits) == (count, False, ())


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(0, 40), st.integers(1, 20))
def test_another_metric_never_lowers_the_proposal(lengths: list[int], another: int, current: int) -> None:
    def proposal(given_lengths: list[int]) -> int:
        spec = AutoscalerSpec(1000, 1, (QUEUE,) * len(given_lengths))
        found = once(spec, current, *map(queue, given_lengths)).proposal
        assert found is not None
        return found

    assert proposal([*lengths, another]) == max(proposal(lengths), proposal([another]))


@given(st.integers(1, 30), st.integers(0, 30), BEHAVIORS, HISTORIES)
def test_invalid_metric_never_scales_down(
    current: int, length: int, behavior: Behavior | None, history: History
) -> None:
    spec = AutoscalerSpec(100, 1, (QUEUE, QUEUE), behavior)
    situation = Situation(Scale(current, current), (), (Unavailable("gone"), queue(length)), NOW)
    result = recommend(spec, situation, history)
    assert result.error
    assert result.replicas >= current
    if length < 0.9 * current:
        assert (result.proposal, result.replicas) == (None, current)


@given(st.integers(1, 30), st.integers(0, 60), BEHAVIORS, HISTORIES)
def test_same_inputs_same_result(current: int, length: int, behavior: Behavior | None, history: History) -> None:
    """It reads no clock and changes nothing that it was given."""
    kept = replace(history)
    situation = Situation(Scale(current, current), (), (queue(length),), NOW)
    first = recommend(queued(behavior=behavior), situation, history)
    assert recommend(queued(behavior=behavior), situation, history) == first
    assert history == kept
