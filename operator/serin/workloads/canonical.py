"""One text for one meaning: JSON that stays the same however its author ordered and spelled it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from serin.api.children import REVISION_LENGTH, SAFE_ALPHABET


def canonical_json(value: object) -> str:
    """The value as JSON: keys sorted, null members left out (absent is the same), 1.0 written as 1."""
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: object) -> str:
    """The SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def safe_hash(value: object) -> str:
    """Ten characters (47 bits) of the digest in the alphabet of Kubernetes' generated names."""
    number = int(digest(value), 16)
    characters = []
    for _ in range(REVISION_LENGTH):
        number, index = divmod(number, len(SAFE_ALPHABET))
        characters.append(SAFE_ALPHABET[index])
    return "".join(characters)


def _canonical(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(member) for key, member in value.items() if member is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        # The API server keeps 1.0 as it was written in one place and as 1 in another.
        return int(value)
    return value
