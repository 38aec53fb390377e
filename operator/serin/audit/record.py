"""One record of the audit log: a line of canonical JSON that bears the hash of the record before it and its own.

Each ModelDeployment (by uid) has a chain of its own: its records are numbered from 1, and each bears the hash of the
one before. So a record that was changed, left out, added or moved shows, whoever holds the lines.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from serin.api.base import format_time

NO_HASH = "0" * 64
"""What the first record of a chain names as the hash before it."""
LONGEST_LINE = 1536
"""Bytes of one record at most, its newline left out. Texts are cut for it, numbers are not."""
LONGEST_USER = 128
"""Characters of a user's name at most: a ServiceAccount's fits."""


class NotARecordError(ValueError):
    """A line is no record, or not as it was made; the message says what is wrong with it."""


@dataclass(frozen=True)
class Head:
    """The end of a chain: the last record's number and hash."""

    sequence: int = 0
    hash: str = NO_HASH


@dataclass(frozen=True)
class Entry:
    """What is to be recorded, before it has its place in a chain.

    user: who wanted it; `serin` for what Serin decided itself.
    action: one word such as RolloutStarted, WeightChanged or Promoted.
    outcome: one word; what became of it.
    weights_before, weights_after: percent of the traffic by revision, before and after the decision.
    metadata: JSON; what the decision rests on, such as a verdict with its counts. The lists in it are shortened from
        their ends when the record is too long.
    """

    uid: str
    namespace: str
    model_deployment: str
    time: datetime
    user: str
    action: str
    outcome: str
    message: str
    revision: str | None = None
    version: str | None = None
    weights_before: Mapping[str, int] = field(default_factory=dict)
    weights_after: Mapping[str, int] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """What a record says about its place."""

    uid: str
    sequence: int
    previous: str
    hash: str

    @property
    def head(self) -> Head:
        """The end of the chain, if this is the last record."""
        return Head(self.sequence, self.hash)


def seal(entry: Entry, head: Head) -> tuple[str, Head]:
    """Put a record at the end of a chain; returns its line without the newline, and the chain's new end."""
    for candidate in _ever_shorter(replace(entry, user=entry.user[:LONGEST_USER])):
        content = _content(candidate, head)
        digest = _hash(content)
        line = _canonical({**content, "hash": digest})
        if len(line) <= LONGEST_LINE:
            return line.decode(), Head(head.sequence + 1, digest)
    raise AssertionError("a record without message and metadata fits into a line")


def read(line: bytes) -> Link:
    """The place of a record in its chain, once its hash and its form are proved.

    Raises:
        NotARecordError: the line is no record, its hash is another one, or it is written in another way than it was.
    """
    link, content = _parse(line)
    try:
        same_content, same_form = _hash(content) == link.hash, _canonical({**content, "hash": link.hash}) == line
    except (ValueError, RecursionError) as error:
        raise NotARecordError("it is no record") from error  # such as one with a NaN
    if not same_content:
        raise NotARecordError(f"its content is not what its hash was made of (record {link.sequence} of {link.uid})")
    if not same_form:
        raise NotARecordError(f"it is written in another way than it was made (record {link.sequence} of {link.uid})")
    return link


def place(line: bytes) -> Link:
    """The place that a record claims, unproved: five times as fast as `read`.

    Raises:
        NotARecordError: the line is no record.
    """
    return _parse(line)[0]


def _parse(line: bytes) -> tuple[Link, dict[str, Any]]:
    try:
        content = json.loads(line)
        link = Link(content["uid"], content["sequence"], content["previous"], content.pop("hash"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NotARecordError("it is no record") from error
    if not _is_placed(link):
        raise NotARecordError("it is no record")
    return link, content


def _is_placed(link: Link) -> bool:
    texts = all(isinstance(text, str) for text in (link.uid, link.previous, link.hash))
    return texts and type(link.sequence) is int and link.sequence > 0


def _content(entry: Entry, head: Head) -> dict[str, Any]:
    content = {
        "uid": entry.uid,
        "namespace": entry.namespace,
        "modelDeployment": entry.model_deployment,
        "sequence": head.sequence + 1,
        "previous": head.hash,
        "time": format_time(entry.time),
        "user": entry.user,
        "action": entry.action,
        "outcome": entry.outcome,
        "message": entry.message,
        "weightsBefore": dict(entry.weights_before),
        "weightsAfter": dict(entry.weights_after),
        "metadata": dict(entry.metadata),
    }
    optional = {"revision": entry.revision, "version": entry.version}
    return content | {name: value for name, value in optional.items() if value is not None}


def _ever_shorter(entry: Entry) -> Iterator[Entry]:
    """First the entry as it is, then with ever less of what is only words or detail."""
    yield entry
    metadata, left_out = dict(entry.metadata), 0
    for name in [name for name, value in metadata.items() if isinstance(value, list | tuple)]:
        while metadata[name]:
            left_out += 1
            metadata[name] = list(metadata[name])[:-1]
            yield replace(entry, metadata={**metadata, "leftOut": left_out})
    message = entry.message
    while len(message) > 40:
        message = message[: len(message) * 3 // 4]
        yield replace(entry, message=message + " …", metadata={**metadata, "leftOut": left_out})
    yield replace(entry, message=message + " …", metadata={})
    yield replace(entry, message="", metadata={}, weights_before={}, weights_after={})


def _canonical(content: Mapping[str, Any]) -> bytes:
    """Keys in order, no spaces, UTF-8; what no UTF-8 has, half a surrogate pair, becomes a question mark."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace")


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(content)).hexdigest()
