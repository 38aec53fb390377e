"""The pod template: left open, so that the pod fields of any Kubernetes pass, but for what Serin must know.

A closed schema would prune the fields of newer Kubernetes and make the CRD too big for client-side apply. The
rest of a template is checked by the API server when the Deployment is made, strictly, and told in its own words.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from serin.api.names import GROUP
from serin.api.rules import VALIDATIONS

OWN_LABELS_HELP = f"labels below {GROUP}/ are set by Serin: leave them out, or choose a prefix of your own"

_OPEN: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_LABELS = {
    "type": "object",
    "description": "Labels of the pods, beside Serin's own.",
    "maxProperties": 64,
    "additionalProperties": {"type": "string", "maxLength": 63},
    VALIDATIONS: [{"rule": f"!self.exists(key, key.startsWith('{GROUP}/'))", "message": OWN_LABELS_HELP}],
}
_METADATA = _OPEN | {
    "description": "Labels and annotations of the pods.",
    "properties": {"labels": _LABELS},
}
_CONTAINERS = {
    "type": "array",
    "description": "The containers; the first one is the model server.",
    "minItems": 1,
    "items": _OPEN,
}
_POD = _OPEN | {
    "description": "A PodSpec.",
    "required": ["containers"],
    "properties": {"containers": _CONTAINERS},
}
TEMPLATE_SCHEMA = _OPEN | {"required": ["spec"], "properties": {"metadata": _METADATA, "spec": _POD}}


def _object(parent: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{path} is {value!r}: write an object")  # noqa: TRY004 - pydantic tells ValueErrors alone
    return value


def check_template(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Hand a PodTemplateSpec through that Serin can use.

    Raises:
        ValueError: it has no containers, or labels that are Serin's own.
    """
    containers = _object(template, "spec", "spec").get("containers")
    if not isinstance(containers, list | tuple) or not all(isinstance(each, Mapping) for each in containers):
        raise ValueError("spec.containers is a list of containers: write at least one, with name and image")
    if not containers:
        raise ValueError("spec.containers is empty: write at least one container, with name and image")
    labels = _object(_object(template, "metadata", "metadata"), "labels", "metadata.labels")
    if len(labels) > 64:
        raise ValueError(f"metadata.labels has {len(labels)} entries: write at most 64")
    for key, value in labels.items():
        if key.startswith(f"{GROUP}/"):
            raise ValueError(f"metadata.labels[{key}]: {OWN_LABELS_HELP}")
        if not isinstance(value, str) or len(value) > 63:
            raise ValueError(f"metadata.labels[{key}] is {value!r}: write a string of at most 63 characters")
    return template


PodTemplate = Annotated[Mapping[str, Any], AfterValidator(check_template), WithJsonSchema(TEMPLATE_SCHEMA)]
