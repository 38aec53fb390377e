"""Watches: replay from a version, then whatever happens, bookmarks now and then."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from fakes.apiserver.kinds import Kind
from fakes.apiserver.selectors import matches
from fakes.apiserver.store import Happening, Store


@dataclass(frozen=True)
class Scope:
    """What a watch looks at."""

    kind: Kind
    namespace: str
    selector: str


class Watches:
    """All open watches of a store."""

    def __init__(self, store: Store) -> None:
        """Watch this store."""
        self._store = store
        self._breakers: list[tuple[Kind, asyncio.Event]] = []

    def cut(self, plural: str = "") -> int:
        """Cut the connections of all open watches (of a kind); tells how many there were."""
        hit = [stop for kind, stop in self._breakers if not plural or kind.plural == plural]
        for stop in hit:
            stop.set()
        return len(hit)

    def count(self, plural: str = "") -> int:
        """How many watches are open."""
        return sum(not plural or kind.plural == plural for kind, _ in self._breakers)

    async def events(
        self, scope: Scope, version: int, *, seconds: float, bookmark_seconds: float
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The events of one watch until its time is over or it is cut (`ConnectionResetError`)."""
        queue: asyncio.Queue[Happening] = asyncio.Queue()
        stop = asyncio.Event()
        entry = (scope.kind, stop)
        for happening in self._store.since(version):
            queue.put_nowait(happening)
        self._store.listeners.append(queue.put_nowait)
        self._breakers.append(entry)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        try:
            while (left := deadline - loop.time()) > 0:
                arrived = await _next(queue, stop, min(left, bookmark_seconds))
                if arrived is None:
                    yield _bookmark(scope.kind, self._store.version)
                elif (event := _event(scope, arrived)) is not None:
                    yield event
        finally:
            self._breakers.remove(entry)
            self._store.listeners.remove(queue.put_nowait)


async def _next(queue: "asyncio.Queue[Happening]", stop: asyncio.Event, seconds: float) -> Happening | None:
    if not queue.empty() and not stop.is_set():
        return queue.get_nowait()
    getter, stopper = asyncio.ensure_future(queue.get()), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({getter, stopper}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if stopper.done():
            raise ConnectionResetError
        return getter.result() if getter.done() else None
    finally:
        for waiter in (getter, stopper):
            waiter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiter


def _event(scope: Scope, happening: Happening) -> dict[str, Any] | None:
    """The event as this watch sees it: an object that ceases to match its selector is deleted to it."""
    metadata = happening.object["metadata"]
    if happening.kind != scope.kind or (scope.namespace and metadata.get("namespace") != scope.namespace):
        return None
    now = happening.type != "DELETED" and _fits(scope, happening.object)
    before = happening.before is not None and _fits(scope, happening.before)
    if not now and not before:
        return None
    change = ("MODIFIED" if before else "ADDED") if now else "DELETED"
    return {"type": change, "object": happening.object}


def _fits(scope: Scope, item: dict[str, Any]) -> bool:
    return matches(scope.selector, item["metadata"].get("labels"))


def _bookmark(kind: Kind, version: int) -> dict[str, Any]:
    metadata = {"resourceVersion": str(version), "creationTimestamp": None}
    return {
        "type": "BOOKMARK",
        "object": {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata},
    }
