"""JSON patch (RFC 6902) and merge patch (RFC 7386)."""

import copy
from typing import Any

from fakes.apiserver.refusals import Refusal


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a merge patch: null removes, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(document: Any, operations: Any) -> Any:
    """Apply a JSON patch, or refuse it whole."""
    if not isinstance(operations, list):
        raise Refusal(400, "BadRequest", "a JSON patch is a list of operations")
    result = copy.deepcopy(document)
    for operation in operations:
        result = _apply(result, operation)
    return result


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    name, path = operation["op"], _tokens(operation["path"])
    if name == "test":
        if _read(document, path) != operation.get("value"):
            raise _refuse(f"testing path {operation['path']} failed")
        return document
    if name in {"move", "copy"}:
        source = _tokens(operation["from"])
        value = copy.deepcopy(_read(document, source))
        if name == "move":
            _remove(document, source)
        return _add(document, path, value)
    if name == "remove":
        _remove(document, path)
        return document
    if name == "replace":
        _read(document, path)
        if path and isinstance(_read(document, path[:-1]), list):
            _remove(document, path)
        return _add(document, path, copy.deepcopy(operation["value"]))
    if name == "add":
        return _add(document, path, copy.deepcopy(operation["value"]))
    raise _refuse(f"unexpected kind: {name}")


def _tokens(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise _refuse(f"{path} is not a JSON pointer")
    return [token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:]]


def _read(document: Any, path: list[str]) -> Any:
    for token in path:
        try:
            document = document[int(token)] if isinstance(document, list) else document[token]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise _refuse(f"missing value at /{'/'.join(path)}") from error
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _read(document, path[:-1])
    if isinstance(parent, list):
        index = len(parent) if path[-1] == "-" else int(path[-1])
        if index > len(parent):
            raise _refuse(f"/{'/'.join(path)} is beyond the list's end")
        parent.insert(index, value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise _refuse(f"/{'/'.join(path)} is in no object")
    return document


def _remove(document: Any, path: list[str]) -> None:
    _read(document, path)
    parent = _read(document, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]


def _refuse(message: str) -> Refusal:
    return Refusal(422, "Invalid", f"the server rejected our request due to an error in our request: {message}")
