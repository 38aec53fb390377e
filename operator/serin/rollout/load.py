"""How much of the traffic the candidate stands ready for: its weight, or more where it is looked at without any."""

from serin.rollout.draft import Draft
from serin.rollout.schedule import schedule


def load_of_step(draft: Draft) -> int:
    """Percent of the traffic for which the candidate has pods in the step that the rollout is in."""
    step, plan = draft.status.step, schedule(draft.desired.spec)
    if step is None:
        return 0
    stage = plan.find(step) if plan is not None else None
    return stage.load if stage is not None else max(step.weight, step.mirror)


def carried_load(draft: Draft) -> int:
    """The same while the rollout is paused: 0 for a candidate that waits for its first weight, which is not grown."""
    status, candidate = draft.status, draft.revision(draft.status.candidate)
    if candidate is None or candidate.weight is None:
        return 0
    begun = status.step is not None and status.step.since is not None and status.step.weight == 0
    return max(candidate.weight, load_of_step(draft) if begun else 0)
