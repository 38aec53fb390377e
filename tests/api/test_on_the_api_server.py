"""The CRDs on the real API server: both ways to apply them, what they refuse, what they fill in."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.manifests import Wrong, documents, examples, wrong_manifests
from crds.files import ROOT
from serin.api.spec import ModelDeploymentSpec

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., str]
CRDS = str(ROOT / "crds")
SHORTEST = ROOT / "examples" / "shortest.yaml"


def test_the_crds_are_applied_client_side_and_server_side(installed: Kubectl) -> None:
    assert "unchanged" in installed("apply", "-f", CRDS)
    applied = installed("apply", "--server-side", "--force-conflicts", "-f", CRDS)
    assert applied.count("serverside-applied") == 2
    established = installed("get", "-f", CRDS, "-o", "jsonpath={.items[*].status.conditions[*].type}")
    assert established.split().count("Established") == 2
    assert "NonStructuralSchema" not in established


@pytest.mark.parametrize("wrong", wrong_manifests(), ids=lambda wrong: wrong.path.stem)
def test_a_wrong_manifest_is_refused_with_the_field_and_what_to_write(installed: Kubectl, wrong: Wrong) -> None:
    said = installed("create", "--dry-run=server", "-f", str(wrong.path), check=False)
    assert "created" not in said
    assert wrong.field in said
    assert wrong.message in said


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_every_example_is_taken(installed: Kubectl, path: Path) -> None:
    items = documents(path)
    for action in (each for each in items if each["kind"] == "RolloutAction"):
        action["spec"]["requestedBy"] = installed("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    assert items
    installed("create", "--dry-run=server", "-n", "default", "-f", "-", input=listed)


def test_the_server_fills_in_the_defaults_of_the_models(installed: Kubectl) -> None:
    for path in examples():
        for document in documents(path):
            if document["kind"] != "ModelDeployment":
                continue
            document["metadata"]["namespace"] = "default"
            said = installed("create", "--dry-run=server", "-o", "json", "-f", "-", input=json.dumps(document))
            spec = ModelDeploymentSpec.model_validate(document["spec"])
            stored = json.loads(said)["spec"]
            assert ModelDeploymentSpec.model_validate(stored) == spec
            assert stored.keys() == spec.to_dict().keys()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("modeldeployment.spec.strategy.canary.steps.hold", "How long the weight is held at least"),
        ("modeldeployment.spec.template.metadata.labels", "Labels of the pods, beside Serin's own."),
        ("modeldeployment.status.step.since", "since"),
        ("rolloutaction.spec.revision", "The revision that it was meant for"),
    ],
)
def test_kubectl_explains_every_field(installed: Kubectl, path: str, text: str) -> None:
    said = installed("explain", path)
    assert "KIND:" in said
    assert text in said


@pytest.fixture
def model(installed: Kubectl, namespace: str) -> Iterator[Kubectl]:
    """`kubectl` in a namespace that has the shortest ModelDeployment."""

    def kubectl(*arguments: str, **options: Any) -> str:
        return installed("-n", namespace, *arguments, **options)

    kubectl("apply", "-f", str(SHORTEST))
    yield kubectl
    kubectl("delete", "modeldeployment", "--all", "--wait=false")


def status(model: Kubectl, **fields: object) -> None:
    """Write a status, as the operator does."""
    patch = json.dumps({"status": fields})
    model("patch", "md", "fraud", "--subresource=status", "--type=merge", "-p", patch)


def test_kubectl_get_shows_the_rollout(model: Kubectl) -> None:
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "AsWanted",
        "message": "",
        "lastTransitionTime": "2026-01-31T12:00:00Z",
        "observedGeneration": 1,
    }
    step = {"index": 2, "of": 3, "kind": "Weight", "weight": 25, "plan": "abc"}
    status(
        model,
        phase="Progressing",
        version="2.0.3",
        candidateVersion="2.1.0",
        weight=25,
        step=step,
        conditions=[ready],
    )
    header, row = model("get", "md").splitlines()
    assert header.split() == ["NAME", "PHASE", "VERSION", "CANDIDATE", "STEP", "WEIGHT", "READY", "AGE"]
    assert row.split()[:-1] == ["fraud", "Progressing", "2.0.3", "2.1.0", "2", "25", "True"]
    assert "fraud" in model("get", "all,serin")


def test_scale_changes_the_replicas_and_tells_the_selector(model: Kubectl) -> None:
    status(model, replicas=1, selector="serin.dev/model=fraud")
    model("scale", "md", "fraud", "--replicas=3")
    assert model("get", "md", "fraud", "-o", "jsonpath={.spec.replicas}") == "3"
    scale = json.loads(model("get", "md", "fraud", "--subresource=scale", "-o", "json"))
    assert scale["status"] == {"replicas": 1, "selector": "serin.dev/model=fraud"}


def test_nobody_scales_by_hand_what_follows_metrics(model: Kubectl) -> None:
    model("patch", "md", "fraud", "--type=merge", "-p", '{"spec": {"autoscaling": {"maxReplicas": 4}}}')
    said = model("scale", "md", "fraud", "--replicas=3", check=False)
    assert "autoscaling decides the replicas" in said
    assert model("get", "md", "fraud", "-o", "jsonpath={.spec.replicas}") == "1"


def test_a_status_that_lists_a_revision_twice_is_refused(model: Kubectl) -> None:
    twice = json.dumps({"status": {"revisions": [{"revision": "abc", "version": "1", "role": "Stable"}] * 2}})
    said = model("patch", "md", "fraud", "--subresource=status", "--type=merge", "-p", twice, check=False)
    assert "status.revisions[1]: Duplicate value" in said
