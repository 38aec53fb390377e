"""The Service of a revision: what a route gives a weight to."""

from typing import Any

from serin.api.children import REVISION_PORT, Owner, revision_labels, revision_name, selector_labels
from serin.workloads.snapshot import Snapshot


def revision_service(owner: Owner, revision: str, snapshot: Snapshot) -> dict[str, Any]:
    """The Service over the pods of one revision. It is made once: all that it says belongs to the revision."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": owner.metadata(
            revision_name(owner.name, revision), revision_labels(owner.name, revision, snapshot.version)
        ),
        "spec": {
            "type": "ClusterIP",
            "selector": selector_labels(owner.name, revision),
            "ports": [{"name": "http", "protocol": "TCP", "port": REVISION_PORT, "targetPort": snapshot.target_port}],
        },
    }
