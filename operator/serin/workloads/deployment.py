"""The Deployment of a revision, rendered once from its snapshot."""

from collections.abc import Mapping
from typing import Any

from serin.api.children import Owner, revision_labels, revision_name, selector_labels
from serin.workloads.config_map import with_frozen_config_maps
from serin.workloads.snapshot import Snapshot

# Kubernetes' own spelling of "no deadline": Serin's progressDeadline counts only time in which nothing moves.
_NO_DEADLINE = 2**31 - 1


def deployment(owner: Owner, revision: str, snapshot: Snapshot, replicas: int) -> dict[str, Any]:
    """The Deployment of a revision.

    It is made once. Later only `spec.replicas` is written: another Serin could render it differently, which
    would restart its pods.
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": owner.metadata(
            revision_name(owner.name, revision), revision_labels(owner.name, revision, snapshot.version)
        ),
        "spec": {
            "replicas": replicas,
            # A pod counts once it was Ready for a second: by then the proxies know of it.
            "minReadySeconds": 1,
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": _NO_DEADLINE,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": selector_labels(owner.name, revision)},
            "template": _pod_template(owner, revision, snapshot),
        },
    }


def _pod_template(owner: Owner, revision: str, snapshot: Snapshot) -> dict[str, Any]:
    template = with_frozen_config_maps(snapshot.template, revision)
    metadata = dict(template.get("metadata") or {})
    labels = revision_labels(owner.name, revision, snapshot.version)
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    spec = dict(template.get("spec") or {})
    variables = _variables(revision, snapshot)
    for kind in ("initContainers", "containers"):
        if isinstance(spec.get(kind), list):
            spec[kind] = [_with_variables(container, variables) for container in spec[kind]]
    return {**template, "metadata": metadata, "spec": spec}


def _variables(revision: str, snapshot: Snapshot) -> dict[str, str]:
    """The environment that every container gets: which model it serves."""
    model = snapshot.model
    variables = {
        "SERIN_MODEL_NAME": snapshot.model_name,
        "SERIN_MODEL_VERSION": model.version,
        "SERIN_MODEL_URI": model.uri,
        "SERIN_MODEL_DIGEST": model.digest,
        "SERIN_REVISION": revision,
    }
    return {name: value for name, value in variables.items() if value is not None}


def _with_variables(container: object, variables: Mapping[str, str]) -> object:
    """The container with the variables that it does not set itself.

    They come first, because `$(NAME)` in a variable's value is expanded only if NAME stands before it.
    """
    if not isinstance(container, Mapping):
        return container
    own = container.get("env") or []
    if not isinstance(own, list):
        return container
    taken = {variable.get("name") for variable in own if isinstance(variable, Mapping)}
    added = [{"name": name, "value": value} for name, value in variables.items() if name not in taken]
    return {**container, "env": [*added, *own]}
