"""Where Serin stands in an HTTPRoute: the entries of one backend, or of its revisions' Services in its stead."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serin.api.children import revision_in

DEFAULT_WEIGHT = 1
"""What the API server writes where a user wrote no weight."""


@dataclass(frozen=True)
class Ours:
    """Which Services belong to the revisions of one ModelDeployment: those named, and all that are named like them."""

    model: str
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, services: Collection[str]) -> "Ours":
        """The revisions of the ModelDeployment that these Services belong to."""
        return cls(next((name.rpartition("-")[0] for name in services), ""), frozenset(services))

    def __contains__(self, name: str) -> bool:
        """Whether a Service of this name belongs to a revision."""
        return name in self.names or revision_in(self.model, name) is not None


@dataclass(frozen=True)
class Place:
    """One backend's place in a rule: the user's own entry, the entries that took its place, or both side by side.

    rule: the rule's index; start: the first entry's index in its backendRefs.
    ours: the revisions' Services are in it.
    alone: no other entry shares the rule, so that the weights mean nothing beside each other's.
    """

    rule: int
    start: int
    entries: tuple[Mapping[str, Any], ...]
    ours: bool
    alone: bool

    @property
    def total(self) -> int:
        """The weight of the place in its rule."""
        return sum(weight_of(entry) for entry in self.entries)

    @property
    def shape(self) -> dict[str, Any]:
        """What an entry of the place says besides name, port and weight: filters, above all."""
        return {
            key: value
            for key, value in {"group": "", "kind": "Service", **self.entries[0]}.items()
            if key not in {"name", "port", "weight"}
        }


def weight_of(entry: Mapping[str, Any]) -> int:
    """The weight of a backendRefs entry."""
    weight = entry.get("weight")
    return DEFAULT_WEIGHT if weight is None else int(weight)


def rules_of(route: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The rules of a route."""
    return (route.get("spec") or {}).get("rules") or []


def find_places(
    route: Mapping[str, Any], ours: Ours, backend: str | None = None, ports: Collection[int | None] = ()
) -> list[Place]:
    """The places in a route, in order: those that are ours, and those that `backend` still holds at one of `ports`.

    An entry without a port counts as being at any.
    """
    namespace = route["metadata"].get("namespace")
    places = []
    for index, rule in enumerate(rules_of(route)):
        references = rule.get("backendRefs") or []
        runs: list[tuple[int, int, bool]] = []
        for position, entry in enumerate(references):
            held = is_service(entry, namespace) and entry["name"] in ours
            replaced = is_service(entry, namespace) and _is_replaced(entry, backend, ports)
            if held or replaced:
                start = _run_start(references, runs, position)
                if start != position:
                    held = runs.pop()[2] or held
                runs.append((start, position + 1, held))
        places += [
            Place(index, start, tuple(references[start:stop]), held, alone=stop - start == len(references))
            for start, stop, held in runs
        ]
    return places


def is_service(entry: Mapping[str, Any], namespace: str | None) -> bool:
    """Whether a backendRefs entry names a Service of the route's own namespace."""
    return (
        (entry.get("group") or "") == ""
        and entry.get("kind", "Service") == "Service"
        and entry.get("namespace", namespace) == namespace
    )


def _is_replaced(entry: Mapping[str, Any], backend: str | None, ports: Collection[int | None]) -> bool:
    return entry["name"] == backend and entry.get("port") in {None, *ports}


def _run_start(references: Sequence[Mapping[str, Any]], runs: Sequence[tuple[int, int, bool]], position: int) -> int:
    """Where the run begins that an entry at `position` belongs to.

    A run bears each Service once: where a name comes again, the next place begins.
    """
    if not runs or runs[-1][1] != position:
        return position
    start = runs[-1][0]
    names = {entry["name"] for entry in references[start:position]}
    return position if references[position]["name"] in names else start
