"""Whatever was done to a log is found, and told where."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.records import START, chain, entry, woven
from serin.audit import Finding, Head, Kind, Proof, read, seal, verify
from serin.audit.__main__ import main

UIDS = ("uid-1", "uid-2", "uid-3")
LOG = woven([chain(7, "uid-1"), chain(1, "uid-2"), chain(12, "uid-3")])
HEADS = {link.uid: link.head for link in (read(line[:-1]) for line in LOG)}


def found(lines: list[bytes], heads: dict[str, Head] | None = None) -> list[tuple[Kind, int, str | None, int | None]]:
    """Every finding as what, line, chain and record."""
    return [(one.kind, one.line, one.uid, one.sequence) for one in proof(lines, heads).findings]


def proof(lines: list[bytes], heads: dict[str, Head] | None = None) -> Proof:
    """What one file proves."""
    return verify({"log": lines}, heads)


def test_a_log_that_nobody_touched_has_no_findings_and_ends_in_its_heads() -> None:
    assert proof(LOG, HEADS) == Proof(20, HEADS, ())
    assert proof([], {}) == Proof(0, {}, ())


@given(st.data())
def test_any_change_of_any_byte_is_found(data: st.DataObject) -> None:
    log = b"".join(LOG)
    at = data.draw(st.integers(0, len(log) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != log[at]))
    changed = log[:at] + bytes([byte]) + log[at + 1 :]
    assert proof(changed.splitlines(keepends=True), HEADS).findings


@given(st.sets(st.integers(0, len(LOG) - 1), min_size=1))
def test_every_record_that_is_left_out_is_named(left_out: set[int]) -> None:
    kept = [line for number, line in enumerate(LOG) if number not in left_out]
    missing = {(link.uid, link.sequence) for link in (read(LOG[number][:-1]) for number in left_out)}
    named = set()
    for finding in proof(kept, HEADS).findings:
        assert finding.kind is Kind.MISSING
        words = finding.message.split()
        first, last = (int(words[1]), int(words[3])) if words[0] == "records" else (int(words[1]), int(words[1]))
        named |= {(finding.uid, sequence) for sequence in range(first, last + 1)}
    assert named == missing


@given(st.permutations(LOG))
def test_any_other_order_within_a_chain_is_found_and_nothing_else_is(lines: list[bytes]) -> None:
    by_chain: dict[str, list[int]] = {}
    for line in lines:
        link = read(line[:-1])
        by_chain.setdefault(link.uid, []).append(link.sequence)
    moved = {
        (uid, sequence)
        for uid, sequences in by_chain.items()
        for place, sequence in enumerate(sequences)
        if any(earlier > sequence for earlier in sequences[:place])
    }
    findings = proof(lines, HEADS).findings
    assert {finding.kind for finding in findings} <= {Kind.REORDERED}
    assert {(finding.uid, finding.sequence) for finding in findings} == moved


@given(st.integers(0, len(LOG) - 1), st.integers(0, len(LOG)))
def test_a_record_that_is_there_twice_is_found(which: int, where: int) -> None:
    lines = [*LOG[:where], LOG[which], *LOG[where:]]
    kinds = [finding.kind for finding in proof(lines, HEADS).findings]
    assert kinds.count(Kind.DUPLICATE) == 1


@given(st.integers(1, len(b"".join(LOG)) - 1))
def test_a_log_that_ends_anywhere_lacks_its_end_and_is_right_up_to_there(length: int) -> None:
    lines = b"".join(LOG)[:length].splitlines(keepends=True)
    torn = not lines[-1].endswith(b"\n")
    assert [finding.kind for finding in proof(lines).findings] == [Kind.TORN] * torn
    assert Kind.MISSING in {finding.kind for finding in proof(lines, HEADS).findings}


def test_a_record_that_was_changed_with_its_hash_does_not_fit_the_next_one() -> None:
    lines = chain(3)
    forged, _ = seal(entry(message="nothing happened", number=2), read(lines[0][:-1]).head)
    assert found([lines[0], forged.encode() + b"\n", lines[2]]) == [(Kind.UNLINKED, 3, "uid-1", 3)]


def test_a_whole_chain_that_was_made_anew_does_not_end_in_the_head() -> None:
    honest, forged = chain(3), []
    head = Head()
    for number in (1, 2, 3):
        line, head = seal(entry(number=number, time=START + timedelta(days=number)), head)
        forged.append(line.encode() + b"\n")
    assert found(forged) == []
    assert [kind for kind, *_ in found(forged, {"uid-1": read(honest[-1][:-1]).head})] == [Kind.FORKED]


def test_records_beyond_the_head_are_told() -> None:
    assert found(chain(3), {"uid-1": read(chain(2)[-1][:-1]).head}) == [(Kind.BEHIND, 0, "uid-1", 3)]


def test_a_chain_that_is_gone_altogether_is_told() -> None:
    head = read(chain(2)[-1][:-1]).head
    (finding,) = proof([], {"uid-1": head}).findings
    assert str(finding) == f"Missing: records 1 to 2 of uid-1 are missing; the last of them has the hash {head.hash}"


def test_a_first_record_that_names_one_before_it_is_told() -> None:
    line, _ = seal(entry(), Head(0, "ab"))
    assert found([line.encode() + b"\n"]) == [(Kind.UNLINKED, 1, "uid-1", 1)]


def test_a_finding_names_the_file_and_the_line() -> None:
    lines = chain(2)
    lines[1] = lines[1].replace(b"2.0.0", b"3.0.0")
    (finding,) = proof(lines).findings
    assert str(finding) == (
        "log:2: Changed: the line was changed: its content is not what its hash was made of (record 2 of uid-1)"
    )


def test_operators_that_take_turns_write_one_chain_in_two_files_and_what_both_have_counts_once() -> None:
    lines = chain(9)
    assert verify({"a": [*lines[:3], *lines[6:]], "b": lines[2:7]}).findings == ()
    (finding,) = verify({"a": lines[:3], "b": lines[4:]}).findings
    assert (finding.kind, finding.sequence) == (Kind.MISSING, 4)


def test_two_files_that_tell_different_stories_are_told() -> None:
    one = chain(2)
    other, _ = seal(entry(message="another story", number=2), read(one[0][:-1]).head)
    findings = verify({"a": one, "b": [other.encode() + b"\n"]}).findings
    assert findings == (Finding(Kind.FORKED, "record 2 of uid-1 is another one than in a:2", "b", 1, "uid-1", 2),)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of three records."""
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(chain(3)))
    return path


