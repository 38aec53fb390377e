"""Which groups of APIs the cluster serves besides its own, and in which version: looked up now and then."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from serin.cluster.client import KubeClient, Object
from serin.cluster.errors import NotFound
from serin.cluster.resources import segment

SERVED_FOR = timedelta(minutes=10)
"""What is served is looked up again after this long, or when it is not found after all."""
MISSING_FOR = timedelta(minutes=1)
"""What is not served may be installed at any time."""


@dataclass(frozen=True)
class _Look:
    version: str | None
    until: datetime


class Groups:
    """Discovery, remembered for a while."""

    def __init__(self, client: KubeClient, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._looks: dict[str, _Look] = {}
        self._under_way: dict[str, asyncio.Task[str | None]] = {}
        self._plurals: dict[tuple[str, str], tuple[str, datetime]] = {}

    async def version(self, group: str, understood: Sequence[str]) -> str | None:
        """The version of a group to ask in; None if the cluster does not serve the group, or in no such version.

        Args:
            group: such as metrics.k8s.io.
            understood: versions whose answers can be read; the cluster's preferred one is taken if it is among them.

        Raises:
            ApiError: it is not known.
        """
        look = self._looks.get(group)
        if look is not None and look.until > self._now():
            return look.version
        # Many may ask at once: they wait for one answer.
        if group not in self._under_way:
            task = self._under_way[group] = asyncio.create_task(self._look_up(group, understood))
            task.add_done_callback(lambda _: self._under_way.pop(group))
        return await asyncio.shield(self._under_way[group])

    def forget(self, group: str) -> None:
        """What was served is not found: look it up again next time."""
        self._looks.pop(group, None)

    async def plural(self, api_version: str, kind: str) -> str:
        """The resource of a kind, with its group behind it unless that is the core's: `ingresses.networking.k8s.io`.

        Raises:
            ApiError: the cluster has no such kind, or it is not known.
        """
        known = self._plurals.get((api_version, kind))
        if known is None or known[1] <= self._now():
            group, _, version = api_version.rpartition("/")
            path = f"/apis/{segment(group)}/{segment(version)}" if group else f"/api/{segment(version or 'v1')}"
            listed = await self._client.read(path, "discovery")
            names = (each["name"] for each in listed["resources"] if each["kind"] == kind and "/" not in each["name"])
            name = next(names, None)
            if name is None:
                raise NotFound(f"GET {path}", words=f"there is no kind {kind} in {api_version or 'v1'}")
            known = self._plurals[api_version, kind] = (f"{name}.{group}" if group else name, self._now() + SERVED_FOR)
        return known[0]

    async def _look_up(self, group: str, understood: Sequence[str]) -> str | None:
        version = _offered(await self._group(group), understood)
        self._looks[group] = _Look(version, self._now() + (SERVED_FOR if version else MISSING_FOR))
        return version

    async def _group(self, group: str) -> Object | None:
        try:
            return await self._client.read(f"/apis/{segment(group)}", "discovery")
        except NotFound:
            return None


def _offered(group: Object | None, understood: Sequence[str]) -> str | None:
    if group is None:
        return None
    offered = [each["version"] for each in (group.get("preferredVersion"), *group["versions"]) if each]
    return next((version for version in offered if version in understood), None)
