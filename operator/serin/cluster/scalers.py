"""Who has the replicas of an object: told from who manages which of its fields."""

from collections.abc import Iterable, Mapping
from typing import Any

Object = Mapping[str, Any]

PEOPLE = frozenset({"kubectl"})
"""Who writes /scale because somebody said so, and not because of a load."""
DEFAULT = 1
"""The replicas that the API server writes where nobody said anything."""
_REPLICAS: Object = {"f:spec": {"f:replicas": {}}}


def owners_of_replicas(writers: Iterable[Object]) -> list[dict[str, Any]]:
    """Of all who manage fields those who manage `spec.replicas`, with nothing else of theirs."""
    return [
        {**{part: writer[part] for part in ("manager", "subresource") if part in writer}, "fieldsV1": _REPLICAS}
        for writer in writers
        if "f:replicas" in (writer.get("fieldsV1") or {}).get("f:spec", {})
    ]


def is_autoscaled(manifest: Object) -> bool | None:
    """Whether an autoscaler wrote `spec.replicas` last, through /scale.

    Of an object whose replicas nobody manages the API server does not note who writes them by /scale either, `kubectl
    scale` included. As every other way would be noted, replicas that nobody has and that are not the default came there
    by /scale. Of the default that cannot be told (None): nobody said anything, or an autoscaler came down to it.
    """
    writers = manifest["metadata"].get("managedFields")
    if writers is None:
        return False
    owners = owners_of_replicas(writers)
    if not owners:
        return True if manifest["spec"].get("replicas", DEFAULT) != DEFAULT else None
    return any(it.get("subresource") == "scale" and it.get("manager") not in PEOPLE for it in owners)
