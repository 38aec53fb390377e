"""How many pods carry the whole traffic, and how many a version needs for its share: the one place that says so."""

from dataclasses import dataclass
from datetime import timedelta

from serin.api.autoscaling_metrics import Signal
from serin.api.autoscaling_status import AutoscalingStatus, DemandBy
from serin.api.spec import Autoscaling, Capacity, ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus, Phase, RevisionStatus
from serin.rollout.draft import Draft
from serin.rollout.load import load_of_step
from serin.rollout.ratio import pods_for_ratio, shares_by_replicas
from serin.rollout.schedule import schedule
from serin.rollout.world import Advice
from serin.scaling.capacity import Pods, pods_by_littles_law, pods_for, requests_at
from serin.scaling.quantities import milli

WINDOW = timedelta(minutes=2)
"""The longest window over which requests under way are measured (`serin.metrics.loads`)."""
LAG = timedelta(seconds=15)
"""How far behind what is measured is: a scrape."""
LEAST_MEASURED = timedelta(seconds=45)
"""So much of the present weight must be in the window: from less, chance would be extrapolated."""
SLACK = 0.1
"""How far apart the least and the most may be that a mean weight can be."""


def whole_of(status: ModelDeploymentStatus, spec: ModelDeploymentSpec) -> int:
    """The pods that carry the whole traffic, S, as was decided last."""
    if status.capacity is not None:
        return status.capacity.whole
    if spec.autoscaling is None:
        return spec.replicas
    stable = next((entry for entry in status.revisions if entry.revision == status.stable), None)
    return within_limits(spec.autoscaling, stable.replicas if stable else spec.replicas)


def whole(draft: Draft) -> int:
    """The pods that carry the whole traffic of this plan."""
    return whole_of(draft.status, draft.desired.spec)


def within_limits(autoscaling: Autoscaling, replicas: int) -> int:
    """So many replicas, as far as minReplicas and maxReplicas allow."""
    return min(max(replicas, autoscaling.min_replicas), autoscaling.max_replicas)


def is_rebalancing(spec: ModelDeploymentSpec) -> bool:
    """Whether stable is asked to give up the pods that its weight does not need."""
    return spec.strategy is not None and spec.strategy.capacity is Capacity.REBALANCE


def rebalances(draft: Draft) -> bool:
    """Whether traffic moves together with pods: stable gives some up, or has not got all of them back."""
    status = draft.status
    if status.candidate is None or status.stable is None:
        return False
    return lacks_pods(draft.desired.spec, status)


def lacks_pods(spec: ModelDeploymentSpec, status: ModelDeploymentStatus) -> bool:
    """Whether stable may have fewer pods than carry the whole traffic: it is asked to, or has not got them back."""
    return is_rebalancing(spec) or (status.capacity is not None and status.capacity.rebalanced)


def is_elastic(draft: Draft) -> bool:
    """Whether it is not a person who says how many pods there are."""
    return draft.desired.spec.autoscaling is not None or is_autoscaled(draft)


def is_autoscaled(draft: Draft) -> bool:
    """Whether an autoscaler of the user's on /scale says how many pods there are: as far as is known, or was before."""
    known, capacity = draft.desired.autoscaled, draft.status.capacity
    return known if known is not None else capacity is not None and capacity.replicas is not None


def gives_back_in_moves(draft: Draft) -> bool:
    """Whether the candidate has traffic that cannot return to stable at once."""
    candidate = draft.revision(draft.status.candidate)
    return candidate is not None and bool(candidate.weight) and rebalances(draft)


@dataclass(frozen=True)
class Demand:
    """The pods that the candidate needs for a weight, in percent, and what that is computed from."""

    weight: int
    pods: int
    by: DemandBy


def demand(draft: Draft, weight: int) -> Demand:
    """What the candidate needs for a weight: by its requests under way, if they are scaled by, else by its share of S.

    Where other metrics count beside the requests, so does the share: what they need is known for the whole alone.
    """
    total, autoscaling = whole(draft), draft.desired.spec.autoscaling
    if shares_by_replicas(draft.desired.spec):
        return Demand(weight, pods_for_ratio(total, weight), DemandBy.RATIO)
    pods, by = pods_for(total, weight), DemandBy.RATIO
    if autoscaling is None:
        return Demand(weight, pods, by)
    by_requests = _by_requests(draft, autoscaling, weight)
    if by_requests is not None and (by_requests > pods or _is_by_requests_alone(autoscaling)):
        pods, by = by_requests, DemandBy.LITTLES_LAW
    pods = max(pods, _kept_until_measured(draft, autoscaling))
    return Demand(weight, min(max(pods, 1), autoscaling.max_replicas), by)


