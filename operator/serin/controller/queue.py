"""The keyed work queue: bursts collapse, one key is never worked on twice at once, failures back off.

The semantics are those of client-go's workqueue: a key that is added while it waits is there once; a key that
is added while it is worked on is worked on once more, because what was seen may be older than the change.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from serin.cluster.errors import ClusterError, NotLeading

logger = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Backoff:
    """How long a key that failed waits, in seconds: twice as long after each further failure."""

    first: float = 0.5
    longest: float = 60.0

    def delay(self, failures: int) -> float:
        """The pause after the given number of failures in a row (at least 1)."""
        pause = min(self.first * 2.0 ** min(failures - 1, 30), self.longest)
        return pause * random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries, guards no secret


class Again(Exception):  # noqa: N818 - nothing is wrong
    """Raised by work that found the world another one than it had seen: the key comes again when that is seen.

    If it is not, because a watch lags or is dead, the key comes again after a pause, a longer one each time.
    """


class QueueMetrics:
    """What `/metrics` tells about the queue."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register with the operator's own registry."""
        self.waiting = Gauge("serin_queue_waiting", "Keys that wait for a worker.", registry=registry)
        self.running = Gauge("serin_queue_running", "Keys that are being worked on.", registry=registry)
        self.wait = Histogram(
            "serin_queue_wait_seconds", "Time from a key's addition to its worker.", registry=registry
        )
        self.work = Histogram("serin_reconcile_duration_seconds", "Time that one key took.", registry=registry)
        self.failures = Counter("serin_reconcile_failures", "Keys that failed, to be tried again.", registry=registry)


class WorkQueue(Generic[Key]):
    """Runs `work(key)` for each key that was added, several keys at once, one key at a time."""

    def __init__(
        self,
        work: Callable[[Key], Awaitable[None]],
        *,
        workers: int,
        metrics: QueueMetrics,
        backoff: Backoff = Backoff(),
    ) -> None:
        """Prepare; `run` does the work.

        Args:
            work: what to do for a key; when it raises, the key comes again after a pause.
            workers: how many keys are worked on at once.
            metrics: told of what happens.
            backoff: the pauses after failures.
        """
        self._work = work
        self._workers = workers
        self._metrics = metrics
        self._backoff = backoff
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._added_at: dict[Key, float] = {}
        self._running: dict[Key, float] = {}
        self._again: set[Key] = set()
        self._later: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        """How many keys wait for a worker now."""
        return len(self._added_at)

    def longest_work(self) -> float:
        """For how many seconds the key is being worked on that takes longest; 0 if none is."""
        return time.monotonic() - min(self._running.values()) if self._running else 0.0

    def add(self, key: Key) -> None:
        """Have the key worked on soon; what it waits for otherwise is dropped."""
        if self._closed:
            return
        self._cancel_later(key)
        if key in self._running:
            self._again.add(key)
        elif key not in self._added_at:
            self._added_at[key] = time.monotonic()
            self._ready.put_nowait(key)
            self._metrics.waiting.set(len(self._added_at))

    def add_after(self, key: Key, seconds: float) -> None:
        """Have the key worked on after a while; of several such wishes the earliest counts."""
        if self._closed or key in self._added_at:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, seconds)
        present = self._later.get(key)
        if present is not None and present.when() <= due:
            return
        self._cancel_later(key)
        self._later[key] = loop.call_at(due, self._come_due, key)

    def forget(self, key: Key) -> None:
        """Drop the key's failures and what it waits for: its object is gone."""
        self._failures.pop(key, None)
        self._cancel_later(key)

    def clear(self) -> None:
        """Drop all keys that wait, and all failures. Those that are being worked on go on."""
        for key in list(self._later):
            self._cancel_later(key)
        self._failures.clear()
        self._added_at.clear()
        self._again.clear()
        while not self._ready.empty():
            self._ready.get_nowait()
        self._metrics.waiting.set(0)

    async def run(self) -> None:
        """Work until cancelled; whatever is being worked on then is cancelled too."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._workers):
                    group.create_task(self._serve(), name=f"worker {number}")
        finally:
            self.close()

    def close(self) -> None:
        """Take no more keys, and drop those that wait. Those that are being worked on go on."""
        self._closed = True
        self.clear()

    async def drained(self, *, grace_seconds: float) -> bool:
        """After `close`: wait until nothing is being worked on, but not longer; tells whether that is so."""
        try:
            async with asyncio.timeout(grace_seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _serve(self) -> None:
        while True:
            key = await self._ready.get()
            added_at = self._added_at.pop(key)
            self._metrics.waiting.set(len(self._added_at))
            self._metrics.wait.observe(time.monotonic() - added_at)
            await self._work_on(key)

    async def _work_on(self, key: Key) -> None:
        self._running[key] = time.monotonic()
        self._idle.clear()
        self._metrics.running.set(len(self._running))
        try:
            with self._metrics.work.time():
                await self._work(key)
            self._failures.pop(key, None)
        except Again as error:
            delay = self._count_failure(key)
            logger.debug("%s again in %.1f s: %s", key, delay, error)
            self.add_after(key, delay)
        except NotLeading as error:
            logger.debug("%s is left to who leads: %s", key, error)
        except Exception as error:  # noqa: BLE001 - it is told, and tried again
            # One key's error, however bad, never stops another.
            self._retry(key, error)
        finally:
            self._running.pop(key)
            self._metrics.running.set(len(self._running))
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            if not self._running:
                self._idle.set()

    def _retry(self, key: Key, error: Exception) -> None:
        self._metrics.failures.inc()
        delay = self._count_failure(key)
        logger.warning(
            "%s failed %d times in a row; again in %.1f s: %s",
            key,
            self._failures[key],
            delay,
            error,
            # What the API server said needs no traceback; anything else is a bug.
            exc_info=None if isinstance(error, ClusterError) else error,
            extra={"object": str(key)},
        )
        self.add_after(key, delay)

    def _count_failure(self, key: Key) -> float:
        """Count one more in a row, and say how long to wait, in seconds."""
        self._failures[key] = self._failures.get(key, 0) + 1
        return self._backoff.delay(self._failures[key])

    def _come_due(self, key: Key) -> None:
        self._later.pop(key, None)
        self.add(key)

    def _cancel_later(self, key: Key) -> None:
        handle = self._later.pop(key, None)
        if handle is not None:
            handle.cancel()
