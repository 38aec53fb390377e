"""What the data allow a rollout: the questions that its steps ask of the last verdict."""

from datetime import timedelta

from serin.api.status import AnalysisStatus, Verdict
from serin.rollout.draft import Draft
from serin.rollout.schedule import Schedule
from serin.rollout.stages import Stage

ANALYSIS_HOLDS = "AnalysisHolds"


def failure(draft: Draft) -> str | None:
    """A failed analysis turns the candidate away wherever it stands, paused or not: a pause is no shield."""
    judgement = draft.world.judgement
    if judgement is None or judgement.analysis.revision != draft.status.candidate:
        return None
    return judgement.analysis.message if judgement.analysis.verdict is Verdict.FAIL else None


def enough_seen(draft: Draft) -> AnalysisStatus | None:
    """The last verdict on the present step; None before it has the ticks and the samples that one needs."""
    analysis, judgement, step = draft.desired.spec.analysis, draft.world.judgement, draft.status.step
    if analysis is None or judgement is None or step is None or judgement.step_since != step.since:
        return None
    seen = judgement.analysis
    return seen if seen.ticks >= analysis.confirm and seen.samples >= analysis.min_samples else None


def data_allow(draft: Draft, plan: Schedule, stage: Stage) -> bool:
    if draft.desired.spec.analysis is None or not stage.is_judged:
        return True
    seen = enough_seen(draft)
    if seen is None:
        return False
    return seen.verdict is Verdict.PASS or (seen.verdict is Verdict.CONTINUE and not plan.decides(stage))


def _judged(draft: Draft) -> Verdict | None:
    """The last verdict on the present step; None before its first tick, and without analysis."""
    judgement, step = draft.world.judgement, draft.status.step
    if draft.desired.spec.analysis is None or judgement is None or step is None:
        return None
    return judgement.analysis.verdict if judgement.step_since == step.since else None


def analysis_holds(draft: Draft) -> bool:
    """Whether the step's time stands still. A hold outlives a restart: an operator without a verdict yet keeps it."""
    step, verdict = draft.status.step, _judged(draft)
    if verdict is None and draft.desired.spec.analysis is not None:
        return step is not None and step.held_reason == ANALYSIS_HOLDS
    return verdict is Verdict.HOLD


def analysis_overdue(draft: Draft) -> bool:
    """Whether `analysis.maxDuration` is over; pauses do not count."""
    analysis, judgement = draft.desired.spec.analysis, draft.world.judgement
    if analysis is None or judgement is None:
        return False
    end = judgement.analysis.started_at + analysis.max_duration + timedelta(seconds=draft.status.paused_seconds)
    draft.wake(end)
    return draft.now >= end
