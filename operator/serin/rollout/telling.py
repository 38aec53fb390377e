"""When the status is written: what was decided at once, before anything is done about it; the rest when it lasts.

Each write is a request, and all watchers of the object hear of it. So what a restarted Serin would find out again (how
many pods are Ready, when a Gateway accepted the route, what the data say so far) goes with the next decision. If
none comes for a while, it is told by itself.
"""

from datetime import datetime, timedelta

from serin.api.base import Model
from serin.api.status import ModelDeploymentStatus
from serin.rollout.draft import Draft
from serin.scaling.remembered import says_the_same

WORDS_AFTER = timedelta(seconds=2)
"""A wait that lasts so long is told in its latest words: most are over before anybody reads them."""
CAN_WAIT = frozenset({"TrafficShifted", "AnalysisHealthy", "ServiceReady", "AutoscalingActive"})
"""Conditions that come and go, with each step or with each metric; nobody waits for them by `kubectl wait`."""

_FOUND_AGAIN = frozenset({"message", "analysis", "autoscaling", "last_progress_at"})
_IN_PART = frozenset({"step", "revisions", "conditions"})
_DECIDED = tuple(name for name in ModelDeploymentStatus.model_fields if name not in _FOUND_AGAIN | _IN_PART)


def tell_by(draft: Draft) -> datetime | None:
    """When the status has to be written; None if it says nothing new."""
    status, told = draft.status, draft.world.told
    if status == told or _only_repeats(status, told):
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


def _only_repeats(status: ModelDeploymentStatus, told: ModelDeploymentStatus) -> bool:
    """Whether all that is new is that the autoscaler says the same once more."""
    before, after = told.autoscaling, status.autoscaling
    if [entry.revision for entry in before] != [entry.revision for entry in after]:
        return False
    if not all(map(says_the_same, before, after)):
        return False
    return status.model_copy(update={"autoscaling": before}) == told


def _decisions(status: ModelDeploymentStatus) -> tuple[object, ...]:
    """The status without what can be found out again."""
    return (
        [getattr(status, name) for name in _DECIDED],
        _without(status.step, "since", "until") if status.step else None,
        [_without(entry, "ready_replicas") for entry in status.revisions],
        [(each.type, each.status) for each in status.conditions if each.type not in CAN_WAIT],
    )


def _without(part: Model, *names: str) -> list[object]:
    return [value for name, value in part if name not in names]


def _words(status: ModelDeploymentStatus) -> tuple[object, ...]:
    """What a person reads."""
    return status.message, tuple((each.type, each.reason, each.message) for each in status.conditions)
