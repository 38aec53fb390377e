"""Pods as the API server tells them, read for the autoscaler."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from serin.scaling.pods import Amounts, Container, Pod, Readiness
from serin.scaling.quantities import milli

Manifest = Mapping[str, Any]

_METADATA = ("name", "namespace", "labels", "resourceVersion", "deletionTimestamp")


def slim_pod(manifest: Manifest) -> dict[str, Any]:
    """Of a pod what `pod_of` reads: a few hundred bytes of thousands, and there are more pods than anything else."""
    metadata, spec, status = manifest["metadata"], manifest.get("spec") or {}, manifest.get("status") or {}
    ready = [each for each in status.get("conditions") or () if each.get("type") == "Ready"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {part: metadata[part] for part in _METADATA if part in metadata},
        "spec": {
            "containers": [_slim_container(each) for each in spec.get("containers") or ()],
            "initContainers": [_slim_container(each) for each in spec.get("initContainers") or ()],
            "resources": {"requests": (spec.get("resources") or {}).get("requests") or {}},
            "overhead": spec.get("overhead") or {},
        },
        "status": {"phase": status.get("phase"), "startTime": status.get("startTime"), "conditions": ready},
    }


def _slim_container(container: Manifest) -> dict[str, Any]:
    return {
        "name": container["name"],
        "restartPolicy": container.get("restartPolicy"),
        "resources": {"requests": (container.get("resources") or {}).get("requests") or {}},
    }


def pod_of(manifest: Manifest) -> Pod:
    """A pod, from all of it or from what `slim_pod` left."""
    metadata, spec, status = manifest["metadata"], manifest.get("spec") or {}, manifest.get("status") or {}
    return Pod(
        metadata["name"],
        phase=status.get("phase") or "Pending",
        deleted=bool(metadata.get("deletionTimestamp")),
        ready=_readiness(status.get("conditions") or ()),
        started=_time(status.get("startTime")),
        containers=tuple(map(_container, spec.get("containers") or ())),
        init_containers=tuple(map(_container, spec.get("initContainers") or ())),
        requests=_amounts((spec.get("resources") or {}).get("requests")),
        overhead=_amounts(spec.get("overhead")),
    )


def _readiness(conditions: Iterable[Manifest]) -> Readiness | None:
    ready = next((each for each in conditions if each.get("type") == "Ready"), None)
    since = _time(ready.get("lastTransitionTime")) if ready else None
    # A condition without a time is no condition that anything could be computed from; no API server writes one.
    return Readiness(str(ready.get("status")), since) if ready and since else None


def _container(container: Manifest) -> Container:
    requests = _amounts((container.get("resources") or {}).get("requests"))
    return Container(container["name"], requests, restartable=container.get("restartPolicy") == "Always")


def _amounts(written: Mapping[str, object] | None) -> Amounts:
    """Most pods of a model request the same: the same is one object."""
    return _read(tuple(sorted((name, str(quantity)) for name, quantity in written.items()))) if written else _NOTHING


_NOTHING: Amounts = {}


@lru_cache(4096)
def _read(written: tuple[tuple[str, str], ...]) -> Amounts:
    return {name: milli(quantity) for name, quantity in written}


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
