"""The Service that bears the ModelDeployment's name: the address of the model inside the cluster.

Without a traffic provider it is the traffic: its selector moves from revision to revision, all or nothing.
With a Gateway it follows the stable revision. Under the replica ratio it leads to the pods of two revisions at once.
"""

from collections.abc import Mapping
from typing import Any

from serin.api.children import Owner, selector_labels
from serin.api.names import MODEL_LABEL, REVISION_LABEL


def user_facing_service(owner: Owner, revision: str | None, *, port: int, target_port: int) -> dict[str, Any]:
    """The user-facing Service over the pods of one revision; None: over those of all revisions.

    port: `spec.service.port`. target_port: that of the revision's snapshot, since it moves with the selector.
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owner.metadata(owner.name, {MODEL_LABEL: owner.name}),
        "spec": {
            "type": "ClusterIP",
            "selector": selector_labels(owner.name, revision) if revision else {MODEL_LABEL: owner.name},
            "ports": [{"name": "http", "protocol": "TCP", "port": port, "targetPort": target_port}],
        },
    }


def selected_revision(service: Mapping[str, Any]) -> str | None:
    """The revision that a user-facing Service selects; None if it selects none of ours."""
    selector = (service.get("spec") or {}).get("selector") or {}
    revision = selector.get(REVISION_LABEL)
    return revision if isinstance(revision, str) else None


def is_shared(service: Mapping[str, Any], model: str) -> bool:
    """Whether a user-facing Service leads to the pods of all revisions."""
    return (service.get("spec") or {}).get("selector") == {MODEL_LABEL: model}
