"""Where Serin stands in a route: the entries of one backend, or of its revisions' Services in its stead."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from serin.api.children import revision_in
from serin.traffic.dialect import Dialect, Entry, backends_of, rules_of
from serin.traffic.originals import added_by


@dataclass(frozen=True)
class Ours:
    """Which Services belong to the revisions of one ModelDeployment: those named, and all that are named like them."""

    model: str
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, services: Collection[str]) -> "Ours":
        """The revisions of the ModelDeployment that these Services belong to."""
        return cls(next((name.rpartition("-")[0] for name in services), ""), frozenset(services))

    def __contains__(self, name: object) -> bool:
        """Whether a Service of this name belongs to a revision."""
        return isinstance(name, str) and (name in self.names or revision_in(self.model, name) is not None)


@dataclass(frozen=True)
class Place:
    """One backend's place in a rule: the user's own entry, the entries that took its place, or both side by side.

    rule: the rule's index; start: the first entry's index among the rule's backends.
    services: by entry; weights: likewise.
    namespace: the route's.
    ours: the revisions' Services are in it.
    alone: no other entry shares the rule, so that the weights mean nothing beside each other's.
    """

    rule: int
    start: int
    entries: tuple[Entry, ...]
    services: tuple[str, ...]
    weights: tuple[int, ...]
    namespace: str | None
    ours: bool
    alone: bool

    @property
    def total(self) -> int:
        """The weight of the place in its rule."""
        return sum(self.weights)

    @property
    def split(self) -> dict[str, int]:
        """The weight of each Service."""
        return dict(zip(self.services, self.weights, strict=True))


def find_places(
    dialect: Dialect,
    route: Mapping[str, Any],
    ours: Ours,
    backend: str | None = None,
    ports: Collection[int | None] = (),
) -> list[Place]:
    """The places in a route, in order: those that are ours, and those that `backend` still holds at one of `ports`.

    An entry without a port counts as being at any. Rules that Serin added for a ModelDeployment hold no places.
    """
    namespace = route["metadata"].get("namespace")
    added = added_by(dialect, route)
    places = []
    for index, rule in enumerate(rules_of(dialect, route)):
        if index in added:
            continue
        entries = backends_of(dialect, rule)
        services = [dialect.service(entry, namespace) for entry in entries]
        runs: list[tuple[int, int, bool]] = []
        for position, (entry, service) in enumerate(zip(entries, services, strict=True)):
            held = service is not None and service in ours
            if held or (service is not None and service == backend and dialect.port(entry) in {None, *ports}):
                start = _run_start(services, runs, position)
                if start != position:
                    held = runs.pop()[2] or held
                runs.append((start, position + 1, held))
        places += [
            Place(
                rule=index,
                start=start,
                entries=tuple(entries[start:stop]),
                services=tuple(service for service in services[start:stop] if service is not None),
                weights=tuple(dialect.weight(entry, alone=len(entries) == 1) for entry in entries[start:stop]),
                namespace=namespace,
                ours=held,
                alone=stop - start == len(entries),
            )
            for start, stop, held in runs
        ]
    return places


def _run_start(services: list[str | None], runs: list[tuple[int, int, bool]], position: int) -> int:
    """Where the run begins that an entry at `position` belongs to.

    A run bears each Service once: where a name comes again, the next place begins.
    """
    if not runs or runs[-1][1] != position:
        return position
    start = runs[-1][0]
    return position if services[position] in services[start:position] else start
