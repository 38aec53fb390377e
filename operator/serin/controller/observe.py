"""From the cache to the argument of `plan()`."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from serin.api.action import RolloutActionSpec
from serin.api.base import parse_time
from serin.api.children import Owner, is_controlled_by, revision_name
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus
from serin.audit import Head
from serin.cluster.client import Object
from serin.cluster.resources import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    ROLLOUT_ACTION,
    ROUTES,
    SERVICE,
    ObjectKey,
    key_of,
)
from serin.cluster.scalers import is_autoscaled
from serin.controller.memo import Memo
from serin.controller.notes import Notes
from serin.controller.store import DIGEST, Store, route_of
from serin.rollout.contest import writer_of
from serin.rollout.split import carrier_of_traffic, claim_of
from serin.rollout.world import Advice, Desired, Judgement, Observed, Record, Request, Workload, World
from serin.traffic.provider import Claim
from serin.traffic.providers import provider_of
from serin.workloads import config_map_references, deployment_problem, rejected_of, revision_of, snapshot_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Untold:
    """What is known beyond the status that stands in the cluster, since when, and which status that was."""

    told: ModelDeploymentStatus
    status: ModelDeploymentStatus
    since: datetime


def observe(  # noqa: PLR0913 - keywords: all that a plan may know
    store: Store,
    manifest: Object,
    *,
    untold: Untold | None,
    judgement: Judgement | None,
    scaling: Mapping[str, Advice],
    logged: Head | None,
    now: datetime,
    status_refresh_seconds: float,
    looking_since: datetime,
) -> World:
    """Everything that is known about one ModelDeployment.

    Raises:
        ValueError: its spec cannot be read; the message names the field.
    """
    memo = store.memo(key_of(manifest))
    with memo.reading():
        desired = _desired(manifest, memo, store.notes(key_of(manifest)))
        told = _status(manifest, memo)
        observed = _observed(store, desired)
    # What somebody else has written meanwhile is not what was gone on from.
    known = untold if untold is not None and untold.told == told else None
    return World(
        desired=desired,
        observed=observed,
        status=known.status if known else told,
        told=told,
        untold_since=known.since if known else None,
        judgement=judgement,
        scaling=scaling,
        logged=logged,
        # As exact as times are in a status: what is read back is what was meant.
        now=now.replace(microsecond=now.microsecond // 1000 * 1000),
        status_refresh_seconds=status_refresh_seconds,
        looking_since=looking_since,
    )


def _desired(manifest: Object, memo: Memo, notes: Notes) -> Desired:
    metadata = manifest["metadata"]
    return Desired(
        owner=Owner(metadata["namespace"], metadata["name"], metadata["uid"]),
        generation=metadata["generation"],
        resource_version=metadata["resourceVersion"],
        spec=memo.read("spec", manifest["spec"], ModelDeploymentSpec.model_validate),
        finalizers=tuple(metadata.get("finalizers") or ()),
        deleting_since=notes.deleting_since(metadata["uid"]) if metadata.get("deletionTimestamp") else None,
        autoscaled=is_autoscaled(manifest),
    )


def _status(manifest: Object, memo: Memo) -> ModelDeploymentStatus:
    try:
        return memo.read("status", manifest.get("status") or {}, ModelDeploymentStatus.model_validate)
    except ValueError:
        logger.warning("The status of %s cannot be read and is rebuilt", manifest["metadata"]["name"], exc_info=True)
        return ModelDeploymentStatus()


def _observed(store: Store, desired: Desired) -> Observed:
    owner = desired.owner
    key = ObjectKey(owner.namespace, owner.name)
    notes = store.notes(key)
    taken = set(notes.taken())
    carrier = carrier_of_traffic(desired)
    claim = claim_of(desired)
    route = store.get(*route_of(claim)) if claim is not None else None
    if route is not None and not _is_ours(route, claim, owner):
        taken.add(carrier)
        route = None
    services = {
        item["metadata"]["name"]: item for item in store.children(key, SERVICE) if is_controlled_by(item, owner.uid)
    }
    return Observed(
        config_maps=_config_maps(store, desired),
        records=_records(store, key, owner),
        workloads={
            revision: _workload(item)
            for item in store.children(key, DEPLOYMENT)
            if is_controlled_by(item, owner.uid) and (revision := revision_of(item))
        },
        services={
            revision: item["metadata"]["uid"]
            for name, item in services.items()
            if (revision := revision_of(item)) and name == revision_name(owner.name, revision)
        },
        copies={
            item["metadata"]["name"]: item["metadata"]["uid"]
            for item in store.children(key, CONFIG_MAP)
            if is_controlled_by(item, owner.uid)
        },
        user_service=services.get(owner.name),
        route=route,
        other_routes=tuple(
            item
            for resource in ROUTES
            for item in store.children(key, resource)
            if (item["kind"], item["metadata"]["name"]) != carrier
        ),
        taken=frozenset(taken),
        invalid=notes.invalid(),
        pods=notes.pods(),
        contests=notes.contests,
        requests=tuple(_requests(store, key)),
    )


def _is_ours(route: Object, claim: Claim | None, owner: Owner) -> bool:
    """Whether we may write a route: it is the one that the user names, or one that we made."""
    own = claim is not None and provider_of(claim.traffic).is_own(claim)
    return own or is_controlled_by(route, owner.uid)


def _config_maps(store: Store, desired: Desired) -> dict[str, str]:
    digests = {}
    for reference in config_map_references(desired.spec.template):
        found = store.get(CONFIG_MAP, ObjectKey(desired.owner.namespace, reference.name))
        if found is not None:
            digests[reference.name] = found[DIGEST]
    return digests


def _records(store: Store, key: ObjectKey, owner: Owner) -> dict[str, Record]:
    records = {}
    for item in store.children(key, CONTROLLER_REVISION):
        revision = revision_of(item)
        if revision is None or not is_controlled_by(item, owner.uid):
            continue
        try:
            snapshot = store.memo(key).read((revision, "snapshot"), item, snapshot_of)
        except ValueError as error:
            logger.warning("%s", error)
            continue
        records[revision] = Record(
            uid=item["metadata"]["uid"],
            number=item["revision"],
            snapshot=snapshot,
            rejected=rejected_of(item),
        )
    return records


def _workload(item: Object) -> Workload:
    metadata, spec, status = item["metadata"], item["spec"], item["status"]
    return Workload(
        uid=metadata["uid"],
        replicas=spec["replicas"],
        ready=status["availableReplicas"],
        settled=status["observedGeneration"] >= metadata["generation"],
        problem=deployment_problem(item),
        writer=writer_of(item),
    )


def _requests(store: Store, key: ObjectKey) -> list[Request]:
    requests = []
    for item in store.children(key, ROLLOUT_ACTION):
        metadata = item["metadata"]
        try:
            spec = RolloutActionSpec.model_validate(item["spec"])
        except ValueError as error:
            logger.warning("RolloutAction %s/%s cannot be read: %s", metadata["namespace"], metadata["name"], error)
            continue
        requests.append(
            Request(
                name=metadata["name"],
                uid=metadata["uid"],
                created=parse_time(metadata["creationTimestamp"]),
                spec=spec,
                reported=bool((item.get("status") or {}).get("phase")),
            )
        )
    return requests
