"""What the demo applies: six versions that differ in what their chapter says, and in nothing else."""

from collections.abc import Callable
from typing import Any, cast

import pytest
import yaml

from demo.chapters import CHAPTERS, MODEL, NAMESPACE, PROVIDERS, SLOW_AFTER_SECONDS, Chapter
from demo.installation import MANIFESTS, apply_version, traffic_of
from demo.platforms import DEMO_IMAGE, REPOSITORY, Platform
from demo.story import MODEL_HOST, OUTCOME_HOST
from serin.api.spec import ModelDeploymentSpec

Render = Callable[[str], dict[str, Any]]
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.fixture
def rendered(kubectl: Callable[..., str]) -> Render:
    """Render an overlay as `kubectl apply -k` does."""

    def render(overlay: str) -> dict[str, Any]:
        document: dict[str, Any] = yaml.safe_load(kubectl("kustomize", str(MANIFESTS / overlay)))
        return document

    return render


@pytest.mark.cluster
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_every_chapter_applies_a_model_deployment_of_its_version(chapter: Chapter, rendered: Render) -> None:
    document = rendered(chapter.overlay)
    assert document["metadata"] == {"name": MODEL, "namespace": NAMESPACE}
    spec = ModelDeploymentSpec.model_validate(document["spec"])
    assert spec.model.version == chapter.version
    assert spec.traffic is not None
    assert spec.traffic.gateway_api is not None
    assert spec.traffic.gateway_api.hostnames == (MODEL_HOST,)


def test_another_provider_changes_the_traffic_of_a_version_and_nothing_else() -> None:
    base = yaml.safe_load((MANIFESTS / "base" / "modeldeployment.yaml").read_text())
    told: list[tuple[tuple[str, ...], str | None]] = []

    class Words:
        """A kubectl that renders the base, and keeps what it is told to apply."""

        def kubectl(self, *arguments: str, given: str | None = None) -> str:
            told.append((arguments, given))
            return yaml.safe_dump(base)

    apply_version(cast("Platform", Words()), CHAPTERS[0], "istio")
    (render, _), (_, given) = told
    assert render == ("kustomize", str(MANIFESTS / CHAPTERS[0].overlay))
    applied = yaml.safe_load(given or "")
    spec = ModelDeploymentSpec.model_validate(applied["spec"])
    assert spec.traffic is not None
    assert spec.traffic.istio is not None
    assert spec.traffic.istio.hosts == (MODEL_HOST,)
    assert {**applied, "spec": {**applied["spec"], "traffic": base["spec"]["traffic"]}} == base


def test_every_provider_but_the_manifests_own_has_a_traffic_of_its_own() -> None:
    assert [provider for provider in PROVIDERS if traffic_of(provider) is None] == ["gateway"]


@pytest.mark.cluster
def test_the_objective_for_latency_is_the_one_that_the_story_tells(rendered: Render) -> None:
    spec = ModelDeploymentSpec.model_validate(rendered("v1")["spec"])
    assert spec.analysis is not None
    thresholds = {metric.name: metric for metric in spec.analysis.metrics}
    assert thresholds["latency"].latency_threshold.total_seconds() == SLOW_AFTER_SECONDS


@pytest.mark.cluster
def test_v4_and_v5_are_the_model_of_v2_with_a_bug(rendered: Render) -> None:
    good, slow, failing = (rendered(name)["spec"] for name in ("v2", "v4", "v5"))
    assert good["model"]["uri"] == slow["model"]["uri"] == failing["model"]["uri"]
    bugs = [
        [it["name"] for it in spec["template"]["spec"]["containers"][0]["env"]][1:] for spec in (good, slow, failing)
    ]
    assert bugs == [[], ["DEMO_EXTRA_LATENCY_SECONDS"], ["DEMO_ERROR_RATE"]]


def outcomes() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((MANIFESTS / "outcomes.yaml").read_text()))


@pytest.mark.cluster
def test_pods_meet_the_restricted_level_and_are_scraped(rendered: Render) -> None:
    for template in (rendered("v1")["spec"]["template"], outcomes()[0]["spec"]["template"]):
        container = template["spec"]["containers"][0]
        assert template["spec"]["securityContext"]["runAsNonRoot"]
        assert container["securityContext"] == RESTRICTED
        assert container["image"] == DEMO_IMAGE
        assert template["metadata"]["annotations"]["prometheus.io/scrape"] == "true"


def test_the_joiners_pods_bear_no_label_that_prometheus_would_put_on_their_series() -> None:
    labels = outcomes()[0]["spec"]["template"]["metadata"]["labels"]
    assert not any(label.startswith("serin.dev/") for label in labels)


def test_labels_have_a_host_of_their_own() -> None:
    assert outcomes()[-1]["spec"]["hostnames"] == [OUTCOME_HOST]


@pytest.mark.cluster
def test_the_operator_is_installed_from_the_projects_manifests_and_told_where_prometheus_is(
    kubectl: Callable[..., str],
) -> None:
    installed = list(yaml.safe_load_all(kubectl("kustomize", str(MANIFESTS / "serin"))))
    plain = list(yaml.safe_load_all(kubectl("kustomize", str(REPOSITORY / "manifests"))))
    changed = [(new, old) for new, old in zip(installed, plain, strict=True) if new != old]
    assert [new["kind"] for new, _ in changed] == ["Deployment"]
    containers = [it["spec"]["template"]["spec"]["containers"][0] for it in changed[0]]
    settings = {it["name"]: it["value"] for it in containers[0]["env"]}
    assert settings == {
        "SERIN_PROMETHEUS_URL": "http://prometheus.serin-monitoring:9090",
        "SERIN_STATUS_REFRESH": "3s",
    }
    assert containers[0] | {"env": []} == containers[1] | {"env": []}
