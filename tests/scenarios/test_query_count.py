"""Prometheus is asked once for all that are due, and not at all for those that are at rest."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import requests

from scenarios.analyses import analysis, verdict
from scenarios.prometheus_proxy import PrometheusProxy
from scenarios.stage import Stage, model

if TYPE_CHECKING:
    from scenarios.conftest import OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

LONG = {"canary": {"steps": [{"weight": 50, "hold": "1m"}]}}
INTERVAL = 2.0


def queries(operator: "OperatorProcess") -> float:
    """The operator's own count of its queries to Prometheus."""
    text = requests.get(f"{operator.url}/metrics", timeout=5).text
    return sum(
        float(count) for count in re.findall(r"^serin_prometheus_queries_total\{[^}]*\} (\S+)$", text, re.MULTILINE)
    )


def test_more_rollouts_are_not_more_queries(
    stages: Callable[[int], list[Stage]], operator: "OperatorProcess", prometheus: PrometheusProxy
) -> None:
    rollouts = stages(5)
    for stage in rollouts:
        stage.apply(model("1.0.0", analysis=analysis(), strategy=LONG, replicas=1))
    for stage in rollouts:
        stage.until_phase("Healthy", version="1.0.0")
    at_rest = queries(operator)
    rollouts[0].stays("at rest", lambda it: it["phase"] == "Healthy", seconds=2 * INTERVAL)
    assert queries(operator) == at_rest

    with ExitStack() as loads:
        for stage in rollouts:
            loads.enter_context(stage.load(rate=10))
            stage.apply(model("2.0.0", analysis=analysis(), strategy=LONG, replicas=1))
        for stage in rollouts:
            stage.until("a verdict", lambda it: verdict(it) in {"Continue", "Pass"})
        known, counted = len(prometheus.asked), queries(operator)
        rollouts[0].stays("under analysis", lambda it: it["phase"] == "Progressing", seconds=3 * INTERVAL)
        asked, counted = prometheus.asked[known:], queries(operator) - counted
        assert {stage.status["phase"] for stage in rollouts} == {"Progressing"}
    # Rollouts of one interval share four phases of the grid, so of five two share one, and it is asked for once.
    phases = {at % INTERVAL for at in asked}
    assert phases <= {INTERVAL * number / 4 for number in range(4)}
    assert len(asked) == len(set(asked))
    assert counted == pytest.approx(len(asked), abs=len(phases))
