"""The file has each record once, whatever died while it was written and whoever else wrote to it."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.records import chain, entry, woven
from serin.audit import Head, Kind, read, seal, verify
from serin.controller.journal_file import JournalFile, Sealed, StandardOutput

LOG = woven([chain(4, "uid-1"), chain(1, "uid-2"), chain(6, "uid-3")])


def sealed(lines: Sequence[bytes]) -> list[Sealed]:
    """What is handed to a journal."""
    return [Sealed(line[:-1], read(line[:-1])) for line in lines]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "audit.jsonl"


def test_records_are_written_once_however_often_they_are_handed_over(path: Path) -> None:
    journal = JournalFile(path)
    for end in (1, 1, 5, 3, len(LOG), len(LOG)):
        journal.append(sealed(LOG[:end]))
    assert path.read_bytes() == b"".join(LOG)
    assert journal.look() == verify({"": LOG}).heads


def test_a_new_process_knows_what_the_file_has(path: Path) -> None:
    JournalFile(path).append(sealed(LOG[:7]))
    successor = JournalFile(path)
    assert successor.look() == verify({"": LOG[:7]}).heads
    successor.append(sealed(LOG))
    assert path.read_bytes() == b"".join(LOG)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(0, len(b"".join(LOG))))
def test_torn_at_any_byte_it_is_mended_and_has_everything_once(path: Path, length: int) -> None:
    path.write_bytes(b"".join(LOG)[:length])
    JournalFile(path).append(sealed(LOG))
    assert path.read_bytes() == b"".join(LOG)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.tuples(st.booleans(), st.integers(1, len(LOG))), max_size=8))
def test_two_that_write_to_one_file_double_nothing(path: Path, turns: list[tuple[bool, int]]) -> None:
    path.unlink(missing_ok=True)
    one, other = JournalFile(path), JournalFile(path)
    for first, end in [*turns, (True, len(LOG))]:
        (one if first else other).append(sealed(LOG[:end]))
    assert path.read_bytes() == b"".join(LOG)


def test_a_record_that_lacks_only_its_newline_is_kept(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"".join(LOG)[:-1])
    assert JournalFile(path).look() == verify({"": LOG}).heads
    assert path.read_bytes() == b"".join(LOG)
    assert caplog.text == ""


def test_a_torn_line_is_told_when_it_is_cut_off(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"".join(LOG) + b'{"action":"Pro')
    JournalFile(path).look()
    assert path.read_bytes() == b"".join(LOG)
    assert "ended in a torn line" in caplog.text


def test_a_log_that_was_rotated_away_goes_on_in_a_new_file_with_what_is_new(path: Path) -> None:
    journal = JournalFile(path)
    journal.append(sealed(LOG[:5]))
    path.rename(path.with_suffix(".1"))
    journal.append(sealed(LOG))
    assert path.read_bytes() == b"".join(LOG[5:])
    assert not verify(
        {name.name: name.read_bytes().splitlines(keepends=True) for name in path.parent.iterdir()}
    ).findings


def test_a_log_that_was_copied_and_emptied_goes_on_with_what_is_new(path: Path) -> None:
    journal = JournalFile(path)
    journal.append(sealed(LOG[:5]))
    os.truncate(path, 0)
    journal.append(sealed(LOG))
    assert path.read_bytes() == b"".join(LOG[5:])


def test_lines_that_are_no_records_stand_in_nobodys_way(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"by hand\n" + LOG[0])
    journal = JournalFile(path)
    journal.append(sealed(LOG))
    assert path.read_bytes() == b"by hand\n" + b"".join(LOG)
    assert "a line that is no record: b'by hand'" in caplog.text


def test_another_story_of_the_same_chain_is_written_whole_and_proved_to_be_one(path: Path) -> None:
    """Somebody put an old status back: Serin decided once more from there."""
    honest = chain(4)
    journal = JournalFile(path)
    journal.append(sealed(honest))
    head, other = read(honest[1][:-1]).head, []
    for number in (3, 4):
        line, head = seal(entry(number=number, message="another story"), head)
        other.append(line.encode() + b"\n")
    journal.append(sealed(other))
    journal.append(sealed(other))
    assert path.read_bytes() == b"".join([*honest, *other])
    with path.open("rb") as lines:
        assert {finding.kind for finding in verify({"log": lines}).findings} == {Kind.FORKED}


def test_while_another_holds_the_file_nothing_is_written_and_nothing_hangs(path: Path) -> None:
    one, other = JournalFile(path), JournalFile(path)
    with one._opened(), pytest.raises(BlockingIOError):
        other.append(sealed(LOG))
    other.append(sealed(LOG))
    assert path.read_bytes() == b"".join(LOG)


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_what_did_not_reach_the_disk_is_not_believed_to_be_there(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    journal = JournalFile(path)
    journal.append(sealed(LOG[:3]))
    real: Callable[..., int] = getattr(os, call)

    def fail(file: int, content: bytes = b"") -> int:
        if call == "write" and len(content) > 100:
            return real(file, content[:100])
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match=os.strerror(error)):
            journal.append(sealed(LOG))
        assert path.read_bytes() == b"".join(LOG[:3])
        assert journal._heads == verify({"": LOG[:3]}).heads
    journal.append(sealed(LOG))
    assert path.read_bytes() == b"".join(LOG)


def test_a_file_that_may_not_be_shortened_gets_an_end_to_its_torn_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The append-only attribute forbids even root to cut."""

    def refuse(_file: int, _length: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "ftruncate", refuse)
    path.write_bytes(LOG[0] + LOG[1][:50])
    JournalFile(path).append(sealed(LOG))
    lines = path.read_bytes().splitlines(keepends=True)
    assert lines == [LOG[0], LOG[1][:50] + b"\n", *LOG[1:]]


