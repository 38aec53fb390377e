"""Kubernetes Events: what `kubectl describe` shows, written beside the work and never in its way.

The same news about the same object is counted up on one Event, as kubectl's users know it (`x5 over 2m`). An object
that would flood the API server is held back by a token bucket, larger than client-go's: a rollout of many steps tells
each of them. What could not be written is counted in `/metrics`.
"""

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from prometheus_client import CollectorRegistry

from serin.api.names import FIELD_MANAGER
from serin.cluster.client import KubeClient
from serin.cluster.errors import ApiError, NotFound, NotLeading
from serin.cluster.metrics import EventMetrics
from serin.cluster.resources import EVENT

logger = logging.getLogger(__name__)

EventType = Literal["Normal", "Warning"]

BURST = 60
REFILL_SECONDS = 30.0
SAME_SECONDS = 600.0
LONGEST_MESSAGE = 1024
LONGEST_QUEUE = 1000
REMEMBERED = 4096


@dataclass(frozen=True)
class _News:
    involved: tuple[tuple[str, str], ...]
    type: EventType
    reason: str
    message: str


@dataclass
class _Written:
    """An Event that was written: its name, how often it happened, and when it did last."""

    name: str
    count: int
    at: float


@dataclass
class _Bucket:
    tokens: float
    at: float


class EventRecorder:
    """Takes news about objects and writes them as Events."""

    def __init__(
        self,
        client: KubeClient,
        registry: CollectorRegistry,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; `run` writes.

        Args:
            client: the API server.
            registry: where the counter goes.
            now: the time that an Event bears.
            monotonic: the time that the bucket is refilled by, in seconds.
        """
        self._client = client
        self._now = now
        self._monotonic = monotonic
        self._queue: asyncio.Queue[_News] = asyncio.Queue(LONGEST_QUEUE)
        self._written: OrderedDict[_News, _Written] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._metrics = EventMetrics(registry)

    def record(
        self,
        item: Mapping[str, Any],
        reason: str,
        message: str,
        *,
        type: EventType = "Normal",  # noqa: A002 - Kubernetes calls it so
    ) -> None:
        """Tell news about an object; returns at once and never raises.

        Args:
            item: the object, with apiVersion, kind and metadata.
            reason: one word in UpperCamelCase.
            message: one sentence for a person; cut at the API server's limit.
            type: Normal, or Warning for what somebody should look at.
        """
        metadata = item["metadata"]
        involved = {
            "apiVersion": item["apiVersion"],
            "kind": item["kind"],
            "namespace": metadata.get("namespace", ""),
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        if not self._take_token(metadata["uid"]):
            self._metrics.results.labels("held back").inc()
            return
        try:
            self._queue.put_nowait(_News(tuple(involved.items()), type, reason, message[:LONGEST_MESSAGE]))
        except asyncio.QueueFull:
            self._metrics.results.labels("failed").inc()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            news = await self._queue.get()
            try:
                await self._write(news)
            except NotLeading:
                self._metrics.results.labels("failed").inc()
            except ApiError as error:
                self._metrics.results.labels("failed").inc()
                logger.warning("An Event could not be written: %s", error)
            finally:
                self._queue.task_done()

    async def flush(self, *, seconds: float) -> None:
        """Wait until all news are written, but not longer than this."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            logger.warning("%d Events were not written before the end", self._queue.qsize())
            self._metrics.results.labels("failed").inc(self._queue.qsize())

    async def _write(self, news: _News) -> None:
        before = self._written.get(news)
        if before is not None and self._monotonic() - before.at < SAME_SECONDS:
            try:
                await self._count_up(news, before)
            except NotFound:
                pass  # the API server keeps Events for an hour only
            else:
                return
        await self._create(news)

    async def _count_up(self, news: _News, before: _Written) -> None:
        namespace = dict(news.involved)["namespace"]
        patch = {"count": before.count + 1, "lastTimestamp": self._timestamp()}
        await self._client.merge_patch(EVENT, namespace or "default", before.name, patch)
        self._remember(news, _Written(before.name, before.count + 1, self._monotonic()))
        self._metrics.results.labels("counted up").inc()

    async def _create(self, news: _News) -> None:
        involved = dict(news.involved)
        namespace = involved["namespace"] or "default"
        at = self._timestamp()
        # The name is Serin's own, so that the Event can be counted up; at most 253 characters.
        name = f"{involved['name'][:200]}.{uuid.uuid4().hex[:16]}"
        await self._client.create(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"namespace": namespace, "name": name},
                "involvedObject": involved,
                "type": news.type,
                "reason": news.reason,
                "message": news.message,
                "source": {"component": FIELD_MANAGER},
                "firstTimestamp": at,
                "lastTimestamp": at,
                "count": 1,
            }
        )
        self._remember(news, _Written(name, 1, self._monotonic()))
        self._metrics.results.labels("created").inc()

    def _remember(self, news: _News, written: _Written) -> None:
        self._written[news] = written
        self._written.move_to_end(news)
        _drop_old(self._written, self._monotonic() - SAME_SECONDS)

    def _take_token(self, uid: str) -> bool:
        now = self._monotonic()
        bucket = self._buckets.get(uid) or _Bucket(float(BURST), now)
        bucket.tokens = min(float(BURST), bucket.tokens + (now - bucket.at) / REFILL_SECONDS)
        bucket.at = now
        self._buckets[uid] = bucket
        self._buckets.move_to_end(uid)
        # A bucket that nobody touched for so long is as full as a new one.
        _drop_old(self._buckets, now - BURST * REFILL_SECONDS)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _timestamp(self) -> str:
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _drop_old(remembered: "OrderedDict[Any, Any]", until: float) -> None:
    """Forget what is of no use any more, and the oldest of what is too much."""
    while remembered and (len(remembered) > REMEMBERED or next(iter(remembered.values())).at <= until):
        remembered.popitem(last=False)
