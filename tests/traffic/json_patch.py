"""RFC 6902 as far as Serin uses it (test, add, replace, remove), for tests alone."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any


class TestFailedError(Exception):
    """A `test` operation does not hold; the API server answers 422."""

    __test__ = False


def apply_patch(document: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document after all operations, or none of them."""
    result = copy.deepcopy(dict(document))
    for operation in operations:
        _apply(result, operation)
    return result


def _apply(document: Any, operation: Mapping[str, Any]) -> None:
    *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
    target = document
    for part in parents:
        target = target[int(part) if isinstance(target, list) else part]
    key: Any = int(last) if isinstance(target, list) else last
    match operation["op"]:
        case "test":
            if target[key] != operation["value"]:
                raise TestFailedError(operation["path"])
        case "add" if isinstance(target, list):
            target.insert(key, copy.deepcopy(operation["value"]))
        case "add":
            target[key] = copy.deepcopy(operation["value"])
        case "replace":
            target[key]
            target[key] = copy.deepcopy(operation["value"])
        case "remove":
            del target[key]
        case other:
            raise NotImplementedError(other)
