"""Records go into the log beside the work: late if need be, never lost, never twice."""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from audit.records import chain
from serin.audit import Head, read, verify
from serin.controller import journal as module
from serin.controller.journal import Journal, JournalMetrics, place_of
from serin.controller.journal_file import JournalFile, Sealed, StandardOutput, unwritten
from serin.controller.queue import Backoff

LINES = [line.decode()[:-1] for line in chain(250)]
HEADS = [read(line.encode()).head for line in LINES]


@dataclass
class Memory:
    """A place that can fail."""

    fails: int = 0
    lines: list[str] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)
    calls: int = 0

    def look(self) -> Mapping[str, Head]:
        """What is there."""
        self._fail()
        return dict(self.heads)

    def append(self, records: Sequence[Sealed]) -> Mapping[str, Head]:
        """Take them, or fail."""
        self._fail()
        for record in unwritten(records, self.heads):
            self.lines.append(record.line.decode())
            self.heads[record.link.uid] = record.link.head
        return dict(self.heads)

    def _fail(self) -> None:
        self.calls += 1
        if self.fails:
            self.fails -= 1
            raise OSError(errno.ENOSPC, "No space left on device")


@dataclass
class Running:
    """A journal at work."""

    journal: Journal
    registry: CollectorRegistry

    def metric(self, name: str) -> float | None:
        """What /metrics says."""
        return self.registry.get_sample_value(f"serin_audit_{name}")

    def hand_over(self, first: int, last: int) -> None:
        """The records of these numbers, as a status has them."""
        self.journal.hand_over("uid-1", HEADS[last - 1], LINES[first - 1 : last])


def at_work(place: Memory | JournalFile, story: Callable[[Running], Awaitable[None]]) -> None:
    """Run a journal while something happens."""

    async def whole() -> None:
        registry = CollectorRegistry()
        journal = Journal(place, JournalMetrics(registry), Backoff(first=0.01, longest=0.02))
        await journal.open()
        task = asyncio.create_task(journal.run())
        try:
            await story(Running(journal, registry))
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    asyncio.run(whole())


def test_what_is_handed_over_is_written_in_order_and_known_to_be_there() -> None:
    place = Memory()

    async def story(running: Running) -> None:
        assert running.journal.head("uid-1") == Head()
        running.hand_over(1, 2)
        running.hand_over(1, 2)
        running.hand_over(2, 5)
        await running.journal.flush(seconds=5)
        assert running.journal.head("uid-1") == HEADS[4]
        assert (running.metric("pending"), running.metric("records_total")) == (0, 5)

    at_work(place, story)
    assert place.lines == LINES[:5]


def test_many_records_are_written_in_batches() -> None:
    place = Memory()

    async def story(running: Running) -> None:
        running.hand_over(1, 250)
        await running.journal.flush(seconds=5)

    at_work(place, story)
    assert place.lines == LINES
    assert place.calls == 1 + 3


def test_a_log_that_cannot_be_read_or_written_for_a_while_gets_everything_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = Memory(fails=4)

    async def story(running: Running) -> None:
        running.hand_over(1, 3)
        assert running.metric("pending") == 3
        await running.journal.flush(seconds=5)
        assert (running.metric("pending"), running.metric("failures_total")) == (0, 4)

    at_work(place, story)
    assert place.lines == LINES[:3]
    assert "The audit log cannot be read" in caplog.text
    assert "3 records wait for the audit log" in caplog.text


def test_a_record_is_not_known_to_be_there_before_it_is() -> None:
    place = Memory()

    async def story(running: Running) -> None:
        place.fails = 1_000_000
        running.hand_over(1, 3)
        await running.journal.flush(seconds=0.05)
        assert running.journal.head("uid-1") == Head()
        running.hand_over(1, 4)
        place.fails = 0
        await running.journal.flush(seconds=5)
        assert running.journal.head("uid-1") == HEADS[3]

    at_work(place, story)
    assert place.lines == LINES[:4]


def test_what_an_end_left_unwritten_is_written_by_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"

    async def first(running: Running) -> None:
        running.hand_over(1, 3)
        await running.journal.flush(seconds=5)
        running.hand_over(1, 5)  # and dies before it is written

    async def second(running: Running) -> None:
        assert running.journal.head("uid-1") in {HEADS[2], HEADS[4]}  # a write that had begun may have come through
        running.hand_over(2, 5)
        await running.journal.flush(seconds=5)

    at_work(JournalFile(path), first)
    at_work(JournalFile(path), second)
    assert path.read_text().splitlines() == LINES[:5]
    with path.open("rb") as lines:
        assert verify({"log": lines}).findings == ()


def test_with_too_many_waiting_more_stay_in_their_status_until_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 4)
    place = Memory()

    async def story(running: Running) -> None:
        place.fails = 1_000_000
        running.hand_over(1, 3)
        running.hand_over(1, 5)
        assert running.metric("pending") == 3
        place.fails = 0
        await running.journal.flush(seconds=5)
        running.hand_over(1, 6)
        await running.journal.flush(seconds=5)

    at_work(place, story)
    assert place.lines == LINES[:6]


def test_a_record_that_was_changed_in_its_status_is_told_and_not_written(caplog: pytest.LogCaptureFixture) -> None:
    place = Memory()

    async def story(running: Running) -> None:
        running.journal.hand_over("uid-1", HEADS[0], [LINES[0].replace("2.0.0", "9.9.9")])
        await running.journal.flush(seconds=5)

    at_work(place, story)
    assert place.lines == []
    assert "A record of the audit log was changed in a status" in caplog.text


def test_the_setting_names_a_file_or_standard_output(tmp_path: Path) -> None:
    assert isinstance(place_of("-"), StandardOutput)
    assert isinstance(place_of(str(tmp_path / "audit.jsonl")), JournalFile)
