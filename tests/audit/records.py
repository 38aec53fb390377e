"""Records for the tests of the audit log."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from serin.audit import Entry, Head, seal

START = datetime(2026, 1, 1, tzinfo=UTC)


def entry(uid: str = "uid-1", number: int = 1, **changes: Any) -> Entry:
    """What happened at a time."""
    facts: dict[str, Any] = {
        "uid": uid,
        "namespace": "ml",
        "model_deployment": "fraud",
        "time": START + timedelta(seconds=number),
        "user": "serin",
        "action": "WeightChanged",
        "outcome": "Decided",
        "message": f"version 2.0.0 gets {number} % of the traffic",
        "revision": "abcdefgh",
        "version": "2.0.0",
        "weights_before": {"abcdefgh": number - 1},
        "weights_after": {"abcdefgh": number},
        "metadata": {"verdict": "Pass"},
    }
    return Entry(**{**facts, **changes})


def chain(count: int, uid: str = "uid-1", after: Head | None = None) -> list[bytes]:
    """A chain's lines."""
    head, lines = after or Head(), []
    for number in range(head.sequence + 1, head.sequence + count + 1):
        line, head = seal(entry(uid, number), head)
        lines.append(line.encode() + b"\n")
    return lines


def woven(chains: Iterable[list[bytes]]) -> list[bytes]:
    """Several chains as one log has them: by turns."""
    waiting = [list(lines) for lines in chains]
    log = []
    while any(waiting):
        log += [lines.pop(0) for lines in waiting if lines]
    return log
