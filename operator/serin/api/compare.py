"""Comparing an object that is there with the one that we want."""

from typing import Any


def has(seen: Any, wanted: Any) -> bool:
    """Whether an object has what we want; what the API server or others added beside it does not count."""
    if isinstance(wanted, dict):
        return isinstance(seen, dict) and all(key in seen and has(seen[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(seen, list) and len(seen) == len(wanted) and all(map(has, seen, wanted))
    return bool(seen == wanted)
