"""The ControllerRevision: a revision's snapshot, and whether it was turned away, for a status that was lost."""

import json
from collections.abc import Mapping
from typing import Any

from serin.api.children import Owner, revision_labels, revision_name
from serin.api.names import REJECTED_ANNOTATION, REVISION_LABEL
from serin.api.status import Rejected
from serin.workloads.snapshot import Snapshot


def controller_revision(
    owner: Owner,
    revision: str,
    snapshot: Snapshot,
    *,
    number: int,
    rejected: Rejected | None = None,
) -> dict[str, Any]:
    """The ControllerRevision of a revision. The API server keeps its data from changing; the annotations may.

    number: 1 for the ModelDeployment's first revision, rising by one with each new one.
    """
    metadata = owner.metadata(
        revision_name(owner.name, revision), revision_labels(owner.name, revision, snapshot.version)
    )
    if rejected is not None:
        metadata["annotations"] = {REJECTED_ANNOTATION: json.dumps(rejected.to_dict(), sort_keys=True)}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "data": snapshot.to_dict(),
        "revision": number,
    }


def snapshot_of(stored: Mapping[str, Any]) -> Snapshot:
    """The snapshot that a ControllerRevision keeps.

    Raises:
        ValueError: it keeps none that this Serin can read; the message names the object.
    """
    try:
        return Snapshot.from_dict(stored.get("data") or {})
    except ValueError as error:
        metadata = stored["metadata"]
        raise ValueError(
            f"ControllerRevision {metadata.get('namespace')}/{metadata['name']} cannot be read: {error}"
        ) from error


def revision_of(stored: Mapping[str, Any]) -> str | None:
    """The revision that a child belongs to, by its label."""
    label = (stored["metadata"].get("labels") or {}).get(REVISION_LABEL)
    return label if isinstance(label, str) else None


def rejected_of(stored: Mapping[str, Any]) -> Rejected | None:
    """Why a ControllerRevision's revision was turned away; None if it was not, or if somebody garbled it."""
    text = (stored["metadata"].get("annotations") or {}).get(REJECTED_ANNOTATION)
    try:
        return Rejected.model_validate_json(text) if text else None
    except ValueError:
        return None
