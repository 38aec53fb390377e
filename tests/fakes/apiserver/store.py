"""What the fake API server remembers: objects, one count of versions, and everything that has happened."""

import itertools
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from fakes.apiserver.kinds import KINDS, Kind
from fakes.apiserver.ownership import Ownership
from fakes.apiserver.refusals import Refusal, conflict, gone, namespace_terminating, not_found
from fakes.apiserver.validation import validate

Object = dict[str, Any]
Json = TypeVar("Json")
Name = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True)
class Happening:
    """One change of one object."""

    version: int
    kind: Kind
    type: str
    object: Object
    before: Object | None
    """The object as it was, for selectors that it matched then."""


def duplicate(value: Json) -> Json:
    """A copy of what JSON can hold: several times faster than `copy.deepcopy`, which looks for more than that."""
    copied: Any = value
    if isinstance(value, dict):
        copied = {key: duplicate(child) for key, child in value.items()}
    elif isinstance(value, list):
        copied = [duplicate(child) for child in value]
    return cast("Json", copied)


class Store:
    """Objects of all kinds. Everything here happens at once: there is no await."""

    def __init__(self, kinds: Iterable[Kind] = KINDS) -> None:
        """Begin empty.

        Attributes:
            now: the time that objects bear; a test that moves its own gives it here.
            terminating: namespaces that are being deleted: nothing new can be made in them.
        """
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.terminating: set[str] = set()
        self.kinds = {(kind.group, kind.plural): kind for kind in kinds}
        self.happenings: list[Happening] = []
        self.oldest = 0
        self.listeners: list[Callable[[Happening], None]] = []
        self._objects: dict[Kind, dict[Name, Object]] = {}
        self._owners: dict[str, Ownership] = {}
        self._versions = itertools.count(1001)
        self.version = 1000

    def kind(self, plural: str) -> Kind:
        """The kind of this plural name."""
        return next(kind for kind in self.kinds.values() if kind.plural == plural)

    def find(self, kind: Kind, name: Name) -> Object | None:
        """A copy of an object, if it is there."""
        found = self._objects.get(kind, {}).get(name)
        return duplicate(found)

    def get(self, kind: Kind, name: Name) -> Object:
        """A copy of an object, or a refusal."""
        found = self.find(kind, name)
        if found is None:
            raise not_found(kind.plural, name[1])
        return found

    def all(self, kind: Kind, namespace: str = "") -> list[Object]:
        """Copies of all objects of a kind, by namespace and name."""
        return [
            duplicate(item)
            for name, item in sorted(self._objects.get(kind, {}).items())
            if not namespace or name[0] == namespace
        ]

    def create(self, kind: Kind, manifest: Object, *, manager: str, dry_run: bool = False) -> Object:
        """Make a new object of what a client sent."""
        item = duplicate(manifest)
        metadata = item.setdefault("metadata", {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
        name = (metadata.get("namespace", ""), metadata["name"])
        if name in self._objects.get(kind, {}):
            raise Refusal(409, "AlreadyExists", f'{kind.plural} "{name[1]}" already exists')
        item["apiVersion"], item["kind"] = kind.api_version, kind.kind
        if kind.status:
            item.pop("status", None)
            metadata["generation"] = 1
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = self._now()
        owners = Ownership()
        owners.record_update(manager, {}, item, at=self._now())
        return self._put(kind, "ADDED", item, None, owners, dry_run=dry_run)

    def update(
        self,
        kind: Kind,
        manifest: Object,
        *,
        manager: str,
        status: bool = False,
        subresource: str = "",
        dry_run: bool = False,
    ) -> Object:
        """Make an object what a client sent: all but its status, or its status alone; `subresource`: by which way."""
        metadata = manifest["metadata"]
        name = (metadata.get("namespace", ""), metadata["name"])
        before = self.get(kind, name)
        self._check(kind, before, metadata)
        after = self._combine(kind, before, manifest, status=status)
        owners = self._owners[before["metadata"]["uid"]].copy()
        subresource = "status" if status else subresource
        owners.record_update(manager, before, after, subresource=subresource, at=self._now())
        return self._put(kind, "MODIFIED", after, before, owners, dry_run=dry_run)

    def apply(self, kind: Kind, intent: Object, *, manager: str, force: bool, dry_run: bool = False) -> Object:
        """Server-side apply."""
        metadata = intent["metadata"]
        name = (metadata.get("namespace", ""), metadata["name"])
        before = self.find(kind, name)
        if before is None:
            owners = Ownership()
            item = owners.apply(manager, {}, intent, force=force, at=self._now())
            item["apiVersion"], item["kind"] = kind.api_version, kind.kind
            fresh = item["metadata"]
            fresh["uid"], fresh["creationTimestamp"] = str(uuid.uuid4()), self._now()
            if kind.status:
                item.pop("status", None)
                fresh["generation"] = 1
            return self._put(kind, "ADDED", item, None, owners, dry_run=dry_run)
        self._check(kind, before, metadata)
        owners = self._owners[before["metadata"]["uid"]].copy()
        merged = owners.apply(manager, before, intent, force=force, at=self._now())
        after = self._combine(kind, before, merged, status=False)
        return self._put(kind, "MODIFIED", after, before, owners, dry_run=dry_run)

    def delete(self, kind: Kind, name: Name, *, uid: str = "", version: str = "", orphan: bool = False) -> Object:
        """Delete an object, or mark it, if finalizers hold it."""
        before = self.get(kind, name)
        metadata = before["metadata"]
        if (uid and metadata["uid"] != uid) or (version and metadata["resourceVersion"] != version):
            raise conflict(kind.plural, name[1], f"Precondition failed: UID in precondition: {uid}")
        if metadata.get("finalizers"):
            if metadata.get("deletionTimestamp"):
                return before
            after = duplicate(before)
            after["metadata"]["deletionTimestamp"] = self._now()
            after["metadata"]["deletionGracePeriodSeconds"] = 0
            if kind.status:
                after["metadata"]["generation"] += 1
            return self._put(kind, "MODIFIED", after, before, self._owners[metadata["uid"]])
        return self._drop(kind, before, orphan=orphan)

    def terminate(self, namespace: str) -> None:
        """Delete a namespace: nothing new can be made in it, and what is there goes, as far as finalizers let it."""
        self.terminating.add(namespace)
        for kind in self.kinds.values():
            for item in self.all(kind, namespace):
                if self.find(kind, (namespace, item["metadata"]["name"])) is not None:
                    self.delete(kind, (namespace, item["metadata"]["name"]))

    def all_at(self, version: int, kind: Kind, namespace: str = "") -> list[Object]:
        """All objects of a kind as they were at a version that is not forgotten."""
        items = {(item["metadata"].get("namespace", ""), item["metadata"]["name"]): item for item in self.all(kind)}
        for happening in reversed(self.since(version)):
            if happening.kind == kind:
                metadata = happening.object["metadata"]
                name = (metadata.get("namespace", ""), metadata["name"])
                items.pop(name, None)
                if happening.before is not None:
                    items[name] = duplicate(happening.before)
        return [item for name, item in sorted(items.items()) if not namespace or name[0] == namespace]

    def compact(self) -> None:
        """Forget everything that has happened, as etcd does after a while: older versions are answered with 410."""
        self.happenings.clear()
        self.oldest = self.version

    def since(self, version: int) -> list[Happening]:
        """Everything after a version, or a refusal."""
        if version < self.oldest:
            raise gone(version)
        return [happening for happening in self.happenings if happening.version > version]

    def _check(self, kind: Kind, before: Object, sent: Object) -> None:
        present = before["metadata"]
        if sent.get("uid") and sent["uid"] != present["uid"]:
            raise conflict(kind.plural, present["name"], f"Precondition failed: UID is {present['uid']}")
        if sent.get("resourceVersion") and sent["resourceVersion"] != present["resourceVersion"]:
            raise conflict(kind.plural, present["name"])

    def _combine(self, kind: Kind, before: Object, sent: Object, *, status: bool) -> Object:
        if status:
            after = duplicate(before)
            after.pop("status", None)
            if "status" in sent:
                after["status"] = duplicate(sent["status"])
            return after
        after = duplicate(sent) | {"apiVersion": kind.api_version, "kind": kind.kind}
        for key in ("uid", "creationTimestamp", "generation", "deletionTimestamp", "resourceVersion"):
            if key in before["metadata"]:
                after["metadata"][key] = before["metadata"][key]
        if kind.status:
            after.pop("status", None)
            if "status" in before:
                after["status"] = duplicate(before["status"])
            if _content(after) != _content(before):
                after["metadata"]["generation"] = before["metadata"]["generation"] + 1
        return after

    def _put(
        self,
        kind: Kind,
        change: str,
        item: Object,
        before: Object | None,
        owners: Ownership,
        *,
        dry_run: bool = False,
    ) -> Object:
        metadata = item["metadata"]
        metadata["managedFields"] = owners.managed_fields(kind.api_version)
        validate(kind, item)
        if before is None and metadata.get("namespace") in self.terminating:
            raise namespace_terminating(kind.plural, metadata["name"], metadata["namespace"])
        if item == before or dry_run:
            return duplicate(item)
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            return self._drop(kind, item)
        self._owners[metadata["uid"]] = owners
        metadata["resourceVersion"] = self._next_version()
        name = (metadata.get("namespace", ""), metadata["name"])
        self._objects.setdefault(kind, {})[name] = item
        self._tell(kind, change, item, before)
        if self._is_orphan(item):
            self._drop(kind, item)
        return duplicate(item)

    def _drop(self, kind: Kind, item: Object, *, orphan: bool = False) -> Object:
        metadata = item["metadata"]
        del self._objects[kind][(metadata.get("namespace", ""), metadata["name"])]
        self._owners.pop(metadata["uid"], None)
        last = duplicate(item)
        last["metadata"]["resourceVersion"] = self._next_version()
        self._tell(kind, "DELETED", last, item)
        if not orphan:
            self._collect(metadata["uid"])
        return duplicate(last)

    def _collect(self, uid: str) -> None:
        """Background garbage collection: children whose owners are all gone go too."""
        children = [
            (kind, name)
            for kind, items in self._objects.items()
            for name, item in items.items()
            if any(owner["uid"] == uid for owner in item["metadata"].get("ownerReferences", []))
            and self._is_orphan(item)
        ]
        for kind, name in children:
            if self.find(kind, name) is not None:
                self.delete(kind, name)

    def _is_orphan(self, item: Object) -> bool:
        owners = item["metadata"].get("ownerReferences", [])
        return bool(owners) and not any(owner["uid"] in self._owners for owner in owners)

    def _now(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _next_version(self) -> str:
        self.version = next(self._versions)
        return str(self.version)

    def _tell(self, kind: Kind, change: str, item: Object, before: Object | None) -> None:
        happening = Happening(self.version, kind, change, duplicate(item), duplicate(before))
        self.happenings.append(happening)
        for listener in list(self.listeners):
            listener(happening)


def _content(item: Object) -> Object:
    return {key: value for key, value in item.items() if key not in {"metadata", "status"}}
