"""Writes a ModelDeployment's status: only when it changes, only onto the object that was decided about."""

from collections.abc import Mapping
from typing import Any

from serin.cluster.client import KubeClient, Object
from serin.cluster.resources import MODEL_DEPLOYMENT, ObjectKey, Resource, key_of


class StatusWriter:
    """The only writer of a kind's status subresource."""

    def __init__(self, client: KubeClient, resource: Resource = MODEL_DEPLOYMENT) -> None:
        """Write through `client`."""
        self._client = client
        self._resource = resource
        self._normalized: dict[ObjectKey, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    async def write(self, observed: Mapping[str, Any], status: Mapping[str, Any]) -> Object | None:
        """Make the status so, unless it is; returns the object as it is then, or None if nothing was written.

        Args:
            observed: the object that was decided about, with its `metadata.resourceVersion` and its status.
            status: the whole status.

        Raises:
            Conflict: the object has changed since; look again and decide again.
            NotFound: the object is gone.
            ApiError: whatever else the API server said.
        """
        metadata = observed["metadata"]
        key = key_of(observed)
        present = observed.get("status") or {}
        if present == status or self._normalized.get(key) == (status, present):
            return None
        written = await self._client.replace_status(
            self._resource, key.namespace, key.name, status, metadata["resourceVersion"]
        )
        stored = written.get("status") or {}
        if stored == status:
            self._normalized.pop(key, None)
        else:
            # The API server prunes and defaults; to write the same again would change nothing, for ever.
            self._normalized[key] = (dict(status), stored)
        return written

    def forget(self, key: ObjectKey) -> None:
        """Drop what is remembered of an object that is gone."""
        self._normalized.pop(key, None)
