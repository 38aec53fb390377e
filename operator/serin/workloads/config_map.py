"""ConfigMaps: which ones a template reads, what is in them, and the copies frozen with a revision."""

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from serin.api.children import Owner, revision_labels
from serin.workloads.canonical import digest
from serin.workloads.snapshot import Snapshot

_NAME_LENGTH = 253

# Written by the cluster, not by the user, and renewed by it: a frozen copy would outlive a certificate.
_OF_THE_CLUSTER = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt"})


@dataclass(frozen=True, order=True)
class ConfigMapReference:
    """A ConfigMap that a template reads; an optional one may be missing."""

    name: str
    optional: bool


def config_map_references(template: Mapping[str, Any]) -> tuple[ConfigMapReference, ...]:
    """The ConfigMaps that the template reads, by name, in volumes and in the environment of all containers.

    One that is read twice is optional only if it is so both times. What has not the shape of a pod template
    is passed over: the API server says it better.
    """
    optional: dict[str, bool] = {}
    for reference in _references(template):
        name = reference["name"]
        optional[name] = optional.get(name, True) and reference.get("optional") is True
    return tuple(sorted(ConfigMapReference(name, flag) for name, flag in optional.items()))


def config_map_digest(data: Mapping[str, str] | None, binary_data: Mapping[str, str] | None = None) -> str:
    """The digest of a ConfigMap's content: `data` and `binaryData` (base64, as the API server has it)."""
    return digest({"data": data or {}, "binaryData": binary_data or {}})


def frozen_name(config_map: str, revision: str) -> str:
    """The name of the copy that is frozen with a revision."""
    room = _NAME_LENGTH - len(revision) - 1
    if len(config_map) > room:
        # Two long names may begin alike: a piece of the digest keeps their copies apart.
        mark = hashlib.sha256(config_map.encode()).hexdigest()[:10]
        config_map = f"{config_map[: room - len(mark) - 1].rstrip('.-')}-{mark}"
    return f"{config_map}-{revision}"


def with_frozen_config_maps(template: Mapping[str, Any], revision: str) -> dict[str, Any]:
    """A copy of the template that reads the frozen copies.

    Optional ConfigMaps that did not exist are renamed too: were one created later, a restarted pod of this
    revision would otherwise behave differently from its siblings.
    """
    result = copy.deepcopy(dict(template))
    for reference in _references(result):
        reference["name"] = frozen_name(reference["name"], revision)
    return result


def frozen_config_map(owner: Owner, revision: str, snapshot: Snapshot, config_map: Mapping[str, Any]) -> dict[str, Any]:
    """The immutable copy of a ConfigMap that is frozen with a revision.

    Raises:
        ValueError: the ConfigMap is not (or no longer) the one that the revision was made from.
    """
    name = config_map["metadata"]["name"]
    content = {key: dict(config_map[key]) for key in ("data", "binaryData") if config_map.get(key)}
    if config_map_digest(content.get("data"), content.get("binaryData")) != snapshot.config_maps.get(name):
        raise ValueError(
            f"ConfigMap {owner.namespace}/{name} changed after revision {revision} of {owner.name} was made: "
            "its frozen copy cannot be made from the new content"
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": owner.metadata(
            frozen_name(name, revision), revision_labels(owner.name, revision, snapshot.version)
        ),
        "immutable": True,
        **content,
    }


def _references(template: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every place of the template that names a ConfigMap, the dict that bears `name`."""
    spec = _member(template, "spec")
    for volume in _items(spec, "volumes"):
        yield from _named(_member(volume, "configMap"))
        for source in _items(_member(volume, "projected"), "sources"):
            yield from _named(_member(source, "configMap"))
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in _items(spec, kind):
            for variable in _items(container, "env"):
                yield from _named(_member(_member(variable, "valueFrom"), "configMapKeyRef"))
            for source in _items(container, "envFrom"):
                yield from _named(_member(source, "configMapRef"))


def _named(reference: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name = reference.get("name")
    if isinstance(reference, dict) and isinstance(name, str) and name and name not in _OF_THE_CLUSTER:
        yield reference


def _member(parent: object, key: str) -> Mapping[str, Any]:
    value = parent.get(key) if isinstance(parent, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _items(parent: object, key: str) -> list[Any]:
    value = parent.get(key) if isinstance(parent, Mapping) else None
    return value if isinstance(value, list) else []
