"""`plan()`: a function of everything that is known, without I/O and without a clock of its own.

Read it as the list of its sub-steps. Each is one module of this room.
"""

from serin.api.names import FINALIZER
from serin.rollout.actions import Plan
from serin.rollout.auditing import audit, drop_logged
from serin.rollout.deletion import first_of_all, plan_deletion
from serin.rollout.describe import describe
from serin.rollout.draft import Draft
from serin.rollout.effects import effects
from serin.rollout.life import advance
from serin.rollout.recovery import recover_status
from serin.rollout.requests import reports, take_requests
from serin.rollout.revisions import follow_spec, target
from serin.rollout.scaled import tell_scaling
from serin.rollout.sizing import decide_whole
from serin.rollout.telling import tell_by
from serin.rollout.undone import heed_contests, without_fights
from serin.rollout.world import World


def plan(world: World) -> Plan:
    """Decide what to do next about one ModelDeployment.

    Given the same world twice, it says the same twice; given the world that its own actions made, it asks for nothing.
    """
    draft = Draft(world)
    if world.desired.deleting_since is not None:
        return plan_deletion(draft, world.desired.deleting_since)
    if FINALIZER not in world.desired.finalizers:
        return first_of_all(draft)
    recover_status(draft)
    take_requests(draft)
    named = target(draft)
    if named is not None:
        follow_spec(draft, named)
    decide_whole(draft)
    heed_contests(draft)
    advance(draft)
    tell_scaling(draft)
    actions = without_fights(draft, effects(draft, named))
    describe(draft)
    audit(draft)
    by = tell_by(draft)
    if by is not None and by <= draft.now:
        drop_logged(draft)
    return Plan(
        status=draft.status,
        actions=(*actions, *reports(draft)),
        notices=tuple(draft.notices),
        tell_by=by,
        contests=draft.contests,
        wake_at=min(draft.wakes, default=None),
    )
