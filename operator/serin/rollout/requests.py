"""What people asked for by RolloutActions: done once, recorded with who and why, refused where it has no sense."""

from datetime import timedelta

from serin.api.action import ActionName
from serin.api.status import ActionRecord, PausedStatus, Phase, StepKind
from serin.rollout.actions import Action, Reference, Report
from serin.rollout.draft import Draft
from serin.rollout.revisions import reject
from serin.rollout.steps import end_pause_step
from serin.rollout.world import Request

RECORD_LIMIT = 16


class RefusedError(Exception):
    """The action has no sense now; the text says why and what to do instead."""


def take_requests(draft: Draft) -> None:
    """Carry out every RolloutAction that was not carried out yet, oldest first, and record it in the status.

    The record is written before anything is done about it, so a killed operator repeats nothing.
    """
    done = {record.uid for record in draft.status.actions}
    waiting = [request for request in draft.observed.requests if not request.reported and request.uid not in done]
    for request in sorted(waiting, key=lambda request: (request.created, request.name)):
        try:
            message = _carry_out(draft, request)
        except RefusedError as refusal:
            _record(draft, request, message=str(refusal), done=False)
        else:
            _record(draft, request, message=message, done=True)


def reports(draft: Draft) -> list[Action]:
    """Tell on each RolloutAction what became of it."""
    unreported = {request.uid: request for request in draft.observed.requests if not request.reported}
    return [
        Report(
            Reference("serin.dev/v1alpha1", "RolloutAction", draft.desired.owner.namespace, record.name),
            {"phase": record.result, "message": record.message[:1024], "at": record.to_dict()["at"]},
        )
        for record in draft.status.actions
        if record.uid in unreported
    ]


def _record(draft: Draft, request: Request, *, message: str, done: bool) -> None:
    spec = request.spec
    record = ActionRecord(
        uid=request.uid,
        name=request.name,
        action=spec.action,
        by=spec.requested_by,
        reason=spec.reason,
        at=draft.now,
        result="Done" if done else "Refused",
        message=message,
    )
    draft.set(actions=(record, *draft.status.actions)[:RECORD_LIMIT])
    verb = "did" if done else "refused"
    draft.say(
        f"Action{record.result}",
        f"{verb} {spec.action} for {spec.requested_by}: {message}",
        "Normal" if done else "Warning",
    )


def _carry_out(draft: Draft, request: Request) -> str:
    spec = request.spec
    if spec.uid != draft.desired.owner.uid:
        raise RefusedError(f"it was meant for another {spec.model_deployment} (uid {spec.uid}) that is gone")
    if spec.action is ActionName.RETRY:
        return _retry(draft, spec.revision)
    if spec.revision != draft.status.candidate:
        candidate = draft.status.candidate
        now = f"the candidate is {candidate}" if candidate else "no rollout is under way"
        raise RefusedError(f"it was meant for revision {spec.revision}, but {now}")
    if draft.status.phase is Phase.ROLLING_BACK:
        raise RefusedError(f"revision {spec.revision} is being rolled back")
    step = draft.status.step
    if spec.step is not None and (step is None or step.index != spec.step):
        raise RefusedError(f"it was meant for step {spec.step}, but the rollout is in step {step.index if step else 0}")
    if spec.action is ActionName.PAUSE:
        return _pause(draft, request)
    if spec.action is ActionName.RESUME:
        return _resume(draft)
    if spec.action is ActionName.ABORT:
        reject(draft, "Aborted", f"aborted by {spec.requested_by}" + (f": {spec.reason}" if spec.reason else ""))
        return "the candidate gives its traffic back"
    return _promote(draft)


def _pause(draft: Draft, request: Request) -> str:
    if draft.status.phase is Phase.PROMOTING:
        raise RefusedError("the promotion is under way: abort it, or apply the version before")
    if draft.status.paused is None:
        paused = PausedStatus(by=request.spec.requested_by, reason=request.spec.reason, at=draft.now)
        draft.set(paused=paused)
    return "the rollout stays where it is until somebody resumes"


def _resume(draft: Draft) -> str:
    paused, analysis = draft.status.paused, draft.desired.spec.analysis
    if paused is None:
        if end_pause_step(draft):
            return "the pause step is over"
        if draft.desired.spec.paused:
            raise RefusedError("spec.paused is true: set it to false in the manifest")
        raise RefusedError("the rollout is not paused")
    if paused.by == "serin" and analysis is not None:
        # Serin paused because maxDuration was over: whoever resumes grants it once more.
        draft.set(paused_seconds=draft.status.paused_seconds + analysis.max_duration / timedelta(seconds=1))
    draft.set(paused=None)
    return "the rollout goes on"


def _promote(draft: Draft) -> str:
    if draft.status.stable is None:
        raise RefusedError("the first version takes the traffic by itself when it is Ready")
    if draft.status.phase is Phase.PROMOTING:
        return "the promotion is under way"
    judgement = draft.world.judgement
    word = f"; the analysis said {judgement.analysis.verdict}" if judgement else ""
    step = draft.status.step
    skipped = "the watch ends now" if step and step.kind is StepKind.WATCH else "the remaining steps are skipped"
    draft.set(phase=Phase.PROMOTING, paused=None)
    return skipped + word


def _retry(draft: Draft, revision: str) -> str:
    rejected = draft.status.rejected
    if rejected is None or rejected.revision != revision:
        raise RefusedError(f"revision {revision} was not turned away: there is nothing to retry")
    if draft.status.phase is Phase.ROLLING_BACK:
        raise RefusedError(f"revision {revision} is still being rolled back: retry when that is done")
    draft.set(rejected=None)
    return "the revision is rolled out again from the first step"
