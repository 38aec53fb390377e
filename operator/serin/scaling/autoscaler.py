"""One pass of the autoscaler (upstream's `reconcileAutoscaler`)."""

from dataclasses import replace
from datetime import datetime

from serin.scaling.conditions import Condition, ConditionType, Status, without_condition
from serin.scaling.evaluation import evaluate
from serin.scaling.history import EMPTY, History, PastRecommendation
from serin.scaling.limits import Range
from serin.scaling.normalize import Wanted, normalize
from serin.scaling.observed import Observed
from serin.scaling.proposal import Proposal, propose
from serin.scaling.report import Limit, LimitType, Recommendation
from serin.scaling.spec import DEFAULTS, AutoscalerSpec, Settings, Situation
from serin.scaling.tolerance import tolerances_of
from serin.scaling.words import title
from serin.scaling.zero import scaled_to_zero, wakes

BELOW_MINIMUM = "Current number of replicas below Spec.MinReplicas"
ABOVE_MAXIMUM = "Current number of replicas above Spec.MaxReplicas"


def recommend(
    spec: AutoscalerSpec, situation: Situation, history: History = EMPTY, settings: Settings = DEFAULTS
) -> Recommendation:
    """The replicas that a workload should have now.

    spec == 0: the rules of `serin.scaling.zero`. spec > max: desired = max; spec < min: desired = min; both skip
    metrics, stabilisation and policies (no ScalingActive/Limited set). Else the proposal of the metrics, normalized.
    Rescale iff desired != spec.

    After the replicas were set, `applied` (serin.scaling.afterwards) says what the next pass must know; if that failed,
    `refused`.

    Raises:
        ValueError: there are no metrics, or not as many samples.
        TypeError: a sample is of another kind than its metric.
    """
    if not spec.metrics or len(situation.samples) != len(spec.metrics):
        raise ValueError(f"{len(spec.metrics)} metrics with {len(situation.samples)} samples: one of each is needed")
    current, minimum = situation.scale.spec_replicas, spec.minimum
    history = begun(history, current, situation.now)
    if current == 0:
        if wakes(spec, scaled=scaled_to_zero(history, settings)):
            return _at_least_minimum(_by_metrics(spec, situation, history, settings), minimum)
        return _disabled(history, situation.now, settings)
    if current > spec.max_replicas:
        limits = (Limit(LimitType.MAX_REPLICAS, current, spec.max_replicas),)
        return Recommendation(current, spec.max_replicas, history, ABOVE_MAXIMUM, limits=limits)
    if current < minimum:
        limits = (Limit(LimitType.MIN_REPLICAS, current, minimum),)
        return Recommendation(current, minimum, history, BELOW_MINIMUM, limits=limits)
    return _by_metrics(spec, situation, history, settings)


def begun(history: History, current: int, now: datetime) -> History:
    """If no recommendation history exists, record {spec replicas, now}: the first scale-down is held for the window."""
    message = "the HPA controller was able to get the target's current scale"
    history = history.told(Condition(ConditionType.ABLE_TO_SCALE, Status.TRUE, "SucceededGetScale", message, now))
    if history.recommendations:
        return history
    return replace(history, recommendations=(PastRecommendation(current, now),))


def _disabled(history: History, now: datetime, settings: Settings) -> Recommendation:
    """Desired 0, no rescale, ScalingActive=False/ScalingDisabled (and ScaledToZero removed when the gate is off)."""
    message = "scaling is disabled since the replica count of the target is zero"
    history = history.told(Condition(ConditionType.SCALING_ACTIVE, Status.FALSE, "ScalingDisabled", message, now))
    if not settings.scale_to_zero:
        history = replace(history, conditions=without_condition(history.conditions, ConditionType.SCALED_TO_ZERO))
    return Recommendation(0, 0, history)


def _at_least_minimum(recommendation: Recommendation, minimum: int) -> Recommendation:
    """After normalising, if spec == 0, min != 0, z and desired < min -> desired = min.

    ScalingLimited keeps the earlier reason.
    """
    if recommendation.proposal is None or recommendation.replicas >= minimum:
        return recommendation
    limits = (*recommendation.limits, Limit(LimitType.MIN_REPLICAS, recommendation.replicas, minimum))
    reason = recommendation.reason or BELOW_MINIMUM
    return replace(recommendation, replicas=minimum, reason=reason, limits=limits)


def _by_metrics(spec: AutoscalerSpec, situation: Situation, history: History, settings: Settings) -> Recommendation:
    """The proposal of the metrics, within the limits."""
    scale, now, current = situation.scale, situation.now, situation.scale.spec_replicas
    if scale.selector_problem is not None:
        reason, message = scale.selector_problem.reason, scale.selector_problem.message
        history = history.told(Condition(ConditionType.SCALING_ACTIVE, Status.FALSE, reason, message, now))
        return Recommendation(current, current, history, error=message)
    tolerances = tolerances_of(spec.behavior, settings)
    observed = Observed(current, scale.status_replicas, situation.pods, now, tolerances, settings)
    reports = tuple(
        evaluate(metric, sample, observed) for metric, sample in zip(spec.metrics, situation.samples, strict=True)
    )
    proposal = propose(reports, current)
    history = history.told(_active(proposal, now))
    if proposal.replicas is None:
        return Recommendation(current, current, history, metrics=reports, error=proposal.error)
    desired = max(proposal.replicas, 0)
    wanted = Wanted(desired, Range(spec.minimum, spec.max_replicas, current), history, now)
    normalized = normalize(wanted, spec.behavior, settings)
    return Recommendation(
        current,
        normalized.replicas,
        normalized.history,
        _reason(proposal, current),
        desired,
        reports,
        normalized.limits,
        proposal.error,
    )


def _active(proposal: Proposal, now: datetime) -> Condition:
    """ScalingActive=True/ValidMetricFound, or False with the first invalid metric's reason."""
    if proposal.replicas is None and proposal.invalid is not None:
        message = f"the HPA was unable to compute the replica count: {proposal.invalid.error}"
        return Condition(ConditionType.SCALING_ACTIVE, Status.FALSE, proposal.invalid.reason, message, now)
    message = f"the HPA was able to successfully calculate a replica count from {_followed(proposal)}"
    return Condition(ConditionType.SCALING_ACTIVE, Status.TRUE, "ValidMetricFound", message, now)


def _reason(proposal: Proposal, current: int) -> str:
    """Why the metrics want other replicas, as upstream's Events say it."""
    desired = max(proposal.replicas or 0, 0)
    if desired > current:
        return f"{_followed(proposal)} above target"
    return "All metrics below target" if desired < current else ""


def _followed(proposal: Proposal) -> str:
    return title(proposal.winner.metric) if proposal.winner is not None else ""
