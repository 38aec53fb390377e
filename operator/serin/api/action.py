"""`RolloutAction`: what a person wants of a rollout; never edited, so that it proves who said it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from serin.api.base import UNQUOTED, Model, Time


class ActionName(StrEnum):
    """What can be asked of a rollout; each is a verb that RBAC grants on the ModelDeployment."""

    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    RETRY = "retry"
    PROMOTE = "promote"


class RolloutActionSpec(Model):
    """Who wants what, of which revision and step: bound to these, an action is idempotent."""

    model_deployment: Annotated[str, Field(min_length=1, max_length=52)]
    """The ModelDeployment's name."""
    uid: Annotated[str, Field(min_length=1, max_length=64)]
    """The ModelDeployment's uid: an action outlives no namesake."""
    revision: Annotated[str, Field(min_length=1, max_length=63)]
    """The revision that it was meant for (`status.candidate`; for retry `status.rejected.revision`)."""
    step: Annotated[int, Field(ge=0, le=64), UNQUOTED] | None = None
    """The step that it was meant for (`status.step.index`); any step unless given."""
    action: ActionName
    """pause, resume, abort, retry or promote."""
    reason: Annotated[str, Field(max_length=1024)] = ""
    """Why, for whoever reads the history."""
    requested_by: Annotated[str, Field(min_length=1, max_length=253)]
    """The user as the API server knows them; the admission policy holds it to that."""


class RolloutActionStatus(Model):
    """What became of it."""

    phase: Literal["Done", "Refused"]
    """Done or Refused."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """What was done, or why not."""
    at: Time
    """When."""
