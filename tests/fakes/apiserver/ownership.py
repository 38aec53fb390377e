"""Who manages which field, and server-side apply by it: the part of the algorithm that operators rely on.

An object is looked at as a tree whose leaves are scalars and atomic lists. Lists that Kubernetes merges by a key are
branches. A manager owns leaves: those that it applied last, or that it changed by an update.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

from fakes.apiserver.refusals import Refusal

Path = tuple[str, ...]

LIST_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort", "port"),
    "imagePullSecrets": ("name",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
}
IDENTITY = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}
SERVER_SIDE = {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "deletionTimestamp"}


class Keyed(dict[str, Any]):
    """A list that is merged by a key."""


class Values(dict[str, Any]):
    """A list of scalars that is a set."""


def to_tree(value: Any, name: str = "") -> Any:
    """An object as a tree."""
    if isinstance(value, dict):
        return {key: to_tree(child, key) for key, child in value.items()}
    if isinstance(value, list):
        if name == "finalizers":
            return Values({str(item): item for item in value})
        for key in LIST_KEYS.get(name, ()):
            if value and all(isinstance(item, dict) and key in item for item in value):
                return Keyed({f"{key}={item[key]}": to_tree(item) for item in value})
    return value


def from_tree(tree: Any) -> Any:
    """A tree as an object."""
    if isinstance(tree, Keyed | Values):
        return [from_tree(child) for child in tree.values()]
    if isinstance(tree, dict):
        return {key: from_tree(child) for key, child in tree.items()}
    return tree


def leaves(tree: Any, path: Path = ()) -> dict[Path, Any]:
    """Every leaf of a tree; an empty branch is a leaf."""
    if not isinstance(tree, dict) or not tree:
        return {path: tree}
    found: dict[Path, Any] = {}
    for key, child in tree.items():
        found.update(leaves(child, (*path, key)))
    return found


def owned_leaves(manifest: dict[str, Any]) -> dict[Path, Any]:
    """The leaves of an object that somebody can own."""
    return {
        path: value
        for path, value in leaves(to_tree(manifest)).items()
        if path and path not in IDENTITY and not (path[0] == "metadata" and set(path[1:2]) & SERVER_SIDE)
    }


@dataclass
class Ownership:
    """The leaves of one object by manager; for each manager those that it applied, and those that it updated."""

    applied: dict[str, set[Path]] = field(default_factory=dict)
    updated: dict[str, set[Path]] = field(default_factory=dict)

    def copy(self) -> "Ownership":
        """Another one, to be changed apart."""
        tables = (self.applied, self.updated)
        return Ownership(*({name: set(paths) for name, paths in table.items()} for table in tables))

    def record_update(self, manager: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        """A manager changed an object: what it changed is its own now."""
        old, new = owned_leaves(before), owned_leaves(after)
        changed = {path for path, value in new.items() if path not in old or old[path] != value}
        for paths in (*self.applied.values(), *self.updated.values()):
            paths.difference_update(changed)
            paths.intersection_update(new)
        self.updated.setdefault(manager, set()).update(changed)

    def apply(self, manager: str, live: dict[str, Any], intent: dict[str, Any], *, force: bool) -> dict[str, Any]:
        """The object after an apply, or a refusal that names the fields that others own."""
        wanted, present = owned_leaves(intent), owned_leaves(live)
        others = [
            (name, paths)
            for table in (self.applied, self.updated)
            for name, paths in table.items()
            if not (name == manager and table is self.applied)
        ]
        contested = [
            (name, path)
            for name, paths in others
            for path in sorted(paths & wanted.keys())
            if present.get(path) != wanted[path]
        ]
        if contested and not force:
            fields = "; ".join(f'conflict with "{name}": .{".".join(path)}' for name, path in contested)
            raise Refusal(409, "Conflict", f"Apply failed with {len(contested)} conflicts: {fields}")
        for name, path in contested:
            for table in (self.applied, self.updated):
                table.get(name, set()).discard(path)
        tree = _merge(to_tree(live), to_tree(intent))
        given_up = self.applied.get(manager, set()) - wanted.keys()
        self.applied[manager] = set(wanted)
        for path in given_up:
            if not any(path in paths for _, paths in others):
                _remove(tree, path)
        result: dict[str, Any] = from_tree(tree)
        return result

    def managed_fields(self, api_version: str) -> list[dict[str, Any]]:
        """The object's `metadata.managedFields`."""
        entries = [(name, "Apply", paths) for name, paths in self.applied.items()]
        entries += [(name, "Update", paths) for name, paths in self.updated.items()]
        return [
            {
                "manager": name,
                "operation": operation,
                "apiVersion": api_version,
                "fieldsType": "FieldsV1",
                "fieldsV1": _nested(paths),
            }
            for name, operation, paths in entries
            if paths
        ]


def _merge(live: Any, intent: Any) -> Any:
    if isinstance(live, dict) and isinstance(intent, dict) and intent:
        merged = copy.copy(live)
        for key, value in intent.items():
            merged[key] = _merge(live[key], value) if key in live else copy.deepcopy(value)
        return merged
    return copy.deepcopy(intent) if intent != {} or not isinstance(live, dict) else live


def _remove(tree: Any, path: Path) -> None:
    """Remove a leaf, and the branches that it leaves empty."""
    if path[0] not in tree:
        return
    if len(path) > 1 and isinstance(tree[path[0]], dict):
        _remove(tree[path[0]], path[1:])
        if tree[path[0]]:
            return
    del tree[path[0]]


def _nested(paths: set[Path]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for step in path:
            node = node.setdefault(f"k:{step}" if "=" in step else f"f:{step}", {})
    return root
