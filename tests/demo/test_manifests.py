"""What the demo applies: six versions that differ in what their chapter says, and in nothing else."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.chapters import CHAPTERS, MODEL, NAMESPACE, SLOW_AFTER_SECONDS
from demo.installation import MANIFESTS
from demo.platforms import DEMO_IMAGE
from demo.story import MODEL_HOST, OUTCOME_HOST
from serin.api.spec import ModelDeploymentSpec

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def rendered(overlay: str) -> dict[str, Any]:
    """Render an overlay as `kubectl apply -k` does."""
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl to render the overlays with")
    words = ["kubectl", "kustomize", str(MANIFESTS / overlay)]
    document: dict[str, Any] = yaml.safe_load(subprocess.run(words, capture_output=True, check=True).stdout)
    return document


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_every_chapter_applies_a_model_deployment_of_its_version(chapter: Any) -> None:
    document = rendered(chapter.overlay)
    assert document["metadata"] == {"name": MODEL, "namespace": NAMESPACE}
    spec = ModelDeploymentSpec.model_validate(document["spec"])
    assert spec.model.version == chapter.version
    assert spec.traffic is not None
    assert spec.traffic.gateway_api.hostnames == (MODEL_HOST,)


def test_the_objective_for_latency_is_the_one_that_the_story_tells() -> None:
    spec = ModelDeploymentSpec.model_validate(rendered("v1")["spec"])
    assert spec.analysis is not None
    thresholds = {metric.name: metric for metric in spec.analysis.metrics}
    assert thresholds["latency"].latency_threshold.total_seconds() == SLOW_AFTER_SECONDS  # type: ignore[index]


def test_v4_and_v5_are_the_model_of_v2_with_a_bug() -> None:
    good, slow, failing = (rendered(name)["spec"] for name in ("v2", "v4", "v5"))
    assert good["model"]["uri"] == slow["model"]["uri"] == failing["model"]["uri"]
    bugs = [
        [it["name"] for it in spec["template"]["spec"]["containers"][0]["env"]][1:] for spec in (good, slow, failing)
    ]
    assert bugs == [[], ["DEMO_EXTRA_LATENCY_SECONDS"], ["DEMO_ERROR_RATE"]]


def pod_templates() -> list[dict[str, Any]]:
    outcomes = next(yaml.safe_load_all((MANIFESTS / "outcomes.yaml").read_text()))
    return [rendered("v1")["spec"]["template"], outcomes["spec"]["template"]]


def test_pods_meet_the_restricted_level_and_are_scraped() -> None:
    for template in pod_templates():
        container = template["spec"]["containers"][0]
        assert template["spec"]["securityContext"]["runAsNonRoot"]
        assert container["securityContext"] == RESTRICTED
        assert container["image"] == DEMO_IMAGE
        assert template["metadata"]["annotations"]["prometheus.io/scrape"] == "true"


def test_the_joiners_pods_bear_no_label_that_prometheus_would_put_on_their_series() -> None:
    labels = pod_templates()[1]["metadata"]["labels"]
    assert not any(label.startswith("serin.dev/") for label in labels)


def test_labels_have_a_host_of_their_own() -> None:
    route = list(yaml.safe_load_all((MANIFESTS / "outcomes.yaml").read_text()))[-1]
    assert route["spec"]["hostnames"] == [OUTCOME_HOST]
    assert Path(MANIFESTS / "namespace.yaml").is_file()
