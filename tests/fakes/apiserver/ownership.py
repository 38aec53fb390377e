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
REPLICAS = ("spec", "replicas")
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


@dataclass(frozen=True)
class Writer:
    """Whose fields are kept apart: a manager's applies from its updates, and those of the status from the rest."""

    manager: str
    operation: str
    subresource: str = ""


@dataclass
class Ownership:
    """The leaves of one object by writer, and when each writer changed something last."""

    leaves: dict[Writer, set[Path]] = field(default_factory=dict)
    times: dict[Writer, str] = field(default_factory=dict)

    def copy(self) -> "Ownership":
        """Another one, to be changed apart."""
        return Ownership({writer: set(paths) for writer, paths in self.leaves.items()}, dict(self.times))

    def record_update(
        self, manager: str, before: dict[str, Any], after: dict[str, Any], *, subresource: str = "", at: str = ""
    ) -> None:
        """A manager changed an object: what it changed is its own now.

        As with a real one, who writes by /scale is noted only where somebody had the replicas before.
        """
        writer = Writer(manager, "Update", subresource)
        old, new = owned_leaves(before), owned_leaves(after)
        changed = {path for path, value in new.items() if path not in old or old[path] != value}
        if subresource == "scale" and not any(REPLICAS in paths for paths in self.leaves.values()):
            return
        for paths in self.leaves.values():
            paths.difference_update(changed)
            paths.intersection_update(new)
        self.leaves.setdefault(writer, set()).update(changed)
        if changed:
            self.times[writer] = at

    def apply(
        self, manager: str, live: dict[str, Any], intent: dict[str, Any], *, force: bool, at: str = ""
    ) -> dict[str, Any]:
        """The object after an apply, or a refusal that names the fields that others own."""
        writer = Writer(manager, "Apply")
        wanted, present = owned_leaves(intent), owned_leaves(live)
        others = {other: paths for other, paths in self.leaves.items() if other != writer}
        contested = [
            (other, path)
            for other, paths in others.items()
            for path in sorted(paths & wanted.keys())
            if present.get(path) != wanted[path]
        ]
        if contested and not force:
            fields = "; ".join(f'conflict with "{other.manager}": .{".".join(path)}' for other, path in contested)
            raise Refusal(409, "Conflict", f"Apply failed with {len(contested)} conflicts: {fields}")
        for other, path in contested:
            self.leaves[other].discard(path)
        tree = _merge(to_tree(live), to_tree(intent))
        before = self.leaves.get(writer, set())
        self.leaves[writer] = set(wanted)
        for path in before - wanted.keys():
            if not any(path in paths for paths in others.values()):
                _remove(tree, path)
        result: dict[str, Any] = from_tree(tree)
        if result != live or before != wanted.keys():
            self.times[writer] = at
        return result

    def managed_fields(self, api_version: str) -> list[dict[str, Any]]:
        """The object's `metadata.managedFields`."""
        return [
            {
                "manager": writer.manager,
                "operation": writer.operation,
                "apiVersion": api_version,
                "time": self.times[writer],
                "fieldsType": "FieldsV1",
                "fieldsV1": _nested(paths),
                **({"subresource": writer.subresource} if writer.subresource else {}),
            }
            for writer, paths in self.leaves.items()
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