def recommended(draft: Draft, revision: str) -> int:
    """The replicas that the autoscaler says this revision needs on its own; 0 if it says nothing.

    Under the replica ratio more pods would be more traffic.
    """
    if draft.desired.spec.autoscaling is None or shares_by_replicas(draft.desired.spec):
        return 0
    advice, known = news_of(draft, revision), scaling_of(draft, revision)
    if advice is not None:
        return advice.recommendation.replicas
    return known.desired if known is not None else 0


def news_of(draft: Draft, revision: str | None) -> Advice | None:
    """What the autoscaler says of a revision, if it was not heeded yet."""
    advice, known = draft.world.scaling.get(revision or ""), scaling_of(draft, revision)
    return advice if advice is not None and (known is None or advice.at > known.at) else None


def scaling_of(draft: Draft, revision: str | None) -> AutoscalingStatus | None:
    """What the autoscaler said of a revision last."""
    return next((entry for entry in draft.status.autoscaling if entry.revision == revision), None)


def pods_of(draft: Draft, entry: RevisionStatus) -> Pods:
    """The pods of a revision: those that are decided or there, whichever are more, and the Ready ones."""
    workload = draft.workload(entry.revision)
    if workload is None:
        return Pods(entry.replicas, 0)
    return Pods(max(entry.replicas, workload.replicas), workload.ready if workload.settled else 0)


def prepared_weight(draft: Draft) -> int | None:
    """The weight that the candidate is being prepared for; None without a rollout."""
    status = draft.status
    if status.candidate is None or status.stable is None or status.phase is Phase.ROLLING_BACK:
        return None
    if status.phase is Phase.PROMOTING or status.step is None:
        return 100
    return max(load_of_step(draft), status.weight or 0)


def measured_weight(draft: Draft) -> float | None:
    """The candidate's weight, in percent, of which its newest measurement speaks: the mean over the window.

    Part of the window may lie before the present weight. What it had then is known of its steps, but not for how long:
    each lasted at least as long as it is held. None where that leaves more than `SLACK` open, or where too little of
    the present weight is in the window. The least that it can have been is told: pods too many are the lesser evil.
    """
    status, advice = draft.world.status, draft.world.scaling.get(draft.world.status.candidate or "")
    step, plan = status.step, schedule(draft.desired.spec)
    if step is None or step.since is None or plan is None or advice is None or step.weight != (status.weight or 0):
        return None
    seen = min(advice.at - step.since - LAG, WINDOW)
    if seen < LEAST_MEASURED:
        return None
    earlier = [other for other in plan.stages if (other.step, other.block) < (step.index, step.block)]
    least, left = seen * step.weight, WINDOW - seen
    most = least + left * (earlier[-1].weight if earlier else 0)
    for stage in reversed(earlier):
        known = min(stage.hold or timedelta(0), left)
        least, left = least + known * stage.weight, left - known
    return least / WINDOW if least >= (1 - SLACK) * most else None


def _by_requests(draft: Draft, autoscaling: Autoscaling, weight: int) -> int | None:
    """By Little's law, with the latency of the candidate, or of stable while the candidate has no traffic.

    While the weight moves nothing can be measured: what was computed for the next one stands.
    """
    target = _requests_per_pod(autoscaling)
    if target is None:
        return None
    revision, share = draft.status.stable, 100.0
    if draft.world.status.weight:
        measured = measured_weight(draft)
        if measured is None:
            known = scaling_of(draft, draft.status.candidate)
            before = known.demand if known is not None else None
            stands = before is not None and before.weight == weight and before.by is DemandBy.LITTLES_LAW
            return before.replicas if before is not None and stands else None
        revision, share = draft.status.candidate, measured
    advice = draft.world.scaling.get(revision or "")
    if advice is None or advice.concurrency is None:
        return None
    return pods_by_littles_law(requests_at(advice.concurrency, share, weight), target)


def _kept_until_measured(draft: Draft, autoscaling: Autoscaling) -> int:
    """What the candidate has by its requests it keeps until all that is measured is of its weight.

    The ratio may be less, and so may an estimate from two weights.
    """
    candidate, weight = draft.revision(draft.status.candidate), draft.world.status.weight
    if candidate is None or _requests_per_pod(autoscaling) is None or not weight:
        return 0
    return 0 if measured_weight(draft) == weight else candidate.replicas


def _requests_per_pod(autoscaling: Autoscaling) -> float | None:
    """The target of the metric of running requests, for each pod; None if there is no such metric."""
    for metric in autoscaling.expanded().metrics or ():
        source = metric.prometheus
        if source is not None and source.metric is Signal.RUNNING_REQUESTS and source.target.average_value is not None:
            return milli(source.target.average_value) / 1000
    return None


def _is_by_requests_alone(autoscaling: Autoscaling) -> bool:
    return len(autoscaling.expanded().metrics or ()) == 1
