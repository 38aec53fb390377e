"""Conditions (in this order): replicas.md, section 8."""

import pytest

from scaling.build import ABLE, ACTIVE, LIMITED, NOW, QUEUE, Passes, ago, once, pods, queue, queued, reasons, seconds
from serin.scaling.afterwards import applied, refused, unknown_scale
from serin.scaling.autoscaler import recommend
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules
from serin.scaling.conditions import Condition, ConditionType, Status, holds, with_condition, without_condition
from serin.scaling.history import EMPTY, History, PastRecommendation
from serin.scaling.metrics import MetricSpec, UnknownMetric
from serin.scaling.report import LimitType
from serin.scaling.samples import ObjectValue, Unavailable
from serin.scaling.spec import DEFAULTS, AutoscalerSpec, Scale, SelectorProblem, Situation

OLD = Condition(ConditionType.SCALING_ACTIVE, Status.TRUE, "Old", "", ago(60))
OTHER = Condition(ConditionType.ABLE_TO_SCALE, Status.TRUE, "Other", "", ago(60))


def test_condition_keeps_its_place_and_its_time_while_its_status_stays() -> None:
    new = Condition(ConditionType.SCALING_ACTIVE, Status.TRUE, "New", "words", NOW)
    assert with_condition((OLD, OTHER), new) == (
        Condition(ConditionType.SCALING_ACTIVE, Status.TRUE, "New", "words", ago(60)),
        OTHER,
    )


def test_condition_has_a_new_time_when_its_status_changes() -> None:
    new = Condition(ConditionType.SCALING_ACTIVE, Status.FALSE, "New", "words", NOW)
    assert with_condition((OTHER, OLD), new) == (OTHER, new)
    assert with_condition((OTHER,), new) == (OTHER, new)


def test_condition_that_is_removed_holds_no_more() -> None:
    assert holds((OTHER, OLD), ConditionType.SCALING_ACTIVE)
    assert not holds(without_condition((OTHER, OLD), ConditionType.SCALING_ACTIVE), ConditionType.SCALING_ACTIVE)
    assert not holds((OTHER, Condition(OLD.type, Status.FALSE, "", "", NOW)), ConditionType.SCALING_ACTIVE)


def test_able_to_scale_ready_for_new_scale() -> None:
    """True SucceededGetScale -> ReadyForNewScale."""
    result = once(queued(), 3, queue(3))
    assert [one.type.value for one in result.conditions] == [ABLE, ACTIVE, LIMITED]
    assert reasons(result)[ABLE] == "True/ReadyForNewScale"


@pytest.mark.parametrize(
    ("earlier", "length", "behavior", "reason"),
    [
        pytest.param(8, 2, None, "ScaleDownStabilized", id="without behavior"),
        pytest.param(8, 2, Behavior(), "ScaleDownStabilized", id="with behavior"),
        pytest.param(
            1, 8, Behavior(ScalingRules(300)), "ScaleUpStabilized", id="ScaleUpStabilized if proposal >= current"
        ),
        pytest.param(
            4, 4, Behavior(ScalingRules(300)), "ReadyForNewScale", id="only shown when stabilised != proposal"
        ),
    ],
)
def test_able_to_scale_stabilized(earlier: int, length: int, behavior: Behavior | None, reason: str) -> None:
    """-> ScaleDownStabilized / ScaleUpStabilized."""
    history = History((PastRecommendation(earlier, ago(60)),))
    situation = Situation(Scale(4, 4), (), (queue(length),), NOW)
    result = recommend(queued(behavior=behavior), situation, history)
    assert reasons(result)[ABLE] == f"True/{reason}"
    stabilized = [limit for limit in result.limits if limit.type is LimitType.STABILIZATION]
    if reason == "ReadyForNewScale":
        assert not stabilized
    else:
        assert [(limit.wanted, limit.until) for limit in stabilized] == [(length, NOW + seconds(240))]


def test_able_to_scale_succeeded_rescale() -> None:
    """-> SucceededRescale (last write wins)."""
    spec = queued()
    result = applied(once(spec, 3, queue(5)), spec, NOW)
    assert reasons(result)[ABLE] == "True/SucceededRescale"
    assert result.history.last_scale == NOW


def test_nothing_changes_without_a_rescale() -> None:
    spec = queued()
    result = once(spec, 3, queue(3))
    assert applied(result, spec, NOW) is result


def test_able_to_scale_failed_update_scale() -> None:
    """False FailedUpdateScale: and no event is stored."""
    result = refused(once(queued(behavior=Behavior()), 3, queue(5)), "conflict", NOW)
    assert reasons(result)[ABLE] == "False/FailedUpdateScale"
    assert result.conditions[0].message == "the HPA controller was unable to update the target scale: conflict"
    assert (result.history.scale_ups, result.history.last_scale) == ((), None)
    assert result.history.recommendations[-1].replicas == 5


