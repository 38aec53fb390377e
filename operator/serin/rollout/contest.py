"""Writes that somebody undoes: what is remembered of them, and when they may be written again.

One or two are put right at once: a slip of a person, one run of a GitOps tool. Who undoes the same write a third time
within a minute fights, and would fight for ever. So the object is *contested* from then on: it is written again after
pauses that grow, until it stays as decided for a while. All of this is in memory: a Serin that starts anew puts right
two more, and finds out again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from serin.api.names import FIELD_MANAGER

Target = tuple[str, str]
"""The kind and the name of an object in the ModelDeployment's namespace."""

WINDOW = timedelta(minutes=1)
MOST_WRITES = 3
"""The same write so often within the window: the first, and two that put it right."""
FIRST_PAUSE = timedelta(seconds=2)
"""Before the first write to an object that is contested; twice as long before each further one."""
LONGEST_PAUSE = timedelta(minutes=1)
LONGEST_WITHOUT_PODS = timedelta(seconds=5)
"""For Deployments: the capacity that a version lacks meanwhile is its requests' loss."""
QUIET = timedelta(seconds=10)
"""What stays as decided for so long, and for as long as the last pause, is undone no more."""
FORGOTTEN_AFTER = timedelta(minutes=10)

_REMEMBERED = 8
"""Writes of the same kind: the doubled pauses have reached the longest by then."""


@dataclass(frozen=True, slots=True)
class Contest:
    """What was written to one object to make it as decided, and whether somebody undoes it.

    aim: what was decided; it may take several different writes.
    writes: when what was written, by its fingerprint.
    writer: the field manager that undid it, if that is known; state: what it made of the object.
    words: what is said about it.
    undone_at: when it was last found undone, if it ever was; right_since: since when it is as decided again.
    since: since when it is contested; former: since when it last was: that fight goes on if it is undone again.
    """

    aim: int
    writes: Mapping[int, tuple[datetime, ...]] = field(default_factory=dict)
    longest_pause: timedelta = LONGEST_PAUSE
    writer: str | None = None
    state: str = ""
    words: str = ""
    undone_at: datetime | None = None
    right_since: datetime | None = None
    since: datetime | None = None
    former: datetime | None = None

    @property
    def last(self) -> datetime | None:
        """When it was written last."""
        return max((times[-1] for times in self.writes.values()), default=None)

    @property
    def pause(self) -> timedelta:
        """The time between two of the same write."""
        if self.since is None:
            return timedelta(0)
        since = self.since
        tries = max((sum(time >= since for time in times) for times in self.writes.values()), default=0)
        doubled: timedelta = FIRST_PAUSE * 2**tries
        return min(doubled, self.longest_pause)

    @property
    def calm_at(self) -> datetime | None:
        """When it counts as undone no more, if it stays as it is; None while it is not as decided."""
        return self.right_since + max(QUIET, self.pause) if self.right_since else None

    def is_restless(self, now: datetime) -> bool:
        """Whether it was undone lately: nothing is built on it."""
        calm_at = self.calm_at
        return self.undone_at is not None and (calm_at is None or now < calm_at)

    def is_on(self, now: datetime) -> bool:
        """Whether somebody fights."""
        return self.since is not None and self.is_restless(now)

    @property
    def was_right(self) -> bool:
        """Whether it was as decided until now, as far as is known: what is seen now is another's doing."""
        return self.undone_at is None or self.right_since is not None

    def is_known(self, what: int) -> bool:
        """Whether this was written before, so that it was undone if it has to be written again."""
        return what in self.writes

    def due(self, what: int) -> datetime | None:
        """When this may be written again; None: at once."""
        times = self.writes.get(what)
        return times[-1] + self.pause if self.since and times else None

    def decided(self, aim: int) -> "Contest":
        """What is decided anew is written at once, whoever fights."""
        return self if aim == self.aim else replace(self, aim=aim, writes={})

    def written(self, what: int, now: datetime) -> "Contest":
        """It was written."""
        times = (*self.writes.get(what, ()), now)[-_REMEMBERED:]
        return replace(self, writes={**self.writes, what: times})

    def undone(self, what: int, now: datetime) -> "Contest":
        """What was written before would have to be written again."""
        recent = sum(time > now - WINDOW for time in self.writes[what])
        since = self.since or ((self.former or now) if recent >= MOST_WRITES else None)
        return replace(self, undone_at=now, right_since=None, since=since)

    def right(self, now: datetime) -> "Contest":
        """It was found as decided."""
        return self if self.undone_at is None or self.right_since else replace(self, right_since=now)

    def calmed(self) -> "Contest":
        """It stayed as decided for long enough."""
        return replace(self, undone_at=None, right_since=None, since=None, former=self.since or self.former)

    def is_stale(self, now: datetime) -> bool:
        """Whether it is so long ago that it says nothing any more."""
        return self.undone_at is None and self.last is not None and now >= self.last + FORGOTTEN_AFTER


def writer_of(manifest: Mapping[str, Any]) -> str | None:
    """The field manager that wrote an object last, apart from us and from status; None if there is none."""
    entries = [
        entry
        for entry in manifest["metadata"].get("managedFields") or ()
        if entry.get("manager") != FIELD_MANAGER and entry.get("subresource") != "status"
    ]
    if not entries:
        return None
    newest = max(entries, key=lambda entry: str(entry.get("time", "")))
    through = f" (through {newest['subresource']})" if newest.get("subresource") else ""
    return f"{newest.get('manager')}{through}"
