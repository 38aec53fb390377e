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
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from serin.cluster.client import KubeClient, Object
from serin.cluster.errors import ApiError, Conflict, NotFound, NotLeading
from serin.cluster.lease_view import LeaseView
from serin.cluster.metrics import ElectionMetrics
from serin.cluster.resources import LEASE
from serin.cluster.steady import MachineTime, SteadyTime

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
        self._view = LeaseView(namespace, name, identity)
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
                if self._view.present is None:
                    await self._look()
                if not self._view.ours:
                    return
                await self._bounded(self._client.replace(self._view.released()))
            except Conflict:
                self._view.present = None
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
                self._view.present = None
                again = began + (self._retry() if conflicts > 1 else 0.0)
            except (ApiError, TimeoutError) as error:
                self._view.present = None
                again = began + self._retry()
                self._tell_trouble(error)
            await self._sleep_until(again)

    async def _attempt(self, began: float) -> float:
        """Look if need be, and get or keep the Lease if it is to be had; returns when to try again."""
        if self._leading and began >= self._deadline:
            self._end(f"it could not be renewed for {self._terms.renew_deadline:g} s")
        view = self._view
        # Of a live leader something is heard every two seconds. Silence may also be our watch's.
        silent = not self._leading and began >= view.heard_at + 2 * self._terms.retry
        if view.present is None or silent:
            await self._look()
        if self._leading and view.holder and not view.ours:
            self._end(f"it is {view.holder}'s")
        free_at = view.free_at(self._terms.duration)
        if not view.ours and self._time.now() < free_at:
            self._stand_by(view.holder)
            return min(view.heard_at + 2 * self._terms.retry, free_at)
        await self._claim()
        return began + self._terms.retry

    async def _look(self) -> None:
        try:
            found = await self._bounded(self._client.get(LEASE, self._namespace, self._name))
        except NotFound:
            found = None
        self._view.see(found, self._time.now())
        self._may_hold = self._view.ours

    async def _claim(self) -> None:
        """Take the Lease, or renew it."""
        sent = self._time.now()
        self._may_hold = True
        send = self._client.create if self._view.present is None else self._client.replace
        written = await self._bounded(send(self._view.claimed(self._terms.duration)))
        self._view.see(written, self._time.now())
        self._trouble = ""
        self._deadline = sent + self._terms.renew_deadline
        if not self._leading and self._time.now() < self._deadline:
            self._begin()

    async def _listen(self) -> None:
        """While another one leads, hear at once that it has let go. Only speed hangs on it."""
        while True:
            await self._standby.wait()
            lease = self._view.present
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
                self._view.see(None if event.type == "DELETED" else event.object, self._time.now())
                if not self._view.holder:
                    self._turn.set()

    async def _end_in_time(self) -> None:
        """The hard deadline: it needs no answer from anybody."""
        while True:
            await self._time.sleep_until(self._deadline if self._leading else self._time.now() + self._terms.retry)
            if self._leading and not self.leads:
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
