"""The phases: from pods to weight to verdict to promotion, or back. One transition a plan."""

from datetime import timedelta

from serin.api.spec import OnInconclusive
from serin.api.status import Outcome, PausedStatus, Phase, RevisionStatus, Role, StepKind, StepStatus, Verdict
from serin.rollout.draft import Draft
from serin.rollout.revisions import conclude, move_weight, reject, retire
from serin.rollout.schedule import Schedule, Stage, schedule
from serin.rollout.split import settlement
from serin.scaling.capacity import surge

TOOK_OVER = frozenset({Outcome.DEPLOYED, Outcome.PROMOTED, Outcome.RESTORED})
PODS_LOOK_AGAIN = timedelta(seconds=10)
ANALYSIS_HOLDS = "AnalysisHolds"
REFUSAL_COUNTS_AFTER = timedelta(seconds=3)


def advance(draft: Draft) -> None:
    """Do the next thing of the phase that the rollout is in."""
    status = draft.status
    if status.stable is not None:
        draft.change(status.stable, replicas=draft.desired.spec.replicas)
    if status.candidate is None:
        _at_rest(draft)
    elif status.candidate in draft.observed.invalid and status.phase is not Phase.ROLLING_BACK:
        reject(draft, "InvalidTemplate", draft.observed.invalid[status.candidate])
    elif status.phase is Phase.ROLLING_BACK:
        _roll_back(draft)
    elif status.stable is None:
        _deploy_first(draft)
    elif status.phase is Phase.PROMOTING:
        _promote(draft)
    else:
        _progress(draft)
    _expire(draft)


def _at_rest(draft: Draft) -> None:
    stable = draft.status.stable
    if stable is None:
        draft.set(phase=Phase.DEGRADED if draft.status.rejected else Phase.PENDING)
        return
    stuck = draft.status.rejected is not None or _deadline_passed(draft)
    draft.set(phase=Phase.DEGRADED if stuck else Phase.HEALTHY)
    route = settlement(draft.world, draft.status)
    if not draft.ready(stable, draft.desired.spec.replicas):
        _wait_for_pods(draft, stable, draft.desired.spec.replicas)
    elif not route.settled:
        _wait_for_route(draft, route.message, refused=route.refused)


def _deploy_first(draft: Draft) -> None:
    """The first version of all has no stable to be compared with: it is deployed when it is Ready, and routed then."""
    revision, replicas = draft.status.candidate or "", draft.desired.spec.replicas
    draft.change(revision, replicas=replicas)
    if not draft.ready(revision, replicas):
        _wait_for_pods(draft, revision, replicas)
        draft.set(phase=Phase.DEGRADED if _deadline_passed(draft) else Phase.PENDING)
        return
    entry = draft.revision(revision)
    if entry is not None:
        draft.end(entry, Outcome.DEPLOYED, "FirstVersion", "the first version is Ready")
        draft.say("Deployed", f"version {entry.version} ({revision}) is Ready and gets the traffic")
        draft.change(revision, role=Role.STABLE, weight=100)
        draft.set(stable=revision, version=entry.version)
    draft.leave_rollout(Phase.HEALTHY)


def _progress(draft: Draft) -> None:
    plan = schedule(draft.desired.spec)
    if plan is None:
        draft.set(phase=Phase.PROMOTING)
        return
    stage = _locate(draft, plan)
    failure = _failure(draft)
    if failure is not None:
        reject(draft, "AnalysisFailed", failure)
    elif _is_paused(draft):
        draft.set(phase=Phase.PAUSED)
        _hold(draft, "Paused")
    else:
        draft.set(phase=Phase.PROGRESSING)
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
    draft.set(
        step=StepStatus(
            index=stage.step,
            of=plan.steps,
            kind=stage.kind,
            block=stage.block,
            weight=stage.weight,
            plan=plan.plan,
        )
    )


def _failure(draft: Draft) -> str | None:
    """A failed analysis turns the candidate away wherever it stands, paused or not: a pause is no shield."""
    judgement = draft.world.judgement
    if judgement is None or judgement.analysis.revision != draft.status.candidate:
        return None
    return judgement.analysis.message if judgement.analysis.verdict is Verdict.FAIL else None


