"""The status that a person reads: numbers, one sentence, and conditions that kubectl, Argo CD and Flux understand."""

from serin.api.base import format_duration
from serin.api.children import selector_labels
from serin.api.status import (
    Condition,
    ConditionStatus,
    ModelDeploymentStatus,
    Outcome,
    Phase,
    RevisionStatus,
    StepKind,
    Verdict,
)
from serin.rollout.capacity import whole
from serin.rollout.draft import Draft
from serin.rollout.scaled import active_fact
from serin.rollout.schedule import schedule
from serin.rollout.split import wanted_routing
from serin.rollout.testing import words_of_test
from serin.rollout.undone import CONTESTED, contested_traffic, is_contested

ROLLING_OUT = frozenset({Phase.PROGRESSING, Phase.PAUSED, Phase.PROMOTING, Phase.ROLLING_BACK})


def describe(draft: Draft) -> None:
    """Complete the status: what was decided is in it already."""
    _numbers(draft)
    _analysis(draft)
    _progress_time(draft)
    draft.set(message=_message(draft), observed_generation=draft.desired.generation)
    draft.set(conditions=_conditions(draft))


def _numbers(draft: Draft) -> None:
    for entry in draft.status.revisions:
        workload = draft.workload(entry.revision)
        draft.change(entry.revision, ready_replicas=min(workload.ready, entry.replicas) if workload else 0)
    stable = draft.revision(draft.status.stable)
    if stable is not None:
        labels = selector_labels(draft.desired.owner.name, stable.revision)
        draft.set(
            replicas=stable.ready_replicas,
            selector=",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        )


def _analysis(draft: Draft) -> None:
    """Take the judge's latest word over. While a fight changes the split, it says nothing that is worth a write."""
    judgement = draft.world.judgement
    if judgement is not None and judgement.analysis.verdict is not Verdict.FAIL and is_contested(draft):
        return
    known = {draft.status.candidate, draft.world.status.candidate}
    if judgement is not None and judgement.analysis.revision in known:
        draft.set(analysis=judgement.analysis)


def _progress_time(draft: Draft) -> None:
    """`progressDeadline` counts from the last thing that moved, while pods or a route are waited for."""
    if draft.waiting is None:
        draft.set(last_progress_at=None)
        return
    before, after = draft.world.status, draft.status
    if before.last_progress_at is None or _position(before) != _position(after) or _more_ready(before, after):
        draft.set(last_progress_at=draft.now)
        draft.wake(draft.now + draft.desired.spec.progress_deadline)


def _position(status: ModelDeploymentStatus) -> tuple[object, ...]:
    """What was decided: a change of it is progress."""
    revisions = tuple((entry.revision, entry.role, entry.weight, entry.replicas) for entry in status.revisions)
    step = (status.step.index, status.step.block) if status.step else None
    return revisions, status.candidate, step


def _more_ready(before: ModelDeploymentStatus, after: ModelDeploymentStatus) -> bool:
    ready = {entry.revision: entry.ready_replicas for entry in before.revisions}
    return any(entry.ready_replicas > ready.get(entry.revision, 0) for entry in after.revisions)


def _message(draft: Draft) -> str:
    status = draft.status
    if draft.blocked is not None:
        return draft.blocked[1]
    if status.paused is not None:
        return f"paused by {status.paused.by}" + (f": {status.paused.reason}" if status.paused.reason else "")
    if status.phase is Phase.PAUSED:
        return "spec.paused is true" if draft.desired.spec.paused else "paused by its steps: resume to go on"
    if draft.waiting is not None:
        return draft.waiting
    if status.phase is Phase.DEGRADED and status.rejected is not None:
        return f"version {status.rejected.version} was turned away: {status.rejected.message}"
    if status.phase is Phase.HEALTHY:
        return f"version {status.version} has all the traffic"
    if status.step is not None and status.step.since is not None:
        return _step_message(draft)
    return {
        Phase.PROMOTING: "the candidate is promoted",
        Phase.ROLLING_BACK: "the candidate leaves after its comparison"
        if status.rejected is not None and not status.rejected.is_failure
        else "the candidate is rolled back",
    }.get(status.phase, f"version {status.candidate_version} is being rolled out")


def _step_message(draft: Draft) -> str:
    status = draft.status
    step = status.step
    where = f"step {step.index} of {step.of} at {step.weight} %" if step else ""
    if step is not None and step.kind is StepKind.WATCH:
        where = f"watching at {step.weight} %"
    elif step is not None and step.mirror:
        where = f"step {step.index} of {step.of} on copies of {step.mirror} % of the requests"
    if step is not None and step.kind is StepKind.TEST:
        words = words_of_test(draft)
        where = f"A/B test with {step.weight} %" if step.weight else "A/B test with an audience"
        if words is not None:
            return f"{where}: {words}"
    word = f": {status.analysis.message}" if status.analysis and draft.desired.spec.analysis else ""
    return where + word


def _conditions(draft: Draft) -> tuple[Condition, ...]:
    old = {condition.type: condition for condition in draft.world.status.conditions}
    return tuple(_condition(draft, old.get(kind), kind, fact) for kind, fact in _facts(draft).items())


def _condition(draft: Draft, before: Condition | None, kind: str, fact: "Fact") -> Condition:
    state, reason, message = fact
    generation = draft.desired.generation
    if before is not None and before.status is state:
        if (before.reason, before.message, before.observed_generation) == (reason, message, generation):
            return before
        since = before.last_transition_time
    else:
        since = draft.now
    return Condition(
        type=kind,
        status=state,
        reason=reason,
        message=message,
        last_transition_time=since,
        observed_generation=generation,
    )


Fact = tuple[ConditionStatus, str, str]
TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


def _facts(draft: Draft) -> dict[str, Fact]:
    """Every condition. Ready, Reconciling and Stalled are kstatus': of Reconciling and Stalled at most one is true."""
    status, stable = draft.status, draft.revision(draft.status.stable)
    moving = status.phase in ROLLING_OUT or draft.waiting is not None or status.phase is Phase.PENDING
    stalled = _stalled(draft)
    ready = not moving and stalled is None
    available = stable is not None and (stable.ready_replicas > 0 or whole(draft) == 0)
    facts: dict[str, Fact] = {
        "Ready": (TRUE if ready else FALSE, stalled[0] if stalled else status.phase.value, status.message),
        "Reconciling": (TRUE if moving and stalled is None else FALSE, status.phase.value, status.message),
        "Stalled": (TRUE, *stalled) if stalled else (FALSE, "Moving", "nothing stands in the way"),
        "Available": (TRUE, "PodsReady", _serving(draft, stable))
        if available and stable is not None
        else (FALSE, "NoPodsReady", "no version has pods that serve"),
        "TrafficShifted": _traffic_fact(draft),
        "ServiceReady": _service_fact(draft),
        "AnalysisHealthy": _analysis_fact(draft),
        "Paused": (TRUE, "Paused", status.message)
        if status.phase is Phase.PAUSED
        else (FALSE, "NotPaused", "the rollout is not paused"),
    }
    facts |= _outcome_facts(draft)
    active = active_fact(draft)
    if active is not None:
        facts["AutoscalingActive"] = active
    return facts


def _serving(draft: Draft, stable: RevisionStatus) -> str:
    """How many pods serve; and who lacks pods although nothing waits for them, in the scheduler's words."""
    words = f"{stable.ready_replicas} pods of version {draft.status.version} serve"
    for revision in sorted(draft.lacking):
        entry, workload = draft.revision(revision), draft.workload(revision)
        why = draft.observed.pods.get(revision) or (workload.problem if workload else None)
        if entry is not None and why:
            words += f"; {entry.ready_replicas} of {entry.replicas} pods of {revision} are Ready: {why}"
    return words


def _stalled(draft: Draft) -> tuple[str, str] | None:
    """What only a person can mend: Serin waits, and says for what."""
    status = draft.status
    if draft.blocked is not None:
        return draft.blocked
    if status.phase is Phase.DEGRADED and status.rejected is not None:
        return status.rejected.reason, status.message
    if status.phase is Phase.DEGRADED:
        return "ProgressDeadlineExceeded", status.message
    return None


def _traffic_fact(draft: Draft) -> Fact:
    before = next((each for each in draft.world.status.conditions if each.type == "TrafficShifted"), None)
    if draft.status.stable is None:
        return FALSE, "NoStable", "no version is routed to yet"
    fight = contested_traffic(draft)
    if fight is not None:
        return FALSE, CONTESTED, fight
    route = draft.settlement(draft.status)
    # Who joins or leaves the route without traffic shifts none.
    stays = before is not None and before.status is TRUE and route.carried and not route.refused
    return (TRUE, "Accepted", _shares(draft)) if route.settled or stays else (FALSE, "Pending", route.message)


def _shares(draft: Draft) -> str:
    """Who gets which requests."""
    routing = wanted_routing(draft.desired, draft.status)
    words = [f"{entry.revision} {entry.weight} %" for entry in draft.status.revisions if entry.weight is not None]
    if routing.audiences:
        words.append(f"{draft.status.candidate} those with the preview's headers")
    if routing.mirror is not None:
        words.append(f"{draft.status.candidate} copies of {routing.mirror.percent} %")
    if routing.stickiness is not None:
        words.append(f"users stay for {format_duration(routing.stickiness.max_age)}")
    return ", ".join(words)


def _service_fact(draft: Draft) -> Fact:
    """Whether the model can be reached inside the cluster by the ModelDeployment's name."""
    name = draft.desired.owner.name
    if ("Service", name) in draft.observed.taken:
        return FALSE, "NameTaken", f"the Service {name} belongs to somebody else and is left alone"
    if draft.observed.user_service is None:
        return FALSE, "NotYetMade", f"the Service {name} is made when a version is Ready"
    return TRUE, "Made", f"the Service {name} leads to the version that has the traffic"


def _analysis_fact(draft: Draft) -> Fact:
    analysis = draft.status.analysis
    if analysis is None:
        return UNKNOWN, "NotAnalyzed", "no analysis is under way"
    state = {Verdict.FAIL: FALSE, Verdict.HOLD: UNKNOWN}.get(analysis.verdict, TRUE)
    return state, analysis.reason, analysis.message


def _outcome_facts(draft: Draft) -> dict[str, Fact]:
    """How the last rollout ended; both are false while one is under way, so that `kubectl wait` waits for it."""
    last = draft.status.history[0] if draft.status.history and draft.status.candidate is None else None
    facts: dict[str, Fact] = {}
    ends = {
        "Promoted": {Outcome.DEPLOYED, Outcome.PROMOTED, Outcome.RESTORED},
        "RolledBack": {Outcome.ROLLED_BACK},
    }
    plan = schedule(draft.desired.spec)
    if plan is not None and plan.compares:
        ends["Compared"] = {Outcome.COMPARED}
    for kind, outcomes in ends.items():
        if last is not None and last.outcome in outcomes:
            facts[kind] = (TRUE, last.reason, f"version {last.version} ({last.revision}): {last.message}")
        else:
            facts[kind] = (
                FALSE,
                "UnderWay" if draft.status.candidate else "NotTheLastOutcome",
                "see status.history",
            )
    return facts