def test_able_to_scale_failed_get_scale() -> None:
    """False FailedGetScale: and no recommendation is recorded."""
    history = unknown_scale(EMPTY, "not found", NOW)
    assert history == EMPTY.told(
        Condition(
            ConditionType.ABLE_TO_SCALE,
            Status.FALSE,
            "FailedGetScale",
            "the HPA controller was unable to get the target's current scale: not found",
            NOW,
        )
    )


def test_scaling_active_valid_metric_found() -> None:
    """True ValidMetricFound."""
    result = once(queued(), 3, queue(3))
    assert reasons(result)[ACTIVE] == "True/ValidMetricFound"
    assert result.conditions[1].message == (
        "the HPA was able to successfully calculate a replica count from external metric queue"
    )


@pytest.mark.parametrize("reason", ["InvalidSelector", "AmbiguousSelector"])
def test_scaling_active_selector(reason: str) -> None:
    """False InvalidSelector, AmbiguousSelector: the metrics are not looked at."""
    scale = Scale(3, 3, SelectorProblem(reason, "why"))
    result = recommend(queued(), Situation(scale, (), (queue(9),), NOW))
    assert reasons(result) == {ABLE: "True/SucceededGetScale", ACTIVE: f"False/{reason}"}
    assert (result.replicas, result.proposal, result.metrics, result.error) == (3, None, (), "why")


@pytest.mark.parametrize(
    ("metric", "reason"), [(QUEUE, "FailedGetExternalMetric"), (UnknownMetric("Moon"), "InvalidMetricSourceType")]
)
def test_scaling_active_invalid_metric(metric: MetricSpec, reason: str) -> None:
    """False … FailedGet…Metric, InvalidMetricSourceType; the replicas stay, and ScalingLimited is not touched."""
    result = once(AutoscalerSpec(10, 1, (metric,)), 3, Unavailable("gone"))
    assert reasons(result) == {ABLE: "True/SucceededGetScale", ACTIVE: f"False/{reason}"}
    assert result.conditions[1].message.startswith("the HPA was unable to compute the replica count: ")
    assert (result.replicas, result.proposal, result.limits) == (3, None, ())
    assert result.error.startswith("invalid metrics (1 invalid out of 1), first error is: ")
    assert result.metrics[0].error
    assert len(result.history.recommendations) == 1


def test_scaling_active_although_some_are_invalid() -> None:
    spec = AutoscalerSpec(10, 1, (UnknownMetric("Moon"), QUEUE))
    result = once(spec, 3, ObjectValue(1), queue(4))
    assert (result.replicas, reasons(result)[ACTIVE]) == (4, "True/ValidMetricFound")
    assert result.error.startswith("invalid metrics (1 invalid out of 2)")


@pytest.mark.parametrize(
    ("spec", "current", "length", "limited", "kind"),
    [
        pytest.param(queued(), 3, 4, "False/DesiredWithinRange", None, id="DesiredWithinRange"),
        pytest.param(queued(minimum=3), 3, 1, "False/DesiredWithinRange", None, id="held by stabilization"),
        pytest.param(queued(5), 4, 9, "True/TooManyReplicas", LimitType.MAX_REPLICAS, id="TooManyReplicas"),
        pytest.param(queued(), 3, 9, "True/ScaleUpLimit", LimitType.POLICY, id="ScaleUpLimit"),
        pytest.param(
            queued(minimum=2, behavior=Behavior(scale_down=ScalingRules(0))),
            5,
            1,
            "True/TooFewReplicas",
            LimitType.MIN_REPLICAS,
            id="TooFewReplicas",
        ),
        pytest.param(
            queued(behavior=Behavior(scale_down=ScalingRules(0, policies=(Policy(PolicyType.PODS, 1, 60),)))),
            5,
            1,
            "True/ScaleDownLimit",
            LimitType.POLICY,
            id="ScaleDownLimit",
        ),
        pytest.param(
            queued(6, behavior=Behavior()),
            5,
            6,
            "False/DesiredWithinRange",
            None,
            id="True iff desired != stabilised",
        ),
    ],
)
def test_scaling_limited(spec: AutoscalerSpec, current: int, length: int, limited: str, kind: LimitType | None) -> None:
    """False DesiredWithinRange; True TooFewReplicas, TooManyReplicas, ScaleUpLimit, ScaleDownLimit."""
    result = once(spec, current, queue(length))
    assert reasons(result)[LIMITED] == limited
    others = [limit.type for limit in result.limits if limit.type is not LimitType.STABILIZATION]
    assert others == ([] if kind is None else [kind])


def test_conditions_of_earlier_passes_stay() -> None:
    passes = Passes(queued(), 3)
    passes.step(3)
    assert passes.last is not None
    first = passes.last.conditions
    passes.step(3)
    assert passes.last.conditions == first
    assert [one.since for one in first] == [NOW + seconds(15)] * 3
    result = recommend(
        queued(),
        Situation(Scale(3, 3), pods(1), (Unavailable("gone"),), passes.now + seconds(15)),
        passes.history,
        DEFAULTS,
    )
    assert reasons(result)[LIMITED] == "False/DesiredWithinRange"
    assert {one.type.value: one.since for one in result.conditions}[ACTIVE] == passes.now + seconds(15)
