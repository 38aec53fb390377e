"""A status that was lost, by a restore from backup for example, is rebuilt from what the cluster still has."""

from collections.abc import Mapping

from serin.api.capacity_status import CapacityStatus
from serin.api.children import revision_name
from serin.api.status import Phase, RevisionStatus, Role
from serin.rollout.capacity import is_elastic, is_rebalancing
from serin.rollout.draft import Draft
from serin.rollout.ratio import shares_by_replicas
from serin.rollout.revisions import take_back
from serin.traffic import service
from serin.traffic.providers import provider_for
from serin.traffic.routing import Routing
from serin.traffic.split import apportion


def recover_status(draft: Draft) -> None:
    """Find the roles by the traffic: it leads to stable, and to the candidate.

    A candidate goes on at the weight that it has: its step is found as after an edit of the steps, so no weight rises.
    """
    status, observed = draft.status, draft.observed
    if status.revisions or not observed.records:
        return
    name = draft.desired.owner.name
    services = {revision_name(name, revision): revision for revision in observed.records}
    route = observed.route
    routing = provider_for(route).read_routing(route, services) if route else None
    routed = routing.split if routing else _shared(draft)
    split = {services[backend]: weight for backend, weight in routed.items() if backend in services}
    stable = _stable(draft, split)
    candidate = max((other for other in split if other != stable and split[other]), key=split.__getitem__, default=None)
    candidate = candidate or _looked_at(routing, services)
    for revision, record in sorted(observed.records.items(), key=lambda item: item[1].number):
        role = {stable: Role.STABLE, candidate: Role.CANDIDATE}.get(revision, Role.RETIRED)
        _recover_revision(draft, revision, role, split, is_newer=record.number > _number(draft, stable))
        if record.rejected is not None:
            draft.set(rejected=record.rejected)
    _recover_rollout(draft, stable, candidate)
    draft.say("StatusRecovered", "the status was lost and is rebuilt from the revisions and the route", "Warning")


def _shared(draft: Draft) -> dict[str, int]:
    """Under the replica ratio pods are the traffic; of two versions with as many the older one comes first."""
    name, seen = draft.desired.owner.name, draft.observed.user_service
    if seen is None or not shares_by_replicas(draft.desired.spec) or not service.is_shared(seen, name):
        return {}
    by_age = sorted(draft.observed.records, key=lambda revision: draft.observed.records[revision].number)
    pods = {revision_name(name, each): found.replicas for each in by_age if (found := draft.workload(each))}
    return apportion(pods, 100) if any(pods.values()) else {}


def _stable(draft: Draft, split: Mapping[str, int]) -> str | None:
    """Who the Service of the ModelDeployment's name selects; if it is not ours, who has the most traffic."""
    user_service = draft.observed.user_service
    selected = service.selected_revision(user_service) if user_service else None
    if selected in draft.observed.records:
        return selected
    return max((revision for revision in split if split[revision]), key=split.__getitem__, default=None)


def _looked_at(routing: Routing | None, services: Mapping[str, str]) -> str | None:
    """Who has no weight, but is reached by header or gets copies of requests: that is a candidate's part."""
    if routing is None:
        return None
    shown = [audience.service for audience in routing.audiences] + ([routing.mirror.service] if routing.mirror else [])
    return next((services[service] for service in shown if service in services), None)


def _number(draft: Draft, revision: str | None) -> int:
    record = draft.observed.records.get(revision or "")
    return record.number if record is not None else 0


def _recover_revision(draft: Draft, revision: str, role: Role, split: Mapping[str, int], *, is_newer: bool) -> None:
    """What is in the route at weight 0 was kept warm, or drained; its pods go after `rollback.keepWarm`.

    One that is newer than stable may as well have waited for its first request, and is not taken for one that had all.
    """
    workload = draft.workload(revision)
    replicas, weight = workload.replicas if workload else 0, split.get(revision)
    warm = role is Role.RETIRED and weight == 0 and replicas > 0 and not is_newer
    draft.add(
        RevisionStatus(
            revision=revision,
            version=draft.observed.records[revision].snapshot.model.version,
            role=Role.PREVIOUS if warm else role,
            replicas=replicas,
            weight=100 if weight is None and role is Role.STABLE else weight,
            keep_until=draft.now + draft.desired.spec.rollback.keep_warm if warm else None,
        )
    )


def _recover_rollout(draft: Draft, stable: str | None, candidate: str | None) -> None:
    routed = draft.revision(stable)
    if routed is not None:
        draft.set(stable=stable, version=routed.version, phase=Phase.HEALTHY)
    entry = draft.revision(candidate)
    if entry is None:
        return
    rejected = draft.status.rejected
    turned_away = rejected is not None and rejected.revision == candidate
    draft.set(
        candidate=candidate,
        candidate_version=entry.version,
        weight=entry.weight or 0,
        rollout_started_at=draft.now,
        phase=Phase.ROLLING_BACK if turned_away else Phase.PROGRESSING,
    )
    _recover_whole(draft)
    if turned_away:
        take_back(draft)


def _recover_whole(draft: Draft) -> None:
    """How many pods carry the whole traffic, by those that stable has for its share, if no person says so."""
    stable = draft.revision(draft.status.stable)
    if stable is None or not is_elastic(draft):
        return
    share = 100 - (draft.status.weight or 0) if is_rebalancing(draft.desired.spec) else 100
    pods = max([entry.replicas for entry in draft.status.revisions] + [stable.replicas * 100 // max(share, 1)])
    followed = None if draft.desired.spec.autoscaling is not None else draft.desired.spec.replicas
    draft.set(capacity=CapacityStatus(whole=pods, replicas=followed))
