"""When the status is written: what was decided at once, before anything is done about it; the rest when it lasts.

Each write is a request, and all watchers of the object hear of it. So what a restarted Serin would find out again (how
many pods are Ready, when a Gateway accepted the route, what the data say so far) goes with the next decision. If
none comes for a while, it is told by itself.
"""

from datetime import datetime, timedelta

from serin.api.status import ModelDeploymentStatus
from serin.rollout.draft import Draft

WORDS_AFTER = timedelta(seconds=2)
"""A wait that lasts so long is told in its latest words: most are over before anybody reads them."""
CAN_WAIT = frozenset({"TrafficShifted", "AnalysisHealthy", "ServiceReady"})
"""Conditions that come and go with each step; nobody waits for them by `kubectl wait`."""


def tell_by(draft: Draft) -> datetime | None:
    """When the status has to be written; None if it says nothing new."""
    status, told = draft.status, draft.world.told
    if status == told:
        return None
    news = _words(status) != _words(told)
    blocked = draft.blocked is not None and status.message != told.message
    if draft.told_at_once or _decisions(status) != _decisions(told) or blocked:
        return draft.now
    by = (draft.world.untold_since or draft.now) + timedelta(seconds=draft.world.status_refresh_seconds)
    if status.last_progress_at is not None and news:
        by = min(by, status.last_progress_at + WORDS_AFTER)
    draft.wake(by)
    return by


def _decisions(status: ModelDeploymentStatus) -> ModelDeploymentStatus:
    """The status without what can be found out again."""
    step = status.step
    return status.model_copy(
        update={
            "message": "",
            "analysis": None,
            "last_progress_at": None,
            "step": step.model_copy(update={"since": None, "until": None}) if step else None,
            "revisions": tuple(entry.model_copy(update={"ready_replicas": 0}) for entry in status.revisions),
            "conditions": tuple((each.type, each.status) for each in status.conditions if each.type not in CAN_WAIT),
        }
    )


def _words(status: ModelDeploymentStatus) -> tuple[object, ...]:
    """What a person reads."""
    return status.message, tuple((each.type, each.reason, each.message) for each in status.conditions)