def _is_paused(draft: Draft) -> bool:
    return draft.desired.spec.paused or draft.status.paused is not None


def _shift(draft: Draft, stage: Stage) -> None:
    """Scale first, join the route at weight 0, then shift; the step's time begins when the route was accepted."""
    candidate = draft.revision(draft.status.candidate)
    if candidate is None:
        return
    _release(draft)
    needed = surge(draft.desired.spec.replicas, max(stage.weight, candidate.weight or 0))
    draft.change(candidate.revision, replicas=needed)
    if not draft.ready(candidate.revision, needed):
        _wait_for_pods(draft, candidate.revision, needed)
        if _deadline_passed(draft):
            reject(draft, "ProgressDeadlineExceeded", draft.waiting or "its pods did not become Ready")
        return
    if _joins_route(draft, candidate):
        return
    route = settlement(draft.world, draft.status)
    if not route.settled:
        _wait_for_route(draft, route.message, refused=route.refused)
    elif candidate.weight != stage.weight:
        move_weight(draft, stage.weight)
        draft.say("WeightChanged", f"version {candidate.version} gets {stage.weight} % of the traffic")
        draft.wait(f"the route takes {stage.weight} %")
    else:
        _start_clock(draft, stage)


def _joins_route(draft: Draft, candidate: RevisionStatus) -> bool:
    """Take a backend into the route at weight 0 before it gets traffic.

    Proxies learn of a backend and of its weight in two steps, and may answer 503 between them.
    """
    if candidate.weight is not None:
        return False
    draft.change(candidate.revision, weight=0)
    draft.wait("the candidate joins the route at weight 0")
    return True


def _start_clock(draft: Draft, stage: Stage) -> None:
    step = draft.status.step
    if step is None:
        return
    until = None if stage.hold is None else draft.now + stage.hold
    draft.set(step=step.model_copy(update={"since": draft.now, "held_seconds": 0.0, "until": until}))
    if until is not None:
        draft.wake(until)


def _stay(draft: Draft, plan: Schedule, stage: Stage) -> None:
    """A step's time runs; it ends when its hold is over and the data allow it."""
    revision = draft.status.candidate or ""
    needed = surge(draft.desired.spec.replicas, stage.weight)
    draft.change(revision, replicas=needed)
    route = settlement(draft.world, draft.status)
    if not draft.ready(revision, needed):
        _hold(draft, "PodsNotReady")
        _wait_for_pods(draft, revision, needed)
        if _deadline_passed(draft):
            reject(draft, "ProgressDeadlineExceeded", draft.waiting or "its pods are not Ready")
    elif not route.settled:
        _hold(draft, "RouteChanged")
        _wait_for_route(draft, route.message, refused=route.refused)
    elif _analysis_overdue(draft):
        _decide_without_evidence(draft, plan, stage)
    elif _analysis_holds(draft) and stage.kind is not StepKind.PAUSE:
        _hold(draft, ANALYSIS_HOLDS)
    else:
        _release(draft)
        if _time_is_over(draft, stage) and _data_allow(draft, plan, stage):
            _leave(draft, plan, stage)


def _time_is_over(draft: Draft, stage: Stage) -> bool:
    step = draft.status.step
    if step is None or step.since is None:
        return False
    if stage.hold is None:
        draft.set(phase=Phase.PAUSED)
        return False
    until = step.since + stage.hold + timedelta(seconds=step.held_seconds)
    draft.set(step=step.model_copy(update={"until": until}))
    draft.wake(until)
    return draft.now >= until


def _data_allow(draft: Draft, plan: Schedule, stage: Stage) -> bool:
    analysis, judgement, step = draft.desired.spec.analysis, draft.world.judgement, draft.status.step
    if analysis is None or stage.kind is StepKind.PAUSE:
        return True
    if judgement is None or step is None or judgement.step_since != step.since:
        return False
    seen = judgement.analysis
    if seen.ticks < analysis.confirm or seen.samples < analysis.min_samples:
        return False
    return seen.verdict is Verdict.PASS or (seen.verdict is Verdict.CONTINUE and plan.after(stage) is not None)


