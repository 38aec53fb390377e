"""What somebody at a terminal sees: waiting for an outcome, the columns, and what a wrong manifest is told."""

import copy
from collections.abc import Callable

import pytest
import yaml

from localcluster import KubectlError
from scenarios.api import Object
from scenarios.stage import NAME, Stage, model

pytestmark = [pytest.mark.cluster, pytest.mark.scenario]

Kubectl = Callable[..., str]
STEPS = {"canary": {"steps": [{"weight": 50, "hold": "1s"}]}}


def test_kubectl_waits_for_what_a_rollout_comes_to(stage: Stage, kubectl: Kubectl) -> None:
    def wait(condition: str) -> str:
        arguments = ("-n", stage.api.namespace, f"md/{NAME}", f"--for=condition={condition}", "--timeout=40s")
        return kubectl("wait", *arguments).strip()

    met = f"modeldeployment.serin.dev/{NAME} condition met"
    stage.apply(model("1.0.0", replicas=1, strategy=STEPS))
    assert wait("Available") == met
    assert wait("Ready") == met
    stage.apply(model("2.0.0", replicas=1, strategy=STEPS))
    stage.until("the rollout", lambda it: it.get("candidateVersion") == "2.0.0")
    assert wait("Promoted") == met
    assert stage.status["version"] == "2.0.0"
    stage.apply(model("3.0.0", replicas=1, strategy=STEPS, image="serin.dev/nowhere:1", progressDeadline="3s"))
    stage.until("the rollout", lambda it: it.get("candidateVersion") == "3.0.0")
    assert wait("RolledBack") == met
    assert stage.condition("Promoted")["status"] == "False"
    assert stage.condition("Available")["status"] == "True"
    header, row = kubectl("get", "md", "-n", stage.api.namespace).splitlines()
    assert header.split() == ["NAME", "PHASE", "VERSION", "CANDIDATE", "STEP", "WEIGHT", "READY", "AGE"]
    assert row.split()[:3] == [NAME, "Degraded", "2.0.0"]


@pytest.mark.parametrize(
    ("path", "value", "field", "words"),
    [
        ("model.version", "latest", "spec.model.version", "write a semantic version, such as 2.1.0"),
        ("replicaz", 2, "spec.replicaz", "unknown field"),
        (
            "strategy.canary.steps",
            [{"weight": 50}, {"weight": 20}],
            "spec.strategy.canary.steps",
            "weights never fall: write the steps in rising order",
        ),
        (
            "traffic",
            None,
            "spec.strategy",
            "strategy needs traffic: set traffic to one of gatewayAPI, istio, traefik, replicas, or leave strategy out",
        ),
    ],
)
def test_a_wrong_manifest_is_refused_at_apply_with_its_field_and_what_to_write_instead(
    stage: Stage, kubectl: Kubectl, path: str, value: object, field: str, words: str
) -> None:
    manifest = copy.deepcopy(model("1.0.0", strategy=STEPS))
    at: Object = manifest["spec"]
    *parents, last = path.split(".")
    for parent in parents:
        at = at[parent]
    if value is None:
        del at[last]
    else:
        at[last] = value
    with pytest.raises(KubectlError) as refused:
        kubectl("apply", "-n", stage.api.namespace, "-f", "-", input=yaml.safe_dump(manifest))
    assert field in str(refused.value)
    assert words in str(refused.value)
    assert kubectl("get", "md", "-n", stage.api.namespace, "--ignore-not-found") == ""
