"""When two versions may share one Service, under the replica ratio."""

from serin.rollout.capacity import whole
from serin.rollout.draft import Draft
from serin.rollout.ratio import pods_for_ratio, shares_by_replicas
from serin.rollout.revisions import reject


def may_share(draft: Draft, weight: int) -> bool:
    """Whether the Service of the ModelDeployment's name may lead to the pods of all revisions; else what comes next.

    It leads to every pod of the model then, so no third version may have any, and it has one target port.
    """
    if not shares_by_replicas(draft.desired.spec) or weight in {0, 100}:
        return True
    status, records = draft.status, draft.observed.records
    both = {status.stable, status.candidate}
    ports = {record.snapshot.target_port for revision, record in records.items() if revision in both}
    if len(ports) > 1:
        reject(
            draft,
            "PortChanged",
            "it listens at another port than stable, and one Service leads to both: roll it out without"
            " traffic.replicas, or by another provider",
        )
        return False
    others = {name: seen for name, seen in draft.observed.workloads.items() if name not in both}
    third = [name for name, seen in others.items() if seen.replicas or seen.ready]
    if third:
        draft.wait(f"the pods of {min(third)} have to go first: the Service would lead to them, too")
        return False
    return True


def real_share(draft: Draft, weight: int) -> str:
    """What a weight is in truth, after the weight: ` (1 of 5 pods, 20 %)`; nothing where it is exact."""
    if not shares_by_replicas(draft.desired.spec) or weight in {0, 100}:
        return ""
    pods, total = pods_for_ratio(whole(draft), weight), whole(draft)
    return f" ({pods} of {pods + total} pods, {100 * pods / max(pods + total, 1):.3g} %)"
