"""Leader election: of several replicas only the one that holds a Lease acts.

Nobody's clock is compared with anybody else's, as in client-go: whoever waits counts, on its own steady clock, how long
the Lease has stood unchanged. A leader counts from the moment at which it *sent* its last successful renewal, and stops
five seconds before anybody else may begin, whether or not the API server says anything. Every write names the
resourceVersion that it was decided by, so of two who want the Lease one gets it.
"""

import asyncio
import logging
import random
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from serin.cluster.client import KubeClient, Object
from serin.cluster.errors import ApiError, Conflict, NotFound, NotLeading
from serin.cluster.metrics import ElectionMetrics
from serin.cluster.resources import LEASE

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Terms:
    """What all replicas agree on, in seconds."""

    duration: float = 15.0
    """A Lease that was not renewed for so long is anybody's."""
    renew_deadline: float = 10.0
    """A leader that could not renew it for so long stops acting."""
    retry: float = 2.0
    """How often it is renewed."""
    answer: float = 1.8
    """How long one request may take: less than `retry`, so that one that hangs costs one renewal."""
    watch: float = 290.0
    """A standby begins its watch of the Lease anew after so long."""


class SteadyTime(Protocol):
    """A clock that only goes forward, and a way to wait. Tests bring one of their own."""

    def now(self) -> float:
        """Seconds since some moment."""

    async def sleep_until(self, when: float) -> None:
        """Return at that time."""