def _judged(draft: Draft) -> Verdict | None:
    """The last verdict on the present step; None before its first tick, and without analysis."""
    judgement, step = draft.world.judgement, draft.status.step
    if draft.desired.spec.analysis is None or judgement is None or step is None:
        return None
    return judgement.analysis.verdict if judgement.step_since == step.since else None


def _analysis_holds(draft: Draft) -> bool:
    """Whether the step's time stands still. A hold outlives a restart: an operator without a verdict yet keeps it."""
    step, verdict = draft.status.step, _judged(draft)
    if verdict is None and draft.desired.spec.analysis is not None:
        return step is not None and step.held_reason == ANALYSIS_HOLDS
    return verdict is Verdict.HOLD


def _analysis_overdue(draft: Draft) -> bool:
    """Whether `analysis.maxDuration` is over; pauses do not count."""
    analysis, judgement = draft.desired.spec.analysis, draft.world.judgement
    if analysis is None or judgement is None:
        return False
    end = judgement.analysis.started_at + analysis.max_duration + timedelta(seconds=draft.status.paused_seconds)
    draft.wake(end)
    return draft.now >= end


def _decide_without_evidence(draft: Draft, plan: Schedule, stage: Stage) -> None:
    """`maxDuration` is over: promote on an estimate within the limits in the last step, else as the user said."""
    analysis, judgement = draft.desired.spec.analysis, draft.world.judgement
    if analysis is None or judgement is None:
        return
    seen, step = judgement.analysis, draft.status.step
    in_step = step is not None and judgement.step_since == step.since
    sound = seen.verdict in {Verdict.PASS, Verdict.CONTINUE} and seen.samples >= analysis.min_samples and in_step
    why = f"the data decided nothing within maxDuration; the last word: {seen.message}"
    if (plan.after(stage) is None and sound) or analysis.on_inconclusive is OnInconclusive.PROMOTE:
        _start_promotion(draft, "analysis.maxDuration is over")
    elif analysis.on_inconclusive is OnInconclusive.ROLLBACK:
        reject(draft, "Inconclusive", why)
    else:
        draft.set(paused=PausedStatus(by="serin", reason=why, at=draft.now), phase=Phase.PAUSED)
        draft.say("Inconclusive", f"paused: {why}", "Warning")


def _leave(draft: Draft, plan: Schedule, stage: Stage) -> None:
    if stage.kind is StepKind.PAUSE:
        _count_pause(draft)
    following = plan.after(stage)
    if following is None:
        _start_promotion(draft, "every step is done")
    else:
        _enter(draft, plan, following)


def _count_pause(draft: Draft) -> None:
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


def _start_promotion(draft: Draft, why: str) -> None:
    draft.set(phase=Phase.PROMOTING)
    draft.say("Promoting", f"version {draft.status.candidate_version} is promoted: {why}")


def _promote(draft: Draft) -> None:
    """All the capacity first, then all the traffic, then the role. No pod of the promoted version restarts."""
    revision, replicas = draft.status.candidate or "", draft.desired.spec.replicas
    candidate = draft.revision(revision)
    if candidate is None:
        return
    draft.change(revision, replicas=replicas)
    if not draft.ready(revision, replicas):
        _wait_for_pods(draft, revision, replicas)
        if _deadline_passed(draft):
            reject(draft, "ProgressDeadlineExceeded", draft.waiting or "its pods did not become Ready")
        return
    if _joins_route(draft, candidate):
        return
    route = settlement(draft.world, draft.status)
    if not route.settled:
        _wait_for_route(draft, route.message, refused=route.refused)
    elif candidate.weight != 100:
        move_weight(draft, 100)
        draft.say("WeightChanged", f"version {candidate.version} gets all of the traffic")
        draft.wait("the route takes 100 %")
    else:
        _take_role(draft)


