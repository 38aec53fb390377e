"""A step's time stands still while something holds it, and nothing of it is lost."""

from datetime import timedelta

from serin.rollout.draft import Draft

PAUSED = "Paused"


def hold(draft: Draft, reason: str) -> None:
    """Stop the step's time; a hold for another reason is another hold."""
    step = draft.status.step
    if step is None or step.held_reason == reason:
        return
    release(draft)
    step = draft.status.step
    if step is not None:
        draft.set(step=step.model_copy(update={"held_since": draft.now, "held_reason": reason, "until": None}))


def end_pause(draft: Draft) -> None:
    """Nobody pauses the rollout any more: how long it was paused is known before anything else is decided."""
    step = draft.status.step
    if step is not None and step.held_reason == PAUSED:
        release(draft)


def release(draft: Draft) -> None:
    """Let the step's time run on."""
    step = draft.status.step
    if step is None or step.held_since is None:
        return
    held = (draft.now - step.held_since).total_seconds()
    if step.held_reason == PAUSED:
        draft.set(paused_seconds=draft.status.paused_seconds + held)
    update = {"held_seconds": step.held_seconds + held, "held_since": None, "held_reason": None}
    draft.set(step=step.model_copy(update=update))


def time_is_up(draft: Draft, length: timedelta) -> bool:
    """Whether the step has lasted for so long, outside holds; it is looked at again when it has."""
    step = draft.status.step
    if step is None or step.since is None:
        return False
    until = step.since + length + timedelta(seconds=step.held_seconds)
    draft.set(step=step.model_copy(update={"until": until}))
    draft.wake(until)
    return draft.now >= until
