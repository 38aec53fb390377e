"""The cache: every object that Serin watches, and which ModelDeployments each of them concerns."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from serin.api.children import Owner, model_in
from serin.api.names import MODEL_LABEL
from serin.api.spec import Traffic
from serin.cluster.client import Object
from serin.cluster.reflector import OnChange
from serin.cluster.resources import (
    CONFIG_MAP,
    MODEL_DEPLOYMENT,
    ROLLOUT_ACTION,
    ROUTES,
    ObjectKey,
    Resource,
    resource_of,
)
from serin.controller.memo import Memo
from serin.controller.notes import Notes
from serin.traffic.provider import Claim
from serin.traffic.providers import PROVIDERS, provider_for, provider_of
from serin.workloads import config_map_digest, config_map_references

DIGEST = "digest"
"""Where a slim ConfigMap keeps the digest of the content that it has no more."""


def slim_config_map(manifest: Object) -> Object:
    """Of a ConfigMap only who it is and what its content hashes to: a cluster holds many, and large ones."""
    metadata = manifest["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences")
    digest = config_map_digest(manifest.get("data"), manifest.get("binaryData"))
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {part: metadata[part] for part in kept if part in metadata},
        DIGEST: digest,
    }


def slim_writers(manifest: Object) -> Object:
    """Of who manages which field of an object only who, and when last: the fields are the bigger half of an object."""
    metadata = manifest["metadata"]
    kept = ("manager", "operation", "subresource", "time")
    writers = metadata.get("managedFields") or ()
    metadata["managedFields"] = [{part: writer[part] for part in kept if part in writer} for writer in writers]
    return manifest


def slim_deployment(manifest: Object) -> Object:
    """Of a Deployment what plans read. Its template is the bigger part, and its status changes more often than that."""
    metadata, status = slim_writers(manifest)["metadata"], manifest.get("status") or {}
    kept = ("name", "namespace", "uid", "resourceVersion", "generation", "labels", "ownerReferences")
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": {
            **{part: metadata[part] for part in kept if part in metadata},
            "managedFields": [each for each in metadata["managedFields"] if each.get("subresource") != "status"],
        },
        "spec": {"replicas": manifest["spec"].get("replicas", 1)},
        "status": {
            "observedGeneration": status.get("observedGeneration", 0),
            "availableReplicas": status.get("availableReplicas", 0),
            "conditions": [
                {part: each.get(part) for part in ("type", "status", "reason", "message")}
                for each in status.get("conditions") or ()
                if (each.get("type"), each.get("status")) in {("ReplicaFailure", "True"), ("Progressing", "False")}
            ],
        },
    }


class Store:
    """Objects by kind and name, and the children of each ModelDeployment."""

    def __init__(self, enqueue: Callable[[ObjectKey], None], now: Callable[[], datetime]) -> None:
        """Prepare.

        Args:
            enqueue: told of each ModelDeployment that a change concerns.
            now: the clock.
        """
        self._enqueue = enqueue
        self._now = now
        self._objects: dict[Resource, dict[ObjectKey, Object]] = defaultdict(dict)
        self._children: dict[ObjectKey, set[tuple[Resource, ObjectKey]]] = defaultdict(set)
        self._interested: dict[tuple[Resource, ObjectKey], set[ObjectKey]] = defaultdict(set)
        self._interests: dict[ObjectKey, set[tuple[Resource, ObjectKey]]] = {}
        self._carriers: dict[ObjectKey, tuple[Resource, ObjectKey] | None] = {}
        self._notes: dict[ObjectKey, Notes] = {}
        self._memos: dict[ObjectKey, Memo] = {}

    def get(self, resource: Resource, key: ObjectKey) -> Object | None:
        """One object as it was last seen."""
        return self._objects[resource].get(key)

    def model_deployments(self) -> Mapping[ObjectKey, Object]:
        """All ModelDeployments."""
        return self._objects[MODEL_DEPLOYMENT]

    def children(self, key: ObjectKey, resource: Resource) -> Iterator[Object]:
        """The objects of a kind that bear the label of this ModelDeployment."""
        for kind, name in self._children.get(key, ()):
            if kind == resource:
                yield self._objects[resource][name]

    def carries_traffic(self, resource: Resource) -> bool:
        """Whether any ModelDeployment has its traffic written in objects of this kind."""
        return any(carrier is not None and carrier[0] == resource for carrier in self._carriers.values())

    def notes(self, key: ObjectKey) -> Notes:
        """What the executor learnt about a ModelDeployment."""
        return self._notes.setdefault(key, Notes(self._now))

    def forget_notes(self) -> None:
        """Drop what the executor learnt: it is to be learnt anew."""
        self._notes.clear()

    def memo(self, key: ObjectKey) -> Memo:
        """What was read from a ModelDeployment and its children."""
        return self._memos.setdefault(key, Memo())

    def primary_changed(self, resource: Resource, key: ObjectKey, manifest: Object | None) -> None:
        """A ModelDeployment or a RolloutAction was made, has changed, or is gone."""
        if not self._keep(resource, key, manifest):
            return
        if resource == MODEL_DEPLOYMENT:
            route = self._carriers[key] = _route(key, manifest) if manifest else None
            self._set_interests(key, _interests(key, manifest, route) if manifest else set())
            if manifest is None:
                self._notes.pop(key, None)
                self._memos.pop(key, None)
                self._carriers.pop(key, None)
            self._enqueue(key)
        elif manifest is not None:
            for target in _owners(resource, key, manifest):
                self._enqueue(target)

    def child_changed(self, resource: Resource) -> OnChange:
        """What a reflector of this kind calls."""

        def on_change(key: ObjectKey, manifest: Object | None) -> None:
            before = self._objects[resource].get(key)
            if not self._keep(resource, key, manifest) or _says_the_same(before, manifest):
                return
            for owner in _owners(resource, key, before) | _owners(resource, key, manifest):
                self._enqueue(owner)
            for interested in self._interested.get((resource, key), ()):
                self._enqueue(interested)

        return on_change

    def _keep(self, resource: Resource, key: ObjectKey, manifest: Object | None) -> bool:
        """Take a change in; False if it is older than what is known, or nothing new."""
        known = self._objects[resource].get(key)
        if manifest is not None and known is not None and _version(manifest) <= _version(known):
            return False
        # Whose child it is may change with the object.
        self._forget_child(resource, key, known)
        if manifest is None:
            self._objects[resource].pop(key, None)
            return known is not None
        if known is not None:
            # Most changes are of one part: what is the same stays the same object. What was read from it holds it too.
            manifest |= {part: known[part] for part in manifest.keys() & known.keys() if manifest[part] == known[part]}
        self._objects[resource][key] = manifest
        for owner in _owners(resource, key, manifest):
            self._children[owner].add((resource, key))
        return True

    def _forget_child(self, resource: Resource, key: ObjectKey, known: Object | None) -> None:
        for owner in _owners(resource, key, known):
            self._children[owner].discard((resource, key))
            if not self._children[owner]:
                del self._children[owner]

    def _set_interests(self, key: ObjectKey, interests: set[tuple[Resource, ObjectKey]]) -> None:
        for gone in self._interests.pop(key, set()) - interests:
            self._interested[gone].discard(key)
            if not self._interested[gone]:
                del self._interested[gone]
        if interests:
            self._interests[key] = interests
        for wanted in interests:
            self._interested[wanted].add(key)


def _says_the_same(before: Object | None, after: Object | None) -> bool:
    """Whether a change is one of what nobody reads: it wakes no ModelDeployment."""
    if before is None or after is None or before.keys() != after.keys():
        return False
    metadata = ({**it["metadata"], "resourceVersion": ""} for it in (before, after))
    return next(metadata) == next(metadata) and all(
        before[part] == after[part] for part in before if part != "metadata"
    )


def _version(manifest: Object) -> int:
    return int(manifest["metadata"]["resourceVersion"])


def _owners(resource: Resource, key: ObjectKey, manifest: Object | None) -> set[ObjectKey]:
    """The ModelDeployments that an object belongs to: by its label, by name, or by the Services that it leads to."""
    if manifest is None or resource == MODEL_DEPLOYMENT:
        return set()
    if resource == ROLLOUT_ACTION:
        names: set[str | None] = {manifest["spec"].get("modelDeployment", "")}
    elif resource in ROUTES:
        labeled = (manifest["metadata"].get("labels") or {}).get(MODEL_LABEL)
        names = {model_in(service) for service, _ in provider_for(manifest).backends(manifest)} | {labeled}
    else:
        names = {(manifest["metadata"].get("labels") or {}).get(MODEL_LABEL)}
    return {ObjectKey(key.namespace, name) for name in names if name}


def route_of(claim: Claim) -> tuple[Resource, ObjectKey]:
    """The object in which the traffic of a ModelDeployment is written."""
    provider = provider_of(claim.traffic)
    resource = resource_of({"apiVersion": provider.API_VERSION, "kind": provider.KIND})
    return resource, ObjectKey(claim.owner.namespace, provider.route_name(claim))


def _interests(
    key: ObjectKey, manifest: Object, route: tuple[Resource, ObjectKey] | None
) -> set[tuple[Resource, ObjectKey]]:
    """Objects without our label that a ModelDeployment depends on: ConfigMaps of its template, its route."""
    spec: dict[str, Any] = manifest.get("spec") or {}
    template = spec.get("template")
    references = config_map_references(template) if isinstance(template, dict) else ()
    interests = {(CONFIG_MAP, ObjectKey(key.namespace, reference.name)) for reference in references}
    interests |= {(resource, key) for resource in ROUTES}
    return interests | {route} if route is not None else interests


def _route(key: ObjectKey, manifest: Object) -> tuple[Resource, ObjectKey] | None:
    """The object in which the traffic is written; None without a provider, or where nobody can read which."""
    try:
        traffic = Traffic.model_validate((manifest.get("spec") or {}).get("traffic"))
    except ValueError:
        return None
    if traffic.provider not in PROVIDERS:
        return None  # the Service of the ModelDeployment's name
    return route_of(Claim(Owner(key.namespace, key.name, ""), traffic, port=0))
