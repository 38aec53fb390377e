"""What the API server noted of the operator's requests."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Call:
    """One request: verb and resource as RBAC knows them, the object, the answer, when it came in (Unix seconds)."""

    verb: str
    resource: str
    namespace: str
    name: str
    code: int
    at: float


def read(log: Path) -> list[Call]:
    """Every request in the log, in order; a watch counts when it begins."""
    calls = []
    for line in log.read_text().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the line that is being written
        if entry["verb"] == "watch" and entry["stage"] != "ResponseStarted":
            continue
        thing = entry.get("objectRef") or {}
        resource = "/".join(filter(None, (thing.get("resource", entry["requestURI"]), thing.get("subresource"))))
        calls.append(
            Call(
                verb=entry["verb"],
                resource=resource,
                namespace=thing.get("namespace", ""),
                name=thing.get("name", ""),
                code=(entry.get("responseStatus") or {}).get("code", 0),
                at=datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp(),
            )
        )
    return calls


def between(calls: Iterable[Call], begin: float, end: float) -> list[Call]:
    """Those that came in from `begin` until `end`."""
    return [call for call in calls if begin <= call.at < end]


def by_verb_and_resource(calls: Iterable[Call]) -> Counter[str]:
    """How many of which kind; those that were refused are apart."""
    return Counter(f"{call.verb} {call.resource}" + ("" if call.code < 400 else f" → {call.code}") for call in calls)
