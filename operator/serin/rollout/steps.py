"""The stages of a rollout, whatever its strategy: capacity, traffic, time, evidence, and on to the next one."""

from datetime import datetime, timedelta

from serin.api.base import format_duration
from serin.api.spec import OnInconclusive
from serin.api.status import PausedStatus, Phase, StepKind, StepStatus, Verdict
from serin.rollout.audience import mirrored, open_preview
from serin.rollout.capacity import is_rebalancing
from serin.rollout.draft import Draft
from serin.rollout.evidence import ANALYSIS_HOLDS, analysis_holds, analysis_overdue, data_allow, failure
from serin.rollout.holding import PAUSED, end_pause, hold, release, time_is_up
from serin.rollout.revisions import dismiss, reject
from serin.rollout.schedule import Schedule, schedule
from serin.rollout.shifting import has_pods, keep_pods, shifted
from serin.rollout.stages import Stage
from serin.rollout.testing import has_won
from serin.rollout.waiting import wait_for_route

WORTH_AN_EVENT = timedelta(minutes=2)
"""A weight that stays so long is told by an Event: shorter ones are gone before somebody reads of them."""


def progress(draft: Draft) -> None:
    plan = schedule(draft.desired.spec)
    if plan is None:
        draft.set(phase=Phase.PAUSED if _is_paused(draft) else Phase.PROMOTING)
        return
    stage = _locate(draft, plan)
    failed = failure(draft)
    if failed is not None:
        reject(draft, "AnalysisFailed", failed)
        return
    open_preview(draft, stage.load)
    if _is_paused(draft):
        draft.set(phase=Phase.PAUSED)
        hold(draft, PAUSED)
        keep_pods(draft)
    else:
        draft.set(phase=Phase.PROGRESSING)
        end_pause(draft)
        step = draft.status.step
        if step is None or step.since is None:
            _shift(draft, stage)
        else:
            _stay(draft, plan, stage)


def _locate(draft: Draft, plan: Schedule) -> Stage:
    """The stage that the rollout is in. Steps that were edited, or lost, are entered where no weight rises."""
    step = draft.status.step
    stage = plan.find(step) if step else None
    if stage is None:
        if step is not None:
            draft.say(
                "StepsEdited",
                f"the steps were edited at {draft.status.weight or 0} %: their time starts anew",
            )
        stage = plan.at_weight(draft.status.weight or 0)
        _enter(draft, plan, stage)
    return stage


def _enter(draft: Draft, plan: Schedule, stage: Stage) -> None:
    """Begin a stage. Copies of requests go on until something else is decided: then both change in one write."""
    before = draft.status.step
    draft.set(
        step=StepStatus(
            index=stage.step,
            of=plan.steps,
            kind=stage.kind,
            block=stage.block,
            weight=stage.weight,
            mirror=before.mirror if before is not None else 0,
            plan=plan.plan,
        )
    )


def _is_paused(draft: Draft) -> bool:
    return draft.desired.spec.paused or draft.status.paused is not None


def _shift(draft: Draft, stage: Stage) -> None:
    """Bring the stage's traffic to the candidate; the step's time begins when the route was accepted with it."""
    release(draft)
    lasts = stage.hold is None or stage.hold >= WORTH_AN_EVENT
    if shifted(draft, weight=stage.weight, load=stage.load, lasts=lasts) and mirrored(draft, stage.mirror):
        _start_clock(draft, stage)


def _start_clock(draft: Draft, stage: Stage) -> None:
    step = draft.status.step
    if step is None:
        return
    since = _accepted_since(draft)
    until = None if stage.hold is None else since + stage.hold
    draft.set(step=step.model_copy(update={"since": since, "held_seconds": 0.0, "until": until}))
    if until is not None and until <= draft.now:
        draft.again()  # its time was over before Serin was there to see it
    elif until is not None:
        draft.wake(until)


def _accepted_since(draft: Draft) -> datetime:
    """When the route was accepted with the step's weight: now, unless that was decided before Serin started.

    Then the time on the route itself counts. So it need not be written down; where the route bears none, it is.
    """
    began, entered = draft.world.looking_since, draft.world.status.step
    decided_at = draft.world.status.last_progress_at
    accepted_at = draft.settlement(draft.status).accepted_at
    if accepted_at is None:
        draft.told_at_once = True
        return draft.now
    if began is None or decided_at is None or entered != draft.status.step or decided_at >= began:
        return draft.now
    return min(max(accepted_at, decided_at), draft.now)


