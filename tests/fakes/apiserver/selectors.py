"""Label selectors, as the API server understands them."""

import re
from collections.abc import Mapping

_REQUIREMENT = re.compile(r"\s*(?:[^,()]|\([^)]*\))+")
_SET = re.compile(r"^(\S+)\s+(in|notin)\s+\(([^)]*)\)$")


def matches(selector: str, labels: Mapping[str, str] | None) -> bool:
    """Whether labels satisfy a selector; an empty one selects everything."""
    requirements = [part.strip() for part in _REQUIREMENT.findall(selector) if part.strip()]
    return all(_matches_one(requirement, labels or {}) for requirement in requirements)


def _matches_one(requirement: str, labels: Mapping[str, str]) -> bool:
    in_set = _SET.match(requirement)
    if in_set:
        key, operator, values = in_set.groups()
        inside = labels.get(key) in {value.strip() for value in values.split(",")}
        return inside if operator == "in" else not inside
    if "!=" in requirement:
        key, value = requirement.split("!=")
        return labels.get(key.strip()) != value.strip()
    if "=" in requirement:
        key, value = re.split("==?", requirement)
        return labels.get(key.strip()) == value.strip()
    if requirement.startswith("!"):
        return requirement[1:].strip() not in labels
    return requirement in labels
