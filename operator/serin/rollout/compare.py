"""Making an object that is there the one that we want."""

from collections.abc import Mapping
from typing import Any

from serin.rollout.actions import Apply


def applied(wanted: dict[str, Any], seen: Mapping[str, Any]) -> Apply:
    """Make what is seen what is wanted, unless it has changed: what a former leader sent may arrive late."""
    version = {key: seen["metadata"][key] for key in ("uid", "resourceVersion")}
    return Apply({**wanted, "metadata": {**wanted["metadata"], **version}})