def _stay(draft: Draft, plan: Schedule, stage: Stage) -> None:
    """A step's time runs; it ends when its hold is over and the data allow it."""
    route = draft.settlement(draft.status)
    if not has_pods(draft, stage.load):
        hold(draft, "PodsNotReady")
    elif not route.settled:
        hold(draft, "RouteChanged")
        wait_for_route(draft, route.message, refused=route.refused)
    elif stage.kind is StepKind.TEST:
        release(draft)
        if has_won(draft, stage):
            _go_on(draft, plan, stage)
    elif stage.is_judged and analysis_overdue(draft):
        _decide_without_evidence(draft, plan, stage)
    elif stage.is_judged and analysis_holds(draft):
        hold(draft, ANALYSIS_HOLDS)
    else:
        release(draft)
        if _time_is_over(draft, stage) and data_allow(draft, plan, stage):
            _go_on(draft, plan, stage)


def _time_is_over(draft: Draft, stage: Stage) -> bool:
    if draft.status.step is not None and draft.status.step.since is not None and stage.hold is None:
        draft.set(phase=Phase.PAUSED)
    return stage.hold is not None and time_is_up(draft, stage.hold)


def _go_on(draft: Draft, plan: Schedule, stage: Stage) -> None:
    """Leave a stage, and begin what comes after it."""
    following = _leave(draft, plan, stage)
    if following is not None:
        _shift(draft, following)


def _decide_without_evidence(draft: Draft, plan: Schedule, stage: Stage) -> None:
    """`maxDuration` is over: promote on an estimate within the limits at the very end, else as the user said."""
    analysis, judgement = draft.desired.spec.analysis, draft.world.judgement
    if analysis is None or judgement is None:
        return
    seen, step = judgement.analysis, draft.status.step
    in_step = step is not None and judgement.step_since == step.since
    undisputed = seen.verdict in {Verdict.PASS, Verdict.CONTINUE} and seen.is_within_limits
    sound = undisputed and seen.samples >= analysis.min_samples and in_step
    why = f"the data decided nothing within maxDuration; the last word: {seen.message}"
    if plan.discards:
        dismiss(draft, "Undecided", why)
    elif (plan.after(stage) is None and sound) or analysis.on_inconclusive is OnInconclusive.PROMOTE:
        gate = plan.gate(stage)
        if gate is not None:
            _enter(draft, plan, gate)
            _shift(draft, gate)
        else:
            start_promotion(draft, "analysis.maxDuration is over")
    elif analysis.on_inconclusive is OnInconclusive.ROLLBACK:
        reject(draft, "Inconclusive", why)
    else:
        draft.set(paused=PausedStatus(by="serin", reason=why, at=draft.now), phase=Phase.PAUSED)
        draft.say("Inconclusive", f"paused: {why}", "Warning")


def _leave(draft: Draft, plan: Schedule, stage: Stage) -> Stage | None:
    if stage.kind in {StepKind.PAUSE, StepKind.TEST}:
        _count_pause(draft)
    following = plan.after(stage)
    if following is None:
        _finish(draft, plan, "every step is done")
    else:
        _enter(draft, plan, following)
        if following.kind is StepKind.WATCH:
            _tell_watch(draft, following)
    return following


def _tell_watch(draft: Draft, watch: Stage) -> None:
    version, length = draft.status.candidate_version, format_duration(watch.hold or timedelta(0))
    stable = "stable has given its pods up" if is_rebalancing(draft.desired.spec) else "stable stays ready"
    draft.say("Watching", f"version {version} gets all the traffic and is watched for {length}; {stable}")


def _count_pause(draft: Draft) -> None:
    """The time of a pause, or of an A/B test, is none of `analysis.maxDuration`."""
    step = draft.status.step
    if step is not None and step.since is not None:
        draft.set(paused_seconds=draft.status.paused_seconds + (draft.now - step.since).total_seconds())


def end_pause_step(draft: Draft) -> bool:
    """Somebody resumes: leave a step that is a pause. False if the rollout is in no such step."""
    plan = schedule(draft.desired.spec)
    step = draft.status.step
    stage = plan.find(step) if plan and step else None
    if plan is None or stage is None or stage.kind is not StepKind.PAUSE:
        return False
    _leave(draft, plan, stage)
    return True


def _finish(draft: Draft, plan: Schedule, why: str) -> None:
    if plan.discards:
        seen = draft.status.analysis if draft.desired.spec.analysis is not None else None
        words = f"{seen.verdict}: {seen.message}" if seen else "it was not judged: there is no analysis"
        dismiss(draft, "Compared", words)
    else:
        start_promotion(draft, why)


def start_promotion(draft: Draft, why: str) -> None:
    draft.set(phase=Phase.PROMOTING)
    draft.note("Promoting", f"version {draft.status.candidate_version} is promoted: {why}")
