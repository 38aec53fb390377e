"""Which groups, versions and kinds there are: what clients ask before anything else."""

from typing import Any

from fakes.apiserver.kinds import Kind
from fakes.apiserver.refusals import Refusal
from fakes.apiserver.store import Store

VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def discover(store: Store, path: str) -> dict[str, Any]:
    """The answer to a request about no object."""
    parts = path.strip("/").split("/")
    kinds = list(store.kinds.values())
    if path == "/version":
        return {"major": "1", "minor": "37", "gitVersion": "v1.37.2"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "groups": [_group(kinds, name) for name in sorted(_groups(kinds))]}
    if len(parts) == 2 and parts[0] == "apis" and parts[1] in _groups(kinds):
        return {"kind": "APIGroup", **_group(kinds, parts[1])}
    if len(parts) == 2 and parts[0] == "api":
        return _resources(kinds, "", parts[1])
    if len(parts) == 3 and parts[0] == "apis":
        return _resources(kinds, parts[1], parts[2])
    raise Refusal(404, "NotFound", "the server could not find the requested resource")


def _groups(kinds: list[Kind]) -> set[str]:
    return {kind.group for kind in kinds if kind.group}


def _group(kinds: list[Kind], name: str) -> dict[str, Any]:
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version}
        for version in sorted({kind.version for kind in kinds if kind.group == name})
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resources(kinds: list[Kind], group: str, version: str) -> dict[str, Any]:
    served = [kind for kind in kinds if (kind.group, kind.version) == (group, version)]
    if not served:
        raise Refusal(404, "NotFound", "the server could not find the requested resource")
    resources: list[dict[str, Any]] = []
    for kind in served:
        common = {"singularName": kind.kind.lower(), "namespaced": kind.namespaced, "kind": kind.kind}
        resources.append({"name": kind.plural, "verbs": VERBS, **common})
        if kind.status:
            resources.append({"name": f"{kind.plural}/status", "verbs": ["get", "patch", "update"], **common})
    return {"kind": "APIResourceList", "groupVersion": served[0].api_version, "resources": resources}
