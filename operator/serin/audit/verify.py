"""The proof: whether lines of the audit log are all there, as they were made, each once and in order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from serin.audit.record import NO_HASH, Head, Link, NotARecordError, read


class Kind(StrEnum):
    """What can be wrong."""

    TORN = "Torn"
    CHANGED = "Changed"
    DUPLICATE = "Duplicate"
    REORDERED = "Reordered"
    FORKED = "Forked"
    MISSING = "Missing"
    UNLINKED = "Unlinked"
    BEHIND = "Behind"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and where.

    line: the line's number in its file, from 1; 0 for what is not there.
    uid, sequence: the record, as far as it can be told.
    """

    kind: Kind
    message: str
    file: str = ""
    line: int = 0
    uid: str | None = None
    sequence: int | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else ""
        return f"{where}{self.kind}: {self.message}"


@dataclass(frozen=True)
class Proof:
    """What the lines prove. Without findings: every record of every chain up to its head is there, as it was made."""

    records: int
    heads: Mapping[str, Head]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Place:
    link: Link
    file: str
    line: int

    def finding(self, kind: Kind, message: str) -> Finding:
        record = f"record {self.link.sequence} of {self.link.uid}"
        return Finding(kind, f"{record} {message}", self.file, self.line, self.link.uid, self.link.sequence)


def verify(files: Mapping[str, Iterable[bytes]], heads: Mapping[str, Head] | None = None) -> Proof:
    """Look for everything that is not as it was written.

    A record may be in several files, once in each: so are operators that take turns, and logs that were split. What
    was cut off from the end of a chain shows only against its head, which the ModelDeployment's status knows.

    Args:
        files: by name, the lines with their newlines, oldest file first.
        heads: by uid, where each chain ends; a chain that is not named is not held against anything.
    """
    findings: list[Finding] = []
    places: dict[str, dict[int, _Place]] = defaultdict(dict)
    for name, lines in files.items():
        for place in _read_file(name, lines, findings):
            known = places[place.link.uid].setdefault(place.link.sequence, place)
            if known.link != place.link:
                message = f"is another one than in {known.file}:{known.line}"
                findings.append(place.finding(Kind.FORKED, message))
    for uid in sorted(places.keys() | (heads or {}).keys()):
        findings += _wrong_links(uid, places.get(uid, {}), (heads or {}).get(uid))
    ends = {uid: chain[max(chain)].link.head for uid, chain in places.items()}
    return Proof(sum(len(chain) for chain in places.values()), ends, tuple(findings))


def _read_file(name: str, lines: Iterable[bytes], findings: list[Finding]) -> Iterator[_Place]:
    """Every whole record of a file; what is wrong within the file becomes a finding."""
    seen: dict[str, dict[int, _Place]] = defaultdict(dict)
    highest: dict[str, int] = defaultdict(int)
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            findings.append(Finding(Kind.TORN, "the last line has no end: its writing was interrupted", name, number))
            continue
        try:
            place = _Place(read(line[:-1]), name, number)
        except NotARecordError as error:
            findings.append(Finding(Kind.CHANGED, f"the line was changed: {error}", name, number))
            continue
        uid, sequence = place.link.uid, place.link.sequence
        before = seen[uid].get(sequence)
        if before is not None and before.link == place.link:
            findings.append(place.finding(Kind.DUPLICATE, f"is in line {before.line} already"))
        elif before is None and sequence < highest[uid]:
            findings.append(place.finding(Kind.REORDERED, f"stands after record {highest[uid]}"))
        highest[uid] = max(highest[uid], sequence)
        seen[uid].setdefault(sequence, place)
        yield place


def _wrong_links(uid: str, chain: Mapping[int, _Place], head: Head | None) -> Iterator[Finding]:
    """Gaps in a chain, records that do not follow from the one before, and an end that is not the head."""
    last = Head()
    for sequence in sorted(chain):
        place = chain[sequence]
        if sequence > last.sequence + 1:
            yield _missing(uid, last.sequence + 1, sequence - 1, ended_in=place.link.previous)
        elif place.link.previous != last.hash:
            what = "does not follow from the one before" if sequence > 1 else "is the first and names one before it"
            yield place.finding(Kind.UNLINKED, what)
        last = place.link.head
    if head is None:
        return
    if head.sequence > last.sequence:
        yield _missing(uid, last.sequence + 1, head.sequence, ended_in=head.hash)
    elif head.sequence < last.sequence:
        message = (
            f"the chain of {uid} goes on to record {last.sequence}, its status knows {head.sequence}: the status is an "
            "older one, or records were added"
        )
        yield Finding(Kind.BEHIND, message, uid=uid, sequence=last.sequence)
    elif head.hash != last.hash:
        yield Finding(Kind.FORKED, f"record {last.sequence} of {uid} is another one than its status knows", uid=uid)


def _missing(uid: str, first: int, last: int, *, ended_in: str) -> Finding:
    which = f"record {first} of {uid} is" if first == last else f"records {first} to {last} of {uid} are"
    known = "" if ended_in == NO_HASH else f"; the last of them has the hash {ended_in}"
    return Finding(Kind.MISSING, f"{which} missing{known}", uid=uid, sequence=first)
