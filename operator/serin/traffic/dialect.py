"""How one kind of route says what all of them say: rules, in each its backends, and weights among those.

`places`, `additions` and `user_route` know what is done to a route; a dialect knows how it is spelled.
"""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from serin.traffic.routing import Mirror

Rule = Mapping[str, Any]
Entry = Mapping[str, Any]
"""One backend of a rule."""

_SET_COOKIE = re.compile(r"([^=;]+)=([^;]+); Max-Age=([0-9]+); Path=/; HttpOnly; SameSite=Lax")


@dataclass(frozen=True)
class Cookie:
    """A cookie by which a version is found again: its value is the revision's name, so nothing of a user's."""

    name: str
    value: str

    @property
    def pattern(self) -> str:
        """The `Cookie` headers that bear it, for engines that match whole values, and for those that search."""
        name = re.sub(r"([^A-Za-z0-9_-])", r"\\\1", self.name)
        return rf"^(.*;\s*)?{name}={self.value}(;.*)?$"

    @classmethod
    def in_pattern(cls, pattern: str) -> "Cookie | None":
        """The cookie whose `pattern` this is; None if it is none's."""
        found = re.fullmatch(r"\^\(\.\*;\\s\*\)\?((?:[A-Za-z0-9_-]|\\.)+)=([a-z0-9-]+)\(;\.\*\)\?\$", pattern)
        return cls(re.sub(r"\\(.)", r"\1", found[1]), found[2]) if found else None


@dataclass(frozen=True)
class Condition:
    """What an added rule asks of a request, besides all that the rule asks from which it is derived.

    headers: all of them by their lower-case names, with exactly these values.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    cookie: Cookie | None = None


@dataclass(frozen=True)
class Answered:
    """What tells a user's client which version it was answered by, and for how long it stays with that."""

    cookie: Cookie
    max_age: timedelta

    @property
    def header(self) -> str:
        """The value of `Set-Cookie`."""
        seconds = int(self.max_age.total_seconds())
        return f"{self.cookie.name}={self.cookie.value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax"

    @classmethod
    def in_header(cls, text: str) -> "Answered | None":
        """What a value of `Set-Cookie` says; None if Serin did not write it."""
        found = _SET_COOKIE.fullmatch(text)
        return cls(Cookie(found[1], found[2]), timedelta(seconds=int(found[3]))) if found else None


class Dialect(Protocol):
    """A kind of route. All of it is pure; what is handed in is never changed."""

    KIND: str
    FIELD: str
    """Where a user's own route is named, in `spec`."""
    RULES: str
    """The field of the route's spec that holds its rules."""
    BACKENDS: str
    """The field of a rule that holds its backends."""
    NAME: str
    """Where a backend's name stands in its entry, as a path of JSON."""
    MOST_BACKENDS: int
    """Of one rule."""

    def is_pending(self, route: Mapping[str, Any]) -> bool:
        """Whether the last write was not taken up yet, so that a backend that comes or goes has to wait."""

    def service(self, entry: Entry, namespace: str | None) -> str | None:
        """The Service of the route's own namespace that a backend is; None if it is something else."""

    def port(self, entry: Entry) -> int | None:
        """The port at which a backend is reached; None if it says none."""

    def weight(self, entry: Entry, *, alone: bool) -> int:
        """A backend's weight. alone: no other stands in its rule."""

    def weighted(self, entry: Entry, weight: int) -> dict[str, Any]:
        """The backend with another weight."""

    def led_to(self, entry: Entry, service: str, port: int, weight: int) -> dict[str, Any]:
        """An entry that is like another in everything else, but leads to this Service."""

    def shape(self, entry: Entry) -> dict[str, Any]:
        """What an entry says besides name, port and weight: filters, above all."""

    def answered(self, entry: Entry) -> Answered | None:
        """What a backend's answers are given along by Serin."""

    def with_answered(self, entry: Entry, answered: Answered | None) -> dict[str, Any]:
        """The backend with that, in place of what it had; None takes it away."""

    def sets_cookies(self, entry: Entry) -> bool:
        """Whether an entry adds cookies of its user's own, so that there is no place for Serin's."""

    def mirror(self, rule: Rule, ours: Container[str]) -> Mirror | None:
        """Which of our Services gets a copy of the rule's requests."""

    def with_mirror(self, rule: Rule, mirror: Mirror | None, ours: Container[str]) -> dict[str, Any]:
        """The rule with this mirror in place of any other to a Service of ours."""

    def question(self, rule: Rule) -> object:
        """What a rule asks of a request: by that it is known again."""

    def narrowed(self, rule: Rule, condition: Condition) -> dict[str, Any] | None:
        """The rule for those of its requests that meet a condition, too; None if no request can meet both."""

    def condition(self, rule: Rule) -> Condition | None:
        """The condition of a rule that was narrowed, with all other headers that it asks for; None if there is none."""

    def too_large(self, rules: Sequence[Rule]) -> str | None:
        """Why the API server would refuse so many rules; None if it would not."""


def rules_of(dialect: Dialect, route: Mapping[str, Any]) -> Sequence[Rule]:
    """The rules of a route."""
    return (route.get("spec") or {}).get(dialect.RULES) or []


def backends_of(dialect: Dialect, rule: Rule) -> Sequence[Entry]:
    """The backends of a rule."""
    return rule.get(dialect.BACKENDS) or []
