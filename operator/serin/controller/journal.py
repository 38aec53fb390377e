"""Brings the audit records from the statuses into the audit log, beside the work and never in its way.

A record is in its ModelDeployment's status from the moment of its decision until it is known to be in the log. So it
may be handed over as often as anybody likes, by this process or by one after it: it is written once.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

from serin.audit import Head, NotARecordError, read
from serin.controller.journal_file import JournalFile, Place, Sealed, StandardOutput, unwritten
from serin.controller.queue import Backoff

logger = logging.getLogger(__name__)

BATCH = 100
"""Records that are written together, all or none: at most 150 KB."""
MOST_WAITING = 30_000
"""Records in memory at most, about 50 MB, while nothing can be written; more stay in the statuses alone."""


class JournalMetrics:
    """What `/metrics` tells about the audit log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register with the operator's own registry."""
        self.pending = Gauge(
            "serin_audit_pending",
            "Records that are to be written to the audit log.",
            registry=registry,
        )
        self.records = Counter("serin_audit_records", "Records that reached the audit log.", registry=registry)
        self.failures = Counter(
            "serin_audit_failures",
            "Attempts to write to the audit log that failed, to be tried again.",
            registry=registry,
        )


def place_of(path: str) -> Place:
    """Where the setting says that the log is: a file, or `-` for standard output."""
    return StandardOutput() if path == "-" else JournalFile(Path(path))


class Journal:
    """Takes records and writes them; while it cannot, it keeps them and tries again."""

    def __init__(self, place: Place, metrics: JournalMetrics, backoff: Backoff = Backoff(first=1.0)) -> None:  # noqa: B008 - it is frozen
        """Prepare; `open` reads, `run` writes."""
        self._place = place
        self._metrics = metrics
        self._backoff = backoff
        self._written: Mapping[str, Head] = {}
        self._taken: dict[str, Head] = {}
        self._waiting: list[Sealed] = []
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def head(self, uid: str) -> Head:
        """Up to where a ModelDeployment's chain is known to be in the log."""
        return self._written.get(uid, Head())

    async def open(self) -> None:
        """Learn what the log has already; never raises for a log that cannot be read now."""
        try:
            self._written = await asyncio.to_thread(self._place.look)
        except OSError as error:
            self._metrics.failures.inc()
            logger.error("The audit log cannot be read, and is tried again: %s", error)  # noqa: TRY400 - said in full
            return
        if not self._waiting:
            self._taken = dict(self._written)

    def hand_over(self, uid: str, head: Head, pending: Sequence[str]) -> None:
        """Take the records of one chain that may not be in the log yet; returns at once and never raises.

        Args:
            uid: whose chain it is.
            head: the end of the chain, to tell quickly that there is nothing new.
            pending: its last records, in order.
        """
        if not pending or self._taken.get(uid) == head:
            return
        new = unwritten([*_sealed(pending)], self._taken)
        if len(self._waiting) + len(new) > MOST_WAITING:
            logger.error("The audit log is behind by %d records: more stay in the statuses", len(self._waiting))
            return
        self._take(new)

    def _take(self, records: list[Sealed]) -> None:
        for record in records:
            self._taken[record.link.uid] = record.link.head
        self._waiting += records
        self._metrics.pending.set(len(self._waiting))
        if self._waiting:
            self._idle.clear()
            self._news.set()

    async def run(self) -> None:
        """Write until cancelled."""
        failures = 0
        while True:
            await self._news.wait()
            try:
                await self._write()
            except OSError as error:
                failures += 1
                pause = self._backoff.delay(failures)
                self._metrics.failures.inc()
                logger.error(  # noqa: TRY400 - said in full
                    "%d records wait for the audit log, tried again in %.0f s: %s", len(self._waiting), pause, error
                )
                await asyncio.sleep(pause)
                continue
            if failures:
                logger.info("The audit log can be written again")
            failures = 0

    async def _write(self) -> None:
        batch = self._waiting[:BATCH]
        if batch:
            self._written = await asyncio.to_thread(self._place.append, batch)
            del self._waiting[: len(batch)]
            self._metrics.records.inc(len(batch))
            self._metrics.pending.set(len(self._waiting))
        if not self._waiting:
            self._news.clear()
            self._idle.set()

    async def flush(self, *, seconds: float) -> None:
        """Wait until all is written, but not longer than this: what is not stays in the statuses."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("%d records of the audit log wait in the statuses for the next start", len(self._waiting))


def _sealed(pending: Sequence[str]) -> Iterator[Sealed]:
    """The records; one that was changed in the status is left out, which whoever verifies the log is told."""
    for line in pending:
        raw = line.encode("utf-8", "replace")
        try:
            yield Sealed(raw, read(raw))
        except NotARecordError as error:
            logger.error("A record of the audit log was changed in a status: %s", error)  # noqa: TRY400 - said in full