def _take_role(draft: Draft) -> None:
    status, rollback = draft.status, draft.desired.spec.rollback
    candidate, stable = draft.revision(status.candidate), draft.revision(status.stable)
    if candidate is None or stable is None:
        return
    for entry in draft.with_role(Role.PREVIOUS):
        retire(draft, entry.revision)
    was_stable = any(entry.revision == candidate.revision and entry.outcome in TOOK_OVER for entry in status.history)
    outcome = Outcome.RESTORED if was_stable else Outcome.PROMOTED
    draft.end(candidate, outcome, str(outcome), f"took over from version {stable.version}")
    warm = rollback.keep_warm > timedelta(0)
    draft.change(
        stable.revision,
        role=Role.PREVIOUS if warm else Role.RETIRED,
        keep_until=draft.now + max(rollback.keep_warm, rollback.drain),
    )
    draft.change(candidate.revision, role=Role.STABLE)
    draft.set(stable=candidate.revision, version=candidate.version)
    draft.leave_rollout(Phase.HEALTHY)
    draft.say("Promoted", f"version {candidate.version} ({candidate.revision}) is stable now")


def _roll_back(draft: Draft) -> None:
    """The traffic goes back to stable in one write; the candidate's pods drain and go."""
    candidate, status = draft.revision(draft.status.candidate), draft.status
    if candidate is None:
        return
    route = settlement(draft.world, status)
    if not route.settled:
        _wait_for_route(draft, route.message, refused=route.refused)
        return
    conclude(draft, candidate)
    retire(draft, candidate.revision)
    draft.leave_rollout(Phase.DEGRADED if status.rejected else Phase.HEALTHY)


def _expire(draft: Draft) -> None:
    """Let go of what lost its traffic: drain, leave the route, then scale to nothing, each after the one before."""
    route = settlement(draft.world, draft.status)
    for entry in (*draft.with_role(Role.PREVIOUS), *draft.with_role(Role.RETIRED)):
        if entry.role is Role.PREVIOUS:
            draft.change(entry.revision, replicas=draft.desired.spec.replicas)
        if entry.keep_until is None:
            if route.settled:
                until = draft.now + draft.desired.spec.rollback.drain
                draft.change(entry.revision, keep_until=until)
                draft.wake(until)
        elif draft.now < entry.keep_until:
            draft.wake(entry.keep_until)
        elif entry.weight is not None:
            draft.change(entry.revision, role=Role.RETIRED, weight=None)
        elif route.settled:
            draft.change(entry.revision, role=Role.RETIRED, replicas=0)


def _hold(draft: Draft, reason: str) -> None:
    """Stop the step's time; a hold for another reason is another hold."""
    step = draft.status.step
    if step is None or step.held_reason == reason:
        return
    _release(draft)
    step = draft.status.step
    if step is not None:
        draft.set(step=step.model_copy(update={"held_since": draft.now, "held_reason": reason, "until": None}))


def _release(draft: Draft) -> None:
    """Let the step's time run on."""
    step = draft.status.step
    if step is None or step.held_since is None:
        return
    held = (draft.now - step.held_since).total_seconds()
    if step.held_reason == "Paused":
        draft.set(paused_seconds=draft.status.paused_seconds + held)
    update = {"held_seconds": step.held_seconds + held, "held_since": None, "held_reason": None}
    draft.set(step=step.model_copy(update=update))


def _wait_for_pods(draft: Draft, revision: str, needed: int) -> None:
    workload, observed = draft.workload(revision), draft.observed
    ready = workload.ready if workload else 0
    why = observed.pods.get(revision) or (workload.problem if workload else None)
    draft.wait(f"{ready} of {needed} pods of {revision} are Ready" + (f": {why}" if why else ""))
    draft.waiting_for = revision
    draft.wake(draft.now + PODS_LOOK_AGAIN)


def _wait_for_route(draft: Draft, message: str, *, refused: bool) -> None:
    """A refusal counts after a moment: a Gateway says so of a Service that was made just now, too."""
    draft.wait(message)
    last = draft.status.last_progress_at
    if refused and last is not None:
        counts = last + REFUSAL_COUNTS_AFTER
        draft.wake(counts)
        if draft.now >= counts:
            draft.block("RouteNotAccepted", message)
    elif _deadline_passed(draft):
        draft.block("RouteNotAccepted", f"{message}, for longer than progressDeadline")


def _deadline_passed(draft: Draft) -> bool:
    """Whether nothing moved for `progressDeadline` while pods or a route were waited for."""
    last = draft.status.last_progress_at
    if last is None:
        return False
    end = last + draft.desired.spec.progress_deadline
    draft.wake(end)
    return draft.now >= end
