"""What becomes of the autoscaler's advice: it is in the status, with what was done about it, for the next pass."""

from dataclasses import replace

from serin.api.autoscaling_status import AutoscalingStatus, DemandBy, DemandStatus, ScalingCondition
from serin.api.status import ConditionStatus, Phase, RevisionStatus
from serin.rollout.capacity import demand, is_rebalancing, news_of, prepared_weight, scaling_of, whole, whole_of
from serin.rollout.draft import Draft
from serin.rollout.world import Advice
from serin.scaling.afterwards import applied
from serin.scaling.capacity import pods_for
from serin.scaling.conditions import ConditionType
from serin.scaling.remembered import remember


def tell_scaling(draft: Draft) -> None:
    """Write down what the autoscaler says of stable and of the candidate; of who lost its traffic it says nothing."""
    if draft.desired.spec.autoscaling is None:
        draft.set(autoscaling=())
        return
    stable, candidate = draft.revision(draft.status.stable), draft.revision(draft.status.candidate)
    entries = [_of_stable(draft, stable) if stable is not None else None]
    if candidate is not None and stable is not None and draft.status.phase is not Phase.ROLLING_BACK:
        entries.append(_of_candidate(draft, candidate))
    draft.set(autoscaling=tuple(entry for entry in entries if entry is not None))


def active_fact(draft: Draft) -> tuple[ConditionStatus, str, str] | None:
    """Whether stable's replicas follow metrics, and whose; None without autoscaling.

    What is wrong with a candidate's metrics is said, too: while it has no traffic there may be none.
    """
    if draft.desired.spec.autoscaling is None:
        return None
    told = {entry.revision: each for entry in draft.status.autoscaling for each in _active(entry)}
    of_stable = told.pop(draft.status.stable or "", None)
    if of_stable is None:
        return ConditionStatus.UNKNOWN, "NotYetComputed", "no pass of the autoscaler has looked at the metrics yet"
    sources = sorted({entry.source for entry in draft.status.autoscaling if entry.source is not None})
    words = [of_stable.message]
    words += [f"CPU and memory by {' and '.join(sources)}"] if sources else []
    words += [f"{revision}: {each.message}" for revision, each in told.items() if each.status == "False"]
    return ConditionStatus(of_stable.status), of_stable.reason, "; ".join(words)


def _active(entry: AutoscalingStatus) -> tuple[ScalingCondition, ...]:
    return tuple(each for each in entry.conditions if each.type == ConditionType.SCALING_ACTIVE)


def _of_stable(draft: Draft, entry: RevisionStatus) -> AutoscalingStatus | None:
    """What it says of all the traffic."""
    advice, known = news_of(draft, entry.revision), scaling_of(draft, entry.revision)
    if entry.revision != draft.world.status.stable:
        return _inherited(draft, known, advice)
    pods, prepares = whole(draft), _demand_of_stable(draft)
    if advice is None:
        return known and known.model_copy(update={"desired": pods, "demand": prepares})
    before = whole_of(draft.world.status, draft.desired.spec)
    if pods != before:
        reason = advice.recommendation.reason or "within minReplicas and maxReplicas"
        draft.say("SuccessfulRescale", f"New size: {pods}; reason: {reason}")
    done = applied(replace(advice.recommendation, replicas=pods), advice.spec, draft.now)
    return remember(entry.revision, done, advice.at, demand=prepares, source=advice.source)


def _of_candidate(draft: Draft, entry: RevisionStatus) -> AutoscalingStatus | None:
    """What it says of the candidate's own share; what was done is that, or what the weight demands if that is more."""
    advice, known, prepares = news_of(draft, entry.revision), scaling_of(draft, entry.revision), _demand(draft)
    if advice is None:
        return known and known.model_copy(update={"demand": prepares})
    said = advice.recommendation
    done = applied(said, advice.spec, draft.now) if said.replicas == entry.replicas else said
    return remember(entry.revision, done, advice.at, demand=prepares, source=advice.source)


def _inherited(draft: Draft, known: AutoscalingStatus | None, advice: Advice | None) -> AutoscalingStatus | None:
    """A version that was promoted goes on with the history of the one before: that spoke of all the traffic.

    Its own was that of a part: a stabilization window would be full of what a few requests needed.
    """
    before, revision = scaling_of(draft, draft.world.status.stable), draft.status.stable or ""
    if advice is not None:
        known = remember(revision, advice.recommendation, advice.at, source=advice.source)
    if before is None:
        return known
    entry = known or before.model_copy(update={"revision": revision})
    pods = whole(draft)
    return entry.model_copy(update={"desired": pods, "current": pods, "history": before.history, "demand": None})


def _demand(draft: Draft) -> DemandStatus | None:
    weight = prepared_weight(draft)
    if weight is None:
        return None
    needs = demand(draft, weight)
    return DemandStatus(weight=needs.weight, replicas=needs.pods, by=needs.by)


def _demand_of_stable(draft: Draft) -> DemandStatus | None:
    """Stable is prepared for what it may have to carry: all of the traffic, or under `Rebalance` its share."""
    weight = prepared_weight(draft)
    if weight is None:
        return None
    share = 100 - weight if is_rebalancing(draft.desired.spec) else 100
    return DemandStatus(weight=share, replicas=pods_for(whole(draft), share), by=DemandBy.RATIO)
