"""Prometheus is asked once for all that are due, and not at all for those that are at rest."""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import requests

from scenarios.analyses import analysis, verdict
from scenarios.stage import Stage, model
from serin.metrics.grid import phase

if TYPE_CHECKING:
    from scenarios.conftest import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

LONG = {"canary": {"steps": [{"weight": 50, "hold": "1m"}]}}
INTERVAL, INTERVALS = 2.0, 3


def queries(operator: "OperatorProcess") -> float:
    """The operator's own count of its queries to Prometheus."""
    text = requests.get(f"{operator.url}/metrics", timeout=5).text
    return sum(
        float(count) for count in re.findall(r"^serin_prometheus_queries_total\{[^}]*\} (\S+)$", text, re.MULTILINE)
    )


def watched(operator: "OperatorProcess", seconds: float, rollouts: Sequence[Stage]) -> float:
    """How many queries were sent in a while, in which the rollouts stayed under analysis."""
    before, end = queries(operator), time.monotonic() + seconds
    for stage in rollouts:
        left = max(0.0, end - time.monotonic()) / len(rollouts)
        stage.stays("under analysis", lambda it: it["phase"] == "Progressing", seconds=left)
    while time.monotonic() < end:
        time.sleep(0.01)
    return queries(operator) - before


def test_more_rollouts_are_not_more_queries(stages: Callable[[int], list[Stage]], operator: "OperatorProcess") -> None:
    rollouts = stages(5)
    for stage in rollouts:
        stage.apply(model("1.0.0", analysis=analysis(), strategy=LONG, replicas=1))
    for stage in rollouts:
        stage.until_phase("Healthy", version="1.0.0")
    assert watched(operator, INTERVAL * INTERVALS, ()) == 0

    with ExitStack() as loads:
        for stage in rollouts:
            loads.enter_context(stage.load(rate=10))
            stage.apply(model("2.0.0", analysis=analysis(), strategy=LONG, replicas=1))
        for stage in rollouts:
            stage.until("a verdict", lambda it: verdict(it) in {"Continue", "Pass"})
        # Rollouts of one interval share the phases of the grid, of which there are four at most.
        phases = {phase(stage.object["metadata"]["uid"]) for stage in rollouts}
        asked = watched(operator, INTERVAL * INTERVALS, rollouts)
    assert len(phases) * (INTERVALS - 1) <= asked <= len(phases) * (INTERVALS + 1)
    assert len(phases) < len(rollouts)
