"""Analyses and steps that decide in seconds, and how to read what they said."""

from typing import Any

from scenarios.api import Object, eventually
from scenarios.load import Load

HALF = {"canary": {"steps": [{"weight": 50, "hold": "3s"}]}}
"""One step: half of the requests for each version."""

ERRORS = {"name": "error-rate", "threshold": "5%"}
LATENCY = {"name": "latency", "threshold": "100ms"}
ACCURACY = {"name": "accuracy", "delta": "5%"}


def analysis(*metrics: Object, **fields: Any) -> Object:
    """An analysis with a tick every two seconds."""
    base = {"interval": "2s", "confirm": 2, "minSamples": 10, "maxDuration": "10m"}
    return {**base, "metrics": list(metrics) or [ERRORS], **fields}


def verdict(status: Object) -> str | None:
    """The last verdict on the candidate, if there is one."""
    found: str | None = (status.get("analysis") or {}).get("verdict")
    return found


def reason(status: Object) -> str | None:
    """The one word of the last verdict."""
    found: str | None = (status.get("analysis") or {}).get("reason")
    return found


def message(status: Object) -> str:
    """The sentence of the last verdict."""
    found: str = (status.get("analysis") or {}).get("message", "")
    return found


def until_all_answers_are_of(load: Load, version: str) -> None:
    """Wait until the last 30 requests were all answered by one version."""
    eventually(
        lambda: {answer.version for answer in load.answers[-30:]} == {version},
        what=f"requests answered by {version} alone",
        within=10,
    )


def metric(status: Object, name: str) -> Object:
    """What one metric says."""
    found: Object = next(one for one in status["analysis"]["metrics"] if one["name"] == name)
    return found
