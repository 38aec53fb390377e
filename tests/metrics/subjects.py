"""Rollouts that are due, for tests."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from serin.api.spec import Analysis
from serin.metrics import Subject

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ERROR_RATE = {"name": "error-rate", "threshold": "2%"}
LATENCY = {"name": "latency", "threshold": "250ms"}
ACCURACY = {"name": "accuracy", "delta": "1%"}


def analysis(*metrics: Mapping[str, Any], interval: str = "30s") -> Analysis:
    """An analysis with these metrics, all three unless given."""
    return Analysis.model_validate({"interval": interval, "metrics": list(metrics) or [ERROR_RATE, LATENCY, ACCURACY]})


def subject(model: str = "fraud", *, namespace: str = "ml", due: int = 1, policy: Analysis | None = None) -> Subject:
    """A rollout whose newest `due` ticks are missing, the last of them at `NOW`."""
    policy = policy or analysis()
    times = tuple(NOW - number * policy.interval for number in reversed(range(due)))
    return Subject(namespace, model, "8f21c0a97e", "5c9d7f4b6d", policy, times)


def contract_labels(revision: str, **labels: str) -> dict[str, str]:
    """The labels of a series of the contract."""
    return {"namespace": "ml", "serin_model": "fraud", "serin_revision": revision, **labels}


def shifted(one: Subject, by: timedelta) -> Subject:
    """The same rollout on another phase of the grid."""
    return Subject(
        one.namespace,
        one.model,
        one.candidate,
        one.stable,
        one.analysis,
        tuple(at + by for at in one.due),
    )
