"""Who gets which requests: what a rollout decides, and what every provider writes in its own words."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta


@dataclass(frozen=True)
class Audience:
    """Requests that bear all of these headers, with exactly these values, reach one Service, whatever the weights.

    headers: their names are in lower case, whatever was written: HTTP makes no difference, and proxies do it, too.
    """

    service: str
    headers: Mapping[str, str]

    def __post_init__(self) -> None:
        """Names in lower case."""
        object.__setattr__(self, "headers", {name.lower(): value for name, value in self.headers.items()})


@dataclass(frozen=True)
class Mirror:
    """A copy of so many percent of the requests reaches one Service, and its answers reach nobody."""

    service: str
    percent: int


@dataclass(frozen=True)
class Stickiness:
    """Who was answered by a version is answered by it again, until the cookie's age is over or the version has left."""

    cookie: str
    max_age: timedelta


@dataclass(frozen=True)
class Routing:
    """All that a route says of one ModelDeployment.

    split: percent by Service, 0 included: a proxy knows the backend then before it gets a request. Empty: what was
        read contradicts itself.
    audiences: in the order in which they are tried.
    """

    split: Mapping[str, int]
    audiences: tuple[Audience, ...] = ()
    mirror: Mirror | None = None
    stickiness: Stickiness | None = None

    def within(self, known: Collection[str]) -> "Routing":
        """Without what leads to Services that a proxy may not know yet: it would answer 503 there."""
        sticky = all(service in known for service, weight in self.split.items() if weight > 0)
        return replace(
            self,
            audiences=tuple(audience for audience in self.audiences if audience.service in known),
            mirror=self.mirror if self.mirror is not None and self.mirror.service in known else None,
            stickiness=self.stickiness if sticky else None,
        )

    def leads_as(self, other: "Routing") -> bool:
        """Whether every request goes the same way: backends without weight make no difference."""
        return _with_traffic(self.split) == _with_traffic(other.split) and (
            self.audiences,
            self.mirror,
            self.stickiness,
        ) == (other.audiences, other.mirror, other.stickiness)


def _with_traffic(split: Mapping[str, int]) -> dict[str, int]:
    return {name: weight for name, weight in split.items() if weight > 0}
