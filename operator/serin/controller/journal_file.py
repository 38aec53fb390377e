"""Where the audit log is written: a file that is only ever appended to, or standard output."""

import errno
import fcntl
import logging
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from serin.audit import Head, Link, NotARecordError, place

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sealed:
    """A record as it is written: its line without the newline, and its place in its chain."""

    line: bytes
    link: Link


class Place(Protocol):
    """Somewhere that records are kept. Its methods block, and are called by one thread at a time."""

    def look(self) -> Mapping[str, Head]:
        """The end of each chain as far as it is there, by uid. Raises OSError."""

    def append(self, records: Sequence[Sealed]) -> Mapping[str, Head]:
        """Write what is not there yet; returns the end of each chain then. Raises OSError if not all of it is there."""


def unwritten(records: Sequence[Sealed], heads: Mapping[str, Head]) -> list[Sealed]:
    """The records that are beyond the heads.

    A chain that is another one than the head's, since somebody put an old status back, is written whole: nothing is
    lost, and whoever verifies the log is told.
    """
    links = [record.link for record in records]
    forked = {
        link.uid
        for link in links
        if (head := heads.get(link.uid)) and link.sequence == head.sequence and link.hash != head.hash
    }
    return [
        record
        for record in records
        if record.link.uid in forked or record.link.sequence > heads.get(record.link.uid, Head()).sequence
    ]


class JournalFile:
    """A file of one JSON record a line.

    Before each write it is read from where it was read to, under a lock: so whoever else wrote to it, a process that
    died or another replica, wrote nothing that is written again; and a line that was torn by a crash is cut off.
    """

    def __init__(self, path: Path) -> None:
        """Prepare; the file is made by the first `look`, its directory is not."""
        self._path = path
        self._heads: dict[str, Head] = {}
        self._identity: tuple[int, int] | None = None
        self._read_to = 0

    def look(self) -> Mapping[str, Head]:
        """Read what is new in the file."""
        with self._opened() as file:
            self._catch_up(file)
        return dict(self._heads)

    def append(self, records: Sequence[Sealed]) -> Mapping[str, Head]:
        """Write what is not there yet, down to the disk: all of it, or nothing."""
        with self._opened() as file:
            self._catch_up(file)
            new = unwritten(records, self._heads)
            try:
                _write(file, b"".join(record.line + b"\n" for record in new))
                os.fsync(file)
            except OSError:
                # A half-written line would be cut off later. What reached no disk must not be believed to be there.
                _cut(file, self._read_to)
                raise
            self._read_to += sum(len(record.line) + 1 for record in new)
            self._heads |= {record.link.uid: record.link.head for record in new}
        return dict(self._heads)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, locked; opened anew each time, since who rotates logs moves it away."""
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # who holds it may be frozen: tried again, not waited for
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "is no regular file", str(self._path))
            if (found.st_dev, found.st_ino) != self._identity or found.st_size < self._read_to:
                self._identity, self._read_to = (found.st_dev, found.st_ino), 0
            yield file
        finally:
            os.close(file)

    def _catch_up(self, file: int) -> None:
        """Learn what the file has that was not seen yet, and mend its end."""
        os.lseek(file, self._read_to, os.SEEK_SET)
        with os.fdopen(os.dup(file), "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    self._mend(file, line)
                    return
                self._read_to += len(line)
                self._learn(line[:-1])

    def _learn(self, line: bytes) -> None:
        try:
            link = place(line)
        except NotARecordError:
            logger.warning("The audit log %s has a line that is no record: %r", self._path, line[:200])
            return
        if link.sequence >= self._heads.get(link.uid, Head()).sequence:
            self._heads[link.uid] = link.head

    def _mend(self, file: int, torn: bytes) -> None:
        """A crash left a line without its end: complete it if only the newline lacks, else cut it off.

        The record is not lost: it stays in its ModelDeployment's status until it is known to be here.
        """
        try:
            place(torn)
        except NotARecordError:
            logger.warning("The audit log %s ended in a torn line, which is cut off: %r", self._path, torn[:200])
            if _cut(file, self._read_to):
                return
        else:
            self._learn(torn)
        _write(file, b"\n")
        self._read_to += len(torn) + 1


class StandardOutput:
    """Standard output, for whoever collects a pod's output. What a process before this one wrote cannot be read."""

    def __init__(self, file: int = 1) -> None:
        """Write to this file descriptor."""
        self._file = file
        self._heads: dict[str, Head] = {}
        self._torn = False

    def look(self) -> Mapping[str, Head]:
        """What was written by this process."""
        return dict(self._heads)

    def append(self, records: Sequence[Sealed]) -> Mapping[str, Head]:
        """Write what was not written yet, one record at a time."""
        for record in unwritten(records, self._heads):
            begin = b"\n" if self._torn else b""
            self._torn = True
            _write(self._file, begin + record.line + b"\n")
            self._torn = False
            self._heads[record.link.uid] = record.link.head
        return dict(self._heads)


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _cut(file: int, length: int) -> bool:
    """Shorten the file, if it may be: one with the append-only attribute may not."""
    try:
        os.ftruncate(file, length)
    except OSError:
        return False
    return True
