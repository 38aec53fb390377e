"""The audit records of a plan. They are in the status that the plan decides, so both are written, or neither is.

From there the shell brings them into the audit log. What is known to be there leaves the status with the next write,
for which it is no reason.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

from serin.api.status import AnalysisStatus, AuditStatus, HistoryEntry, MetricStatus, ModelDeploymentStatus, Outcome
from serin.audit import Entry, Head, NotARecordError, place, seal
from serin.rollout.draft import Draft

MOST_PENDING = 64
"""Records in the status at most: 100 KB at worst, usually a tenth of that. Then the oldest make room for new ones.

No decision waits for a log that is broken for long. The chain tells which records it lacks.
"""
MOST_WITHOUT_LOG = 8
"""Records in the status at most where no log is kept: the last ones can be read there."""
SERIN = "serin"

_TOLD_BY_REQUEST = frozenset({"ActionDone", "ActionRefused"})
_TELL_THE_END = frozenset({"Deployed", "Promoted", "RolledBack", "Compared"})


def audit(draft: Draft) -> None:
    """Put a record of each decision of this plan at the end of the chain."""
    before = draft.world.status.audit or AuditStatus(sequence=0, hash=Head().hash)
    head, pending, resumed = Head(before.sequence, before.hash), list(before.pending), []
    logged = draft.world.logged
    if logged is not None and logged.sequence > head.sequence:
        # The status was lost, or is an older one that somebody put back: the chain goes on where the log has it end.
        resumed = [_entry(draft, "AuditResumed", f"the status knew {head.sequence} records, the log {logged.sequence}")]
        head, pending = logged, []
    for entry in (*resumed, *_decisions(draft)):
        line, head = seal(entry, head)
        pending.append(line)
    if head.sequence == before.sequence:
        return
    limit = MOST_PENDING if logged is not None else MOST_WITHOUT_LOG
    draft.set(audit=AuditStatus(sequence=head.sequence, hash=head.hash, pending=tuple(pending[-limit:])))


def drop_logged(draft: Draft) -> None:
    """The status is going to be written: the records that the log is known to have need not be in it any more."""
    chain, logged = draft.status.audit, draft.world.logged
    if chain is None or logged is None:
        return
    first = chain.sequence - len(chain.pending) + 1
    known = logged.sequence - first + 1
    if 0 < known <= len(chain.pending) and _is_last(chain.pending[known - 1], logged):
        draft.set(audit=chain.model_copy(update={"pending": chain.pending[known:]}))


def _is_last(line: str, head: Head) -> bool:
    try:
        return place(line.encode()).head == head
    except NotARecordError:
        return False  # somebody changed it in the status: the log tells


def _decisions(draft: Draft) -> list[Entry]:
    entries = [*_requests(draft), *_ends(draft), *_notices(draft)]
    before, after = draft.world.status, draft.status
    if not entries and _weights(before) != _weights(after):
        entries.append(_entry(draft, "WeightChanged", "the weights are as a version leaves the route"))
    if after.drain_until is not None and before.drain_until is None:
        entries.append(_entry(draft, "Deleting", after.message))
    return entries


def _requests(draft: Draft) -> Iterator[Entry]:
    """What people asked for by RolloutActions, oldest first."""
    known = {record.uid for record in draft.world.status.actions}
    for record in reversed(draft.status.actions):
        if record.uid not in known:
            yield _entry(
                draft,
                record.action.capitalize(),
                record.message,
                user=record.by,
                outcome=record.result,
                request={"name": record.name, "uid": record.uid, "reason": record.reason[:200]},
            )


def _ends(draft: Draft) -> Iterator[Entry]:
    """Rollouts that ended without another word: replaced by another revision, or withdrawn."""
    for ended in _ended(draft):
        if ended.outcome in {Outcome.REPLACED, Outcome.WITHDRAWN}:
            yield _entry(draft, "RolloutEnded", ended.message, outcome=ended.outcome, of=ended)


def _notices(draft: Draft) -> Iterator[Entry]:
    """Everything else that is told. What changes nothing is recorded once, however often it is told."""
    ended, idle = next(iter(_ended(draft)), None), draft.status == draft.world.status
    for notice in draft.notices:
        if notice.reason in _TOLD_BY_REQUEST or (idle and _is_pending(draft, notice.reason, notice.message)):
            continue
        if ended is not None and notice.reason in _TELL_THE_END:
            yield _entry(draft, notice.reason, notice.message, outcome=ended.outcome, of=ended)
        else:
            yield _entry(draft, notice.reason, notice.message)


def _ended(draft: Draft) -> list[HistoryEntry]:
    known = {(entry.revision, entry.ended_at) for entry in draft.world.status.history}
    return [entry for entry in draft.status.history if (entry.revision, entry.ended_at) not in known]


def _is_pending(draft: Draft, action: str, message: str) -> bool:
    chain = draft.world.status.audit
    said = [
        f'"{name}":{json.dumps(text, ensure_ascii=False)}' for name, text in (("action", action), ("message", message))
    ]
    return chain is not None and any(all(text in line for text in said) for line in chain.pending)


def _entry(
    draft: Draft,
    action: str,
    message: str,
    *,
    user: str = SERIN,
    outcome: str = "Decided",
    of: HistoryEntry | None = None,
    **metadata: Any,
) -> Entry:
    owner, before = draft.desired.owner, draft.world.status
    revision = of.revision if of else draft.status.candidate or before.candidate or draft.status.stable
    known = draft.revision(revision)
    return Entry(
        uid=owner.uid,
        namespace=owner.namespace,
        model_deployment=owner.name,
        time=draft.now,
        user=user,
        action=action,
        outcome=outcome,
        message=message,
        revision=revision,
        version=known.version if known else None,
        weights_before=_weights(before),
        weights_after=_weights(draft.status),
        metadata={**metadata, **_position(before), **_evidence(draft)},
    )


def _weights(status: ModelDeploymentStatus) -> dict[str, int]:
    return {entry.revision: entry.weight for entry in status.revisions if entry.weight}


def _position(status: ModelDeploymentStatus) -> dict[str, Any]:
    """The step in which it was decided."""
    return {"step": status.step.index, "steps": status.step.of} if status.step else {}


def _evidence(draft: Draft) -> dict[str, Any]:
    """What the data said when it was decided."""
    judgement = draft.world.judgement
    if judgement is None or judgement.analysis.revision != draft.world.status.candidate:
        return {}
    return {"analysis": _analysis(judgement.analysis), "metrics": [_metric(one) for one in judgement.analysis.metrics]}


def _analysis(analysis: AnalysisStatus) -> dict[str, Any]:
    told = analysis.to_dict()
    return {name: told[name] for name in ("verdict", "reason", "at", "ticks")} | {"samples": _number(analysis.samples)}


def _metric(metric: MetricStatus) -> dict[str, Any]:
    """Events are told as bad ones of all."""
    counts = {"candidate": metric.candidate, "stable": metric.stable}
    return {
        "name": metric.name,
        "verdict": str(metric.verdict),
        "reason": metric.reason,
        "estimate": _number(metric.estimate),
        "limit": _number(metric.limit),
        **{who: [_number(count.bad), _number(count.total)] for who, count in counts.items() if count is not None},
    }


def _number(value: float | None) -> float | None:
    """Short enough for a record; JSON knows no infinity."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
