"""What was asked of the fake API server, and what it answered: the request log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fakes.apiserver.kinds import Kind


@dataclass
class Call:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: Kind | None = None
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    body: Any = None
    behind: int = 0
    """So many changes ago is the state that it reads."""
    changed: bool = False
    """Whether it had an effect."""
    held: bool = False
    """Whether it is, or was, made to wait for the test."""
    status: int = 0
    """What was answered; 0 while it is open, or when the connection was cut."""
    ended: bool = False
    """Whether it was answered or cut."""

    @property
    def watch(self) -> bool:
        """Whether it is a watch."""
        return self.query.get("watch") in {"true", "1"}

    @property
    def plural(self) -> str:
        """The kind's plural name; empty for anything but objects."""
        return self.kind.plural if self.kind else ""

    @property
    def write(self) -> bool:
        """Whether it changes anything."""
        return self.method not in {"GET", "HEAD"} and "dryRun" not in self.query

    def __str__(self) -> str:
        """For messages of failed tests."""
        what = "/".join(part for part in (self.plural, self.namespace, self.name, self.subresource) if part)
        return f"{'WATCH' if self.watch else self.method} {what or self.path} -> {self.status}"


Matcher = Callable[[Call], bool]


def on(
    method: str = "", plural: str = "", *, name: str = "", subresource: str | None = None, watch: bool | None = None
) -> Matcher:
    """Matches calls by what is given; what is left out matches anything."""

    def matcher(call: Call) -> bool:
        return (
            (not method or call.method == method)
            and (not plural or call.plural == plural)
            and (not name or call.name == name)
            and (subresource is None or call.subresource == subresource)
            and (watch is None or call.watch == watch)
        )

    return matcher


class RequestLog(list[Call]):
    """All calls, in order."""

    def matching(self, matcher: Matcher) -> list[Call]:
        """The calls that match."""
        return [call for call in self if matcher(call)]

    def writes(self, plural: str = "") -> list[Call]:
        """The calls that were to change something."""
        return [call for call in self if call.write and (not plural or call.plural == plural)]
