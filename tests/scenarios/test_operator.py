"""The operator as a process: what it serves, what it costs at rest, how it starts and ends."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from scenarios.api import eventually
from scenarios.conftest import OperatorProcess
from scenarios.stage import Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

QUIET_SECONDS = 10.0
GRACE_SECONDS = 8.0


def costs(operator: OperatorProcess) -> dict[str, float]:
    """What it asked so far, of the API server and of Prometheus, by the kind of question; the Lease is not counted."""
    text = requests.get(f"{operator.url}/metrics", timeout=5).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    asked = {"serin_kubernetes_requests_total", "serin_prometheus_queries_total"}
    counted = (it for it in samples if it.name in asked and it.labels.get("resource") != "leases")
    return {f"{sample.name} {sample.labels}": sample.value for sample in counted}


def test_it_serves_its_metrics_and_says_that_it_lives_and_is_ready(operator: OperatorProcess) -> None:
    for path in ("livez", "readyz"):
        answer = requests.get(f"{operator.url}/{path}", timeout=5)
        assert (answer.status_code, answer.text[:3]) == (200, "[+]")
    assert sum(costs(operator).values()) > 0


def test_it_serves_the_metrics_of_the_reference_and_no_others(operator: OperatorProcess) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text()
    told = {name.removesuffix("_total") for name in re.findall(r"^\| `(\w+)`", page, re.MULTILINE)}
    text = requests.get(f"{operator.url}/metrics", timeout=5).text
    served = {family.name for family in text_string_to_metric_families(text)}
    assert {name for name in served if not name.endswith("_created")} == told


def test_while_nothing_happens_it_asks_nobody_anything(stage: Stage, operator: OperatorProcess) -> None:
    manifest = model("1.0.0", replicas=1, rollback={"keepWarm": "0s", "drain": "1s"})
    manifest["spec"]["analysis"] = {"interval": "1s", "metrics": [{"name": "error-rate", "threshold": "5%"}]}
    stage.deploy(manifest)
    stage.until("Ready", lambda _: stage.condition("Ready")["status"] == "True")
    with stage.load() as load:
        before = costs_at_rest(stage, operator)
        end = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < end:
            assert costs(operator) == before, "a model that is served, and not rolled out, costs nothing"
            time.sleep(1)
        stage.apply(manifest)
        eventually(lambda: len(load.since(end)) > 20, what="answers")
        assert costs(operator) == before, "the same manifest again costs nothing either"
    assert not load.lost


def costs_at_rest(stage: Stage, operator: OperatorProcess) -> dict[str, float]:
    """What the operator asked so far, once what other scenarios left has come to its end."""
    end = time.monotonic() + 90
    while True:
        before, why = at_rest(stage, operator)
        if before is not None:
            return before
        assert time.monotonic() < end, f"no rest: {why}"
        time.sleep(0.1)


def at_rest(stage: Stage, operator: OperatorProcess) -> tuple[dict[str, float] | None, str]:
    """What the operator asked so far, if no other scenario's model is there and it asked nothing for two seconds.

    Else None, and why.
    """
    others = [(it["metadata"]["namespace"], it["metadata"]["name"]) for it in stage.api.elsewhere("ModelDeployment")]
    if others:
        return None, f"there are {others}"
    before = costs(operator)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        asked = {what: count for what, count in costs(operator).items() if count != before.get(what)}
        if asked:
            return None, f"it asked {asked}"
        time.sleep(0.2)
    return before, "at rest"


def test_told_to_stop_in_the_middle_of_a_rollout_it_ends_well_and_goes_on_later(
    stage: Stage, operator: OperatorProcess
) -> None:
    stage.deploy(model("1.0.0", replicas=1))
    with stage.load() as load:
        steps = {"canary": {"steps": [{"weight": 20, "hold": "1s"}, {"weight": 50, "hold": "1s"}]}}
        stage.apply(model("2.0.0", replicas=1, strategy=steps))
        stage.until("some weight", lambda it: it.get("weight"))
        began = time.monotonic()
        code = operator.stop(signal.SIGTERM)
        took = time.monotonic() - began
        operator.start()
        stage.until_phase("Healthy", version="2.0.0")
    assert code == 0
    assert took < GRACE_SECONDS
    assert not load.lost
    assert "Traceback" not in operator.log()


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("SERIN_WORKERS", "many", "SERIN_WORKERS is 'many', expected a whole number from 1 to 256"),
        ("SERIN_PROMETHEUS_URL", "prometheus:9090", "expected a URL such as http://prometheus.monitoring:9090"),
        ("SERIN_WORKRES", "3", "SERIN_WORKRES is not a setting of Serin: known are "),
        ("SERIN_KUBECONFIG", "/nowhere/config", "/nowhere/config"),
    ],
)
def test_a_wrong_setting_stops_it_at_its_start_with_one_clear_line(
    operator: OperatorProcess, name: str, value: str, line: str
) -> None:
    environment = {**operator.environment, name: value}
    done = subprocess.run(
        [sys.executable, "-m", "serin.controller"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=os.curdir,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (said,) = done.stderr.splitlines()
    assert said.startswith("serin-operator: ")
    assert line in said
