"""The pods that carry the whole traffic: as a person wrote, as the autoscaler says, or as one on /scale asks for.

An autoscaler of the user's on /scale sees stable alone, and its load fall as the weight leaves. So what it asks for is
right for what stable has, and too little for the rest: a version that is promoted would have the pods of half the
traffic. During a rollout the demand therefore only rises, and what is asked for at a weight is taken as that of its
share. Only what is *raised* counts: for some minutes it leaves standing what an earlier, larger share needed.
"""

from collections.abc import Iterator
from datetime import timedelta

from serin.api.autoscaling import Autoscaling
from serin.api.capacity_status import CapacityStatus
from serin.api.names import API_VERSION, KIND
from serin.api.status import Phase
from serin.rollout.actions import WriteScale
from serin.rollout.capacity import is_autoscaled, news_of, rebalances, recommended, whole, within_limits
from serin.rollout.draft import Draft
from serin.rollout.schedule import schedule

LEAST_SHARE = 20
"""Percent of the traffic below which stable says too little of the whole: errors would count five times."""
SEEN_AFTER = timedelta(minutes=1)
"""An autoscaler asks for what it measured some time before: so long the weight before counts."""


def decide_whole(draft: Draft) -> None:
    """How many pods carry the whole traffic from now on."""
    spec, before = draft.desired.spec, draft.status.capacity
    rolling, followed = draft.status.candidate is not None and draft.status.stable is not None, None
    if spec.autoscaling is not None:
        pods = _as_recommended(draft, spec.autoscaling)
    elif is_autoscaled(draft) and rolling:
        pods, followed = _as_raised(draft), spec.replicas
    elif is_autoscaled(draft) and before is not None and before.replicas is not None:
        # The rollout is over, and the autoscaler does not know yet what it came to.
        pods, followed = max(before.whole, spec.replicas), before.replicas
        followed = None if pods == spec.replicas else followed
    else:
        pods = spec.replicas
    rebalanced = before is not None and before.rebalanced and rolling
    told = spec.autoscaling is not None or followed is not None or rebalanced
    draft.set(capacity=CapacityStatus(whole=pods, replicas=followed, rebalanced=rebalanced) if told else None)


def keep_size(draft: Draft, replicas: int) -> None:
    """A version that is promoted may need more pods than the one before, for the same load: it keeps those it has.

    From there on it is for the autoscaler, with its stabilization, to find that they are too many.
    """
    autoscaling, capacity = draft.desired.spec.autoscaling, draft.status.capacity
    if autoscaling is not None and capacity is not None:
        pods = within_limits(autoscaling, max(capacity.whole, replicas))
        draft.set(capacity=capacity.model_copy(update={"whole": pods}))


def note_rebalanced(draft: Draft) -> None:
    """Remember whether stable lacks pods that it gave up, whatever the spec says of it later."""
    stable, before = draft.revision(draft.status.stable), draft.status.capacity
    if stable is None:
        return
    pods, was = whole(draft), before is not None and before.rebalanced
    gave = rebalances(draft) and (stable.replicas < pods or (was and not draft.ready(stable.revision, pods)))
    if gave == was:
        return
    capacity = before or CapacityStatus(whole=pods)
    capacity = capacity.model_copy(update={"rebalanced": gave})
    needed = gave or capacity.replicas is not None or draft.desired.spec.autoscaling is not None
    draft.set(capacity=capacity if needed else None)


def hand_back(draft: Draft) -> Iterator[WriteScale]:
    """After a rollout, tell the autoscaler on /scale what the version that has all the traffic needs: it goes on there.

    It would find the pods of the share that it knew, and the version would shrink to them.
    """
    pods, desired = whole(draft), draft.desired
    known = draft.status.capacity
    if not is_autoscaled(draft) or draft.status.candidate is not None or known is None or known.replicas is None:
        return
    if draft.world.told.candidate is not None:
        return  # the status is written first, and the object is another one then
    if pods > desired.spec.replicas:
        yield WriteScale(draft.reference(API_VERSION, KIND, desired.owner.name), pods, desired.resource_version)


def _as_recommended(draft: Draft, autoscaling: Autoscaling) -> int:
    """What the autoscaler says stable needs for all the traffic; no version is without pods while one is judged."""
    status = draft.status
    known, stable, candidate = whole(draft), status.stable, draft.revision(status.candidate)
    advice = news_of(draft, stable)
    pods = known if advice is None else advice.recommendation.replicas
    if candidate is not None and candidate.weight == 100 and status.phase is not Phase.ROLLING_BACK:
        # It has the whole load, so that its own metrics speak of it.
        pods = max(pods, recommended(draft, candidate.revision))
    if status.candidate is not None:
        pods = max(pods, 1)
    return within_limits(autoscaling, pods)


def _as_raised(draft: Draft) -> int:
    """The most that the autoscaler on /scale has asked for in this rollout, for the whole traffic."""
    asked, before = draft.desired.spec.replicas, draft.status.capacity
    most = before.whole if before is not None else _had(draft)
    last = before.replicas if before is not None and before.replicas is not None else most
    weight = _seen_weight(draft)
    if asked <= last or weight > 100 - LEAST_SHARE:
        return max(asked, most)
    return max(most, -(-asked * 100 // (100 - weight)))


def _had(draft: Draft) -> int:
    """The pods of stable's that a person wrote, or that nobody did, when an autoscaler came in the middle."""
    stable = draft.revision(draft.status.stable)
    begins = draft.world.status.candidate is None
    return draft.desired.spec.replicas if begins or stable is None else stable.replicas


def _seen_weight(draft: Draft) -> int:
    """The candidate's weight that an autoscaler has seen for long enough, or the one before it if that is smaller."""
    status, plan = draft.status, schedule(draft.desired.spec)
    step, weight = status.step, status.weight or 0
    if plan is None or step is None or (step.since is not None and draft.now - step.since >= SEEN_AFTER):
        return weight
    return min(weight, max((stage.weight for stage in plan.stages if stage.weight < step.weight), default=0))
