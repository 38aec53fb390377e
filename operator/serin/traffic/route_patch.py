"""The JSON patch that makes a user's own route what it shall be: no more of it than changes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from serin.api.names import ORIGINAL_BACKENDS_ANNOTATION
from serin.traffic.dialect import Dialect, Entry, Rule, backends_of, rules_of
from serin.traffic.originals import annotation
from serin.traffic.provider import JSONPatch


def patch(dialect: Dialect, route: Mapping[str, Any], rules: Sequence[Rule], value: str | None) -> JSONPatch:
    """Put these rules in the place of the route's, and `value` into the annotation (None removes it).

    Where backends alone change, they alone are written, and the patch tests those that stood there. A rule that
    comes or goes moves others, so the rules are written as a whole then; the resourceVersion is tested in any case.
    """
    old, path = rules_of(dialect, route), f"/spec/{dialect.RULES}"
    tests: JSONPatch = []
    writes: JSONPatch = []
    if [_rest(dialect, rule) for rule in old] != [_rest(dialect, rule) for rule in rules]:
        writes.append({"op": "replace", "path": path, "value": list(rules)})
    else:
        for number, (before, after) in enumerate(zip(old, rules, strict=True)):
            backends, new = list(backends_of(dialect, before)), list(backends_of(dialect, after))
            if backends != new:
                place = f"{path}/{number}/{dialect.BACKENDS}"
                tests += _tests(dialect, place, backends)
                writes.append({"op": "replace", "path": place, "value": new})
    writes += _annotate(route, value)
    if not writes:
        return []
    version = route["metadata"]["resourceVersion"]
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}, *tests, *writes]


def _rest(dialect: Dialect, rule: Rule) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != dialect.BACKENDS}


def _tests(dialect: Dialect, path: str, old: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    """Each backend, by its name."""
    for number, entry in enumerate(old):
        name: Any = entry
        for part in dialect.NAME.split("/"):
            name = name[part]
        yield {"op": "test", "path": f"{path}/{number}/{dialect.NAME}", "value": name}


def _annotate(route: Mapping[str, Any], value: str | None) -> JSONPatch:
    annotations = route["metadata"].get("annotations") or {}
    path = "/metadata/annotations"
    key = f"{path}/{ORIGINAL_BACKENDS_ANNOTATION.replace('~', '~0').replace('/', '~1')}"
    if annotation(route) == value:
        return []
    if value is None:
        return [{"op": "remove", "path": path if len(annotations) == 1 else key}]
    if not annotations:
        return [{"op": "add", "path": path, "value": {ORIGINAL_BACKENDS_ANNOTATION: value}}]
    return [{"op": "add", "path": key, "value": value}]