def test_a_directory_that_is_not_there_and_a_path_that_is_no_file_are_errors_that_name_it(tmp_path: Path) -> None:
    for wrong in (tmp_path / "nowhere" / "audit.jsonl", tmp_path, Path("/dev/full")):
        with pytest.raises(OSError, match=str(wrong)):
            JournalFile(wrong).append(sealed(LOG))


FULL_DISK = """
mount -t tmpfs -o size=16k,mode=0700 tmpfs "$1" && exec "$2" -c '
import sys
from pathlib import Path
from audit.test_journal_file import on_a_full_disk
on_a_full_disk(Path(sys.argv[1]))
' "$1"
"""


def on_a_full_disk(directory: Path) -> None:
    """Fill the disk with something else, write, make room, write again."""
    path, filler = directory / "audit.jsonl", directory / "filler"
    journal = JournalFile(path)
    journal.append(sealed(LOG[:2]))
    with filler.open("wb", buffering=0) as file:
        assert file.write(b"x" * 100_000) < 16_384
    many = chain(60, "uid-9")
    with pytest.raises(OSError, match="No space left"):
        journal.append(sealed(many))
    assert path.read_bytes() == b"".join(LOG[:2])
    filler.unlink()
    journal.append(sealed(many[:8]))
    assert path.read_bytes() == b"".join([*LOG[:2], *many[:8]])


def test_on_a_disk_that_is_really_full_nothing_is_lost(tmp_path: Path) -> None:
    inside = ["sh", "-c", FULL_DISK, "sh", str(tmp_path), sys.executable]
    command = ["unshare", "--user", "--map-root-user", "--mount", *inside]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_standard_output_gets_each_record_once_and_a_whole_line_after_a_torn_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_end, write_end = os.pipe()
    place, real, left = StandardOutput(write_end), os.write, [len(LOG[0]) + 50]

    def broken_after_a_while(file: int, content: bytes) -> int:
        if not left[0]:
            raise OSError(errno.EPIPE, "Broken pipe")
        count = real(file, content[: left[0]])
        left[0] -= count
        return count

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", broken_after_a_while)
        with pytest.raises(BrokenPipeError):
            place.append(sealed(LOG))
        assert place.look() == {"uid-1": Head(1, read(LOG[0][:-1]).hash)}
    place.append(sealed(LOG))
    place.append(sealed(LOG))
    os.close(write_end)
    with os.fdopen(read_end, "rb") as said:
        assert said.readlines() == [LOG[0], LOG[1][:50] + b"\n", *LOG[1:]]