def status(tmp_path: Path, head: Head, pending: list[bytes] | None = None) -> Path:
    """What `kubectl get -o json` says."""
    audit: dict[str, Any] = {"sequence": head.sequence, "hash": head.hash}
    audit["pending"] = [line.decode().rstrip("\n") for line in pending or ()]
    items = [{"metadata": {"uid": "uid-1"}, "status": {"audit": audit}}, {"metadata": {"uid": "uid-2"}}]
    path = tmp_path / "status.json"
    path.write_text(json.dumps({"items": items}))
    return path


def test_the_command_says_that_a_whole_log_is_whole(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(log)]) == 0
    assert capsys.readouterr().out == "3 records in 1 chains: all there, unchanged, each once and in order\n"


def test_the_command_finds_by_the_status_what_was_cut_off(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = status(tmp_path, read(chain(5)[-1][:-1]).head)
    assert main([str(log), "--status", str(told)]) == 1
    assert "Missing: records 4 to 5 of uid-1 are missing" in capsys.readouterr().out


def test_what_waits_in_the_status_is_not_missing(log: Path, tmp_path: Path) -> None:
    lines = chain(5)
    told = status(tmp_path, read(lines[-1][:-1]).head, pending=lines[2:])
    assert main([str(log), "--status", str(told)]) == 0
