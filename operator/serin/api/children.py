"""What every child of a ModelDeployment bears: its name, its labels, its owner."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serin.api.names import API_VERSION, KIND, MODEL_LABEL, REVISION_LABEL, VERSION_LABEL

SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' own alphabet for generated names: no vowels, so no words, and nothing easily misread."""
REVISION_LENGTH = 10
"""Characters of a revision's hash: with a ModelDeployment's 52 and a hyphen they fill a Service name (63)."""

REVISION_PORT = 80
"""The port of every revision's Service, whatever `spec.service.port` is: a port that moved under a route would lose
requests until the proxy knew it."""

_REVISION = re.compile(f"[{SAFE_ALPHABET}]{{{REVISION_LENGTH}}}")
_REVISION_CHILD = re.compile(f"(.+)-[{SAFE_ALPHABET}]{{{REVISION_LENGTH}}}")
_NOT_IN_A_LABEL = re.compile(r"[^0-9A-Za-z._-]")
_LABEL_LENGTH = 63


@dataclass(frozen=True)
class Owner:
    """The ModelDeployment that a child belongs to."""

    namespace: str
    name: str
    uid: str

    def reference(self) -> dict[str, Any]:
        """The ownerReference: garbage collection removes the child with its owner."""
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    def metadata(self, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """The metadata of a child of this name."""
        return {
            "name": name,
            "namespace": self.namespace,
            "labels": {"app.kubernetes.io/managed-by": "serin", **labels},
            "ownerReferences": [self.reference()],
        }


def is_controlled_by(manifest: Mapping[str, Any], uid: str) -> bool:
    """Whether the ModelDeployment of this uid controls the object: only then it is ours to touch."""
    references = manifest["metadata"].get("ownerReferences") or ()
    return any(reference.get("controller") and reference["uid"] == uid for reference in references)


def revision_name(model: str, revision: str) -> str:
    """The name of a revision's Deployment, Service and ControllerRevision."""
    return f"{model}-{revision}"


def revision_in(model: str, name: str) -> str | None:
    """The revision whose child bears this name; None if it is no child of the ModelDeployment `model`."""
    prefix, _, revision = name.rpartition("-")
    return revision if prefix == model and _REVISION.fullmatch(revision) else None


def model_in(name: str) -> str | None:
    """The ModelDeployment of which a child of this name may be a revision's; None if the name is no such name."""
    found = _REVISION_CHILD.fullmatch(name)
    return found[1] if found else None


def selector_labels(model: str, revision: str) -> dict[str, str]:
    """What selects the pods of a revision. They never change, so neither role nor weight is among them."""
    return {MODEL_LABEL: model, REVISION_LABEL: revision}


def revision_labels(model: str, revision: str, version: str) -> dict[str, str]:
    """The labels of everything that belongs to one revision."""
    return {**selector_labels(model, revision), VERSION_LABEL: label_value(version)}


def label_value(text: str) -> str:
    """The nearest valid label value: `2.1.0+cuda` is `2.1.0-cuda`."""
    return _NOT_IN_A_LABEL.sub("-", text)[:_LABEL_LENGTH].strip("._-")
