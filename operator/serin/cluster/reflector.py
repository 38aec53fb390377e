"""Keeps the rest of Serin told about all objects of one kind: a list, then a watch, for ever.

After each list, what is there replaces what was there: an object that went away while nobody looked is
reported as gone. That is why children are watched by this: kopf does not say where a list ends.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from serin.cluster.client import KubeClient, Object, WatchEvent
from serin.cluster.errors import ApiError, Forbidden, Gone, NotFound
from serin.cluster.pulse import Pulse
from serin.cluster.resources import ObjectKey, Resource, key_of

logger = logging.getLogger(__name__)

OnChange = Callable[[ObjectKey, Object | None], None]
"""Told of each change: the object as it is now, or None if it is gone."""
Transform = Callable[[Object], Object]


def slim(manifest: Object) -> Object:
    """Drop what nobody reads and what is often the bigger half of an object: who manages which field."""
    manifest["metadata"].pop("managedFields", None)
    return manifest


@dataclass(frozen=True)
class Patience:
    """How long a reflector waits for what, in seconds."""

    silence: float = 70.0
    """Without an event for so long, a watch is dead: the API server sends at least a bookmark a minute."""
    period: float = 290.0
    """A watch is begun anew after so long, so that load spreads over the API servers again."""
    first_retry: float = 0.25
    """After a failure; twice as long after each further one."""
    longest_retry: float = 30.0
    missing_kind: float = 30.0
    """How often to look for a kind that the cluster does not have (a CRD that is not installed)."""
    stuck: float = 300.0
    """Without any sign of life for so long, attempts that fail included, a reflector is stuck."""


class Reflector:
    """Watches one kind of object.

    Attributes:
        synced: set once everything that there is has been told.
        missing: the cluster does not know the kind; for an optional kind that counts as synced.
        pulse: beats with each event, bookmark and attempt.
    """

    def __init__(  # noqa: PLR0913 - keywords, most of them with a default
        self,
        client: KubeClient,
        resource: Resource,
        *,
        on_change: OnChange,
        namespace: str = "",
        selector: str = "",
        optional: bool = False,
        is_wanted: Callable[[], bool] = lambda: True,
        transform: Transform = slim,
        on_blind: Callable[[], None] = lambda: None,
        patience: Patience = Patience(),
    ) -> None:
        """Prepare; `run` does the work.

        Args:
            client: the API server.
            resource: the kind to watch.
            on_change: told of each object that is there, has changed, or is gone; must not block.
            namespace: only this one; all of them if empty.
            selector: a label selector.
            optional: a cluster without the kind is served all the same.
            is_wanted: whether anybody misses the kind while the cluster has none: else it is not looked for.
            transform: reduces an object to what is worth keeping in memory: at least its name and resourceVersion.
            on_blind: told each time that the API server could not be asked: what is known may be old.
            patience: the time limits.
        """
        self.resource = resource
        self.synced = asyncio.Event()
        self.missing = False
        self.pulse = Pulse(patience.stuck)
        self._client = client
        self._on_change = on_change
        self._namespace = namespace
        self._selector = selector
        self._optional = optional
        self._is_wanted = is_wanted
        self._transform = transform
        self._on_blind = on_blind
        self._patience = patience
        self._known: dict[ObjectKey, str] = {}
        self._seen_until = 0
        self._failures = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self.pulse.beat()
            try:
                version = await self._list()
                await self._watch(version)
            except ApiError as error:
                await self._pause_after(error)

    def take_written(self, item: Object) -> None:
        """Take in what the API server answered to a write of our own: the watch tells it a moment later.

        Unless the watch is past it already: then it may have told by now that the object is gone.
        """
        if int(item["metadata"]["resourceVersion"]) > self._seen_until:
            self._tell(self._transform(item))

    async def _list(self) -> str:
        """Replace what is known by what there is, and return the version to go on from."""
        listed = await self._client.list(
            self.resource, self._namespace, selector=self._selector, reduce=self._transform
        )
        present = {key_of(item) for item in listed.items}
        for key in [key for key in self._known if key not in present]:
            self._forget(key)
        for item in listed.items:
            self._tell(item)
        if self.missing:
            logger.info("%s are known to the cluster now", self.resource.plural)
        self.missing = False
        self._seen_until = int(listed.resource_version)
        self.synced.set()
        return listed.resource_version

    async def _watch(self, version: str) -> None:
        """Follow what happens; a watch that ends or breaks goes on where it was until that is too old."""
        while True:
            self.pulse.beat()
            try:
                stream = self._client.watch(
                    self.resource,
                    self._namespace,
                    resource_version=version,
                    selector=self._selector,
                    period_seconds=self._patience.period,
                    silence_seconds=self._patience.silence,
                )
                async with aclosing(stream):
                    async for event in stream:
                        version = self._follow(event)
                        self._failures = 0
            except (Gone, NotFound) as error:
                self._count_restart(error)
                if isinstance(error, NotFound):
                    raise
                return
            except ApiError as error:
                self._count_restart(error)
                await self._pause_after(error)

    def _follow(self, event: WatchEvent) -> str:
        self.pulse.beat()
        metadata = event.object["metadata"]
        if event.type in {"ADDED", "MODIFIED"}:
            self._tell(self._transform(event.object))
        elif event.type == "DELETED":
            self._forget(key_of(event.object))
        version: str = metadata["resourceVersion"]
        self._seen_until = int(version)
        return version

    def _tell(self, item: Object) -> None:
        key, version = key_of(item), item["metadata"]["resourceVersion"]
        if self._known.get(key) == version:
            return  # a list or a resumed watch repeats what was told
        self._known[key] = version
        self._on_change(key, item)

    def _forget(self, key: ObjectKey) -> None:
        if self._known.pop(key, None) is not None:
            self._on_change(key, None)

    def _count_restart(self, error: ApiError) -> None:
        self._client.metrics.watch_restarts.labels(self.resource.plural, type(error).__name__).inc()

    async def _pause_after(self, error: ApiError) -> None:
        if isinstance(error, NotFound):
            await self._pause_without_kind(error)
            return
        self._failures += 1
        self._on_blind()
        delay = min(self._patience.first_retry * 2 ** min(self._failures - 1, 10), self._patience.longest_retry)
        # A refusal by RBAC will not pass by itself: it is worth a warning at once.
        level = logging.WARNING if self._failures >= 3 or isinstance(error, Forbidden) else logging.INFO
        logger.log(level, "Watching %s again in about %.1f s: %s", self.resource.plural, delay, error)
        await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards no secret

    async def _pause_without_kind(self, error: NotFound) -> None:
        """The kind does not exist: say it once, forget its objects, and look for it now and then."""
        for key in list(self._known):
            self._forget(key)
        if not self.missing:
            level = logging.INFO if self._optional else logging.ERROR
            logger.log(
                level,
                "The cluster has no %s.%s; where they are wanted Serin looks again every %.0f s: %s",
                self.resource.plural,
                self.resource.group or "core",
                self._patience.missing_kind,
                error,
            )
        self.missing = True
        if self._optional:
            self.synced.set()
        looks_again = False
        while not looks_again:
            await asyncio.sleep(self._patience.missing_kind * random.uniform(0.9, 1.1))  # noqa: S311 - as above
            self.pulse.beat()
            looks_again = self._is_wanted()