class MachineTime(SteadyTime):
    """The machine's steady clock. It counts the time that the machine was suspended, too: others went on meanwhile."""

    def now(self) -> float:
        """Seconds since the machine started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    async def sleep_until(self, when: float) -> None:
        """Sleep."""
        await asyncio.sleep(max(0.0, when - self.now()))


def new_identity() -> str:
    """Who this process is: its pod, and which of the processes that were ever in it."""
    return f"{socket.gethostname()}_{secrets.token_hex(4)}"


class Elector:
    """Competes for one Lease, holds it, and gives it back.

    It needs a client of its own, whose writes ask no gate and wait for no slot that others hold.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        client: KubeClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        metrics: ElectionMetrics,
        terms: Terms = Terms(),
        time: SteadyTime | None = None,
    ) -> None:
        """Prepare; `run` competes.

        Args:
            client: the API server.
            namespace: where the Lease is.
            name: the Lease's name.
            identity: what the Lease says while this replica leads; no two replicas may have the same.
            metrics: told of each change.
            terms: the time limits.
            time: the steady clock; the machine's if there is none.
        """
        self.identity = identity
        self._client = client
        self._namespace, self._name = namespace, name
        self._metrics = metrics
        metrics.follow(lambda: self.leads)
        self._terms = terms
        self._time = time or MachineTime()
        self._leading = False
        self._deadline = 0.0
        self._may_hold = False
        """Whether the Lease may bear our name: a claim was sent since it was last seen to bear another."""
        self._lease: Object | None = None
        """The Lease as it was last seen; None: look first."""
        self._seen: Mapping[str, Any] = {}
        """What it said, and since when it says so by our clock."""
        self._seen_at = 0.0
        self._heard_at = 0.0
        self._trouble = self._leader = ""
        self._turn = asyncio.Event()
        """Something has happened that the next attempt should not wait for."""
        self._standby = asyncio.Event()
        self._told_gained: Callable[[], None] = _nothing
        self._told_lost: Callable[[], None] = _nothing

    @property
    def leads(self) -> bool:
        """Whether this replica may act at this very moment."""
        return self._leading and self._time.now() < self._deadline

    @property
    def overdue(self) -> float:
        """For how many seconds it has been believing that it leads though its time was over; 0 if all is well."""
        return max(0.0, self._time.now() - self._deadline) if self._leading else 0.0

    def check(self) -> None:
        """The gate for writes.

        Raises:
            NotLeading: this replica must not write.
        """
        if not self.leads:
            raise NotLeading(f"{self.identity} does not hold the Lease {self._namespace}/{self._name}")

    async def run(self, *, on_gained: Callable[[], None], on_lost: Callable[[], None]) -> None:
        """Compete until cancelled. It goes on believing that it leads then, until `release`, or until its time is over.

        Args:
            on_gained: told when this replica begins to lead; must not block.
            on_lost: told when it leads no more; must not block.
        """
        self._told_gained, self._told_lost = on_gained, on_lost
        logger.info("Standing by for the Lease %s/%s as %s", self._namespace, self._name, self.identity)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._compete(), name="compete")
            group.create_task(self._end_in_time(), name="deadline")
            group.create_task(self._listen(), name="listen")

    async def release(self) -> None:
        """Stop leading, and let the next one begin at once: for when `run` has ended and nothing is being written."""
        if self._leading:
            self._leading = False
            self._metrics.changes.labels("released").inc()
            self._told_lost()
        if not self._may_hold:
            return
        for _ in range(2):
            # A renewal that was cut off may have had its effect: then the version is another one than we know.
            try:
                if self._lease is None:
                    await self._look()
                if self._lease is None or self._holder() != self.identity:
                    return
                await self._bounded(self._client.replace(self._filled(holder="", seconds=1)))
            except Conflict:
                self._lease = None
            except (ApiError, TimeoutError) as error:
                logger.warning("The Lease could not be given back, others wait until it runs out: %s", _words(error))
                return
            else:
                logger.info("Leading no more: the Lease %s/%s is given back", self._namespace, self._name)
                return

    async def _compete(self) -> None:
        conflicts = 0
        while True:
            self._turn.clear()
            began = self._time.now()
            try:
                again = await self._attempt(began)
                conflicts = 0
            except Conflict:
                # Somebody was faster, or an earlier attempt had its effect unheard: look at once, but not for ever.
                conflicts += 1
                self._lease, again = None, began + (self._retry() if conflicts > 1 else 0.0)
            except (ApiError, TimeoutError) as error:
                self._lease, again = None, began + self._retry()
                self._tell_trouble(error)
            await self._sleep_until(again)

    async def _attempt(self, began: float) -> float:
        """Look if need be, and get or keep the Lease if it is to be had; returns when to try again."""
        if self._leading and began >= self._deadline:
            self._end(f"it could not be renewed for {self._terms.renew_deadline:g} s")
        if self._lease is None:
            await self._look()
        holder = self._holder()
        if self._leading and holder not in {self.identity, ""}:
            self._end(f"it is {holder}'s")
        if holder != self.identity and not self._is_free():
            self._stand_by(holder)
            # Of a live leader something is heard every two seconds. Silence may also be our watch's.
            return min(self._heard_at + 2 * self._terms.retry, self._free_at())
        await self._claim()
        return began + self._terms.retry

    async def _look(self) -> None:
        try:
            self._see(await self._bounded(self._client.get(LEASE, self._namespace, self._name)))
        except NotFound:
            self._heard_at, self._lease = self._time.now(), None
        self._may_hold = self._holder() == self.identity

    async def _claim(self) -> None:
        """Take the Lease, or renew it."""
        sent = self._time.now()
        self._may_hold = True
        manifest = self._filled(holder=self.identity, seconds=round(self._terms.duration))
        if self._lease is None:
            written = await self._bounded(self._client.create(manifest))
        else:
            written = await self._bounded(self._client.replace(manifest))
        self._see(written)
        self._trouble = ""
        self._deadline = sent + self._terms.renew_deadline
        if not self._leading and self._time.now() < self._deadline:
            self._begin()

    def _filled(self, *, holder: str, seconds: int) -> Object:
        """The Lease as it was seen, with a new holder or a new time."""
        present: Object = self._lease or {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"namespace": self._namespace, "name": self._name},
        }
        spec = dict(present.get("spec") or {})
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        changes_hands = (spec.get("holderIdentity") or "") != holder
        transitions = spec.get("leaseTransitions") or 0
        # As client-go counts: each time that another one begins to hold it.
        spec["leaseTransitions"] = transitions + (changes_hands and bool(holder) and self._lease is not None)
        if changes_hands or not spec.get("acquireTime"):
            spec["acquireTime"] = now
        spec |= {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": now}
        return {**present, "spec": spec}

    def _see(self, lease: Object) -> None:
        """Take in what the Lease says; its time counts from when it began to say so."""
        self._heard_at = self._time.now()
        self._lease = lease
        spec = lease.get("spec") or {}
        if spec != self._seen:
            self._seen, self._seen_at = spec, self._heard_at

    def _holder(self) -> str:
        return str(((self._lease or {}).get("spec") or {}).get("holderIdentity") or "")

    def _free_at(self) -> float:
        """When nobody can be leading by what was seen last.

        A Lease that was deleted by hand is not free before that either: whoever held it may not know yet.
        """
        holder = self._seen.get("holderIdentity") or ""
        if holder in {"", self.identity}:
            return self._seen_at
        return self._seen_at + max(self._terms.duration, float(self._seen.get("leaseDurationSeconds") or 0))

    def _is_free(self) -> bool:
        return self._time.now() >= self._free_at()

    async def _listen(self) -> None:
        """While another one leads, hear at once that it has let go. Only speed hangs on it."""
        while True:
            await self._standby.wait()
            lease = self._lease
            try:
                if lease is not None:
                    await self._hear(lease["metadata"]["resourceVersion"])
            except ApiError as error:
                logger.debug("The watch of the Lease broke: %s", error)
            await self._time.sleep_until(self._time.now() + self._terms.retry)

    async def _hear(self, version: str) -> None:
        stream = self._client.watch(
            LEASE,
            self._namespace,
            name=self._name,
            resource_version=version,
            period_seconds=self._terms.watch,
            silence_seconds=2 * self._terms.duration,
        )
        async with aclosing(stream) as events:
            async for event in events:
                if self._leading:
                    return
                if event.type == "BOOKMARK" or event.object["metadata"]["name"] != self._name:
                    continue
                if event.type == "DELETED":
                    self._lease, self._heard_at = None, self._time.now()
                else:
                    self._see(event.object)
                if event.type == "DELETED" or not self._holder():
                    self._turn.set()

    async def _end_in_time(self) -> None:
        """The hard deadline: it needs no answer from anybody."""
        while True:
            await self._time.sleep_until(self._deadline if self._leading else self._time.now() + self._terms.retry)
            if self.overdue:
                self._end(f"it could not be renewed for {self._terms.renew_deadline:g} s")

    def _begin(self) -> None:
        self._leading = True
        self._leader = self.identity
        self._standby.clear()
        self._metrics.changes.labels("gained").inc()
        logger.info("Leading: the Lease %s/%s is ours", self._namespace, self._name)
        self._told_gained()

    def _end(self, reason: str) -> None:
        self._leading = False
        self._metrics.changes.labels("lost").inc()
        logger.warning("Leading no more: the Lease %s/%s is lost: %s", self._namespace, self._name, reason)
        self._told_lost()

    def _stand_by(self, holder: str) -> None:
        if holder and holder != self._leader:
            logger.info("%s leads", holder)
        self._leader = holder
        self._standby.set()

    def _tell_trouble(self, error: Exception) -> None:
        """Trouble with the Lease is worth a line each time for a leader, who will have to stop; else once."""
        words = _words(error)
        if self._leading:
            left = max(0.0, self._deadline - self._time.now())
            logger.warning("The Lease could not be renewed, %.0f s are left: %s", left, words)
        elif words != self._trouble:
            logger.warning("The Lease %s/%s cannot be had: %s", self._namespace, self._name, words)
        self._trouble = words

    async def _bounded(self, call: Awaitable[Object]) -> Object:
        """Wait for an answer, but neither longer than one may take, nor longer than the API server's patience."""
        async with asyncio.timeout(self._terms.answer):
            return await call

    def _retry(self) -> float:
        """A leader renews on time; those who only hope should not all ask at once."""
        return self._terms.retry * (1.0 if self._leading else random.uniform(1.0, 1.2))  # noqa: S311 - no secret

    async def _sleep_until(self, when: float) -> None:
        """Sleep until then, or until something has happened."""
        if when <= self._time.now():
            return
        waits: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._turn.wait()),
            asyncio.create_task(self._time.sleep_until(when)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _words(error: Exception) -> str:
    return str(error) or "no answer in time"


def _nothing() -> None:
    """Nobody is to be told yet."""
