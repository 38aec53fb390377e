"""A record is one line of canonical JSON, bounded, and tied to the one before."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.records import chain, entry
from serin.audit import Head, NotARecordError, read, seal
from serin.audit.record import LONGEST_LINE

TEXTS = st.text(st.characters(exclude_categories=()), max_size=3000)
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=20,
)


def test_its_hash_can_be_told_by_a_few_lines_that_know_nothing_of_serin() -> None:
    first, second = (json.loads(line) for line in chain(2))
    claimed = second.pop("hash")
    text = json.dumps(second, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert claimed == hashlib.sha256(text.encode()).hexdigest()
    assert second["previous"] == first["hash"]
    assert first["previous"] == "0" * 64


def test_it_says_who_did_what_to_which_model_and_with_what_outcome() -> None:
    line, head = seal(entry(number=7), Head(6, "ab"))
    record = json.loads(line)
    assert head == Head(7, record.pop("hash"))
    assert record == {
        "uid": "uid-1",
        "namespace": "ml",
        "modelDeployment": "fraud",
        "sequence": 7,
        "previous": "ab",
        "time": "2026-01-01T00:00:07.000Z",
        "user": "serin",
        "action": "WeightChanged",
        "outcome": "Decided",
        "message": "version 2.0.0 gets 7 % of the traffic",
        "revision": "abcdefgh",
        "version": "2.0.0",
        "weightsBefore": {"abcdefgh": 6},
        "weightsAfter": {"abcdefgh": 7},
        "metadata": {"verdict": "Pass"},
    }


@given(message=TEXTS, user=TEXTS, metadata=st.dictionaries(st.text(max_size=20), JSON, max_size=5))
def test_whatever_is_in_it_it_is_one_bounded_line_that_reads_back(
    message: str, user: str, metadata: dict[str, Any]
) -> None:
    line, head = seal(entry(message=message, user=user, metadata=metadata), Head())
    assert len(line.encode()) <= LONGEST_LINE
    assert "\n" not in line
    assert read(line.encode()).head == head


def test_one_that_is_too_long_loses_details_before_words_and_says_so() -> None:
    metrics = [{"name": f"metric-{number}", "reason": "x" * 100} for number in range(16)]
    line, _ = seal(entry(metadata={"verdict": "Fail", "metrics": metrics}), Head())
    record = json.loads(line)
    kept = record["metadata"]["metrics"]
    assert 0 < len(kept) < 16
    assert kept == metrics[: len(kept)]
    assert record["metadata"]["leftOut"] == 16 - len(kept)
    assert record["metadata"]["verdict"] == "Fail"
    assert record["message"] == entry().message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"hash"',
        b"\xff\xfe",
        b'{"hash":1,"uid":2,"sequence":"3","previous":4}',
        b'{"hash":"","uid":"","sequence":true,"previous":""}',
        b'{"hash":"","uid":"","sequence":1,"previous":"","value":NaN}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_record_is_told_and_breaks_nothing(line: bytes) -> None:
    with pytest.raises(NotARecordError, match="it is no record"):
        read(line)


def test_a_record_that_is_written_in_another_way_is_not_as_it_was_made() -> None:
    line = chain(1)[0][:-1]
    with pytest.raises(NotARecordError, match="written in another way"):
        read(line.replace(b'","', b'", "', 1))
