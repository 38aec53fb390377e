"""What Serin writes is valid by the providers' own CRDs, on a real API server.

Their schemas are defined under a group of the test's own: the real ones may be there for another test.
"""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from serin.api.children import Owner
from serin.api.spec import Traffic
from serin.traffic.provider import Claim
from serin.traffic.providers import PROVIDERS
from serin.traffic.routing import Audience, Mirror, Routing, Stickiness
from traffic.routes import CANDIDATE, STABLE

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., str]
GROUP = "crds.serin.test"
SCHEMAS = Path(__file__).parent / "crds"
STICKY = Stickiness("serin-fraud", timedelta(hours=1))
PLAIN = [
    Routing({STABLE: 100}),
    Routing({STABLE: 95, CANDIDATE: 5}),
    Routing({STABLE: 95, CANDIDATE: 5}, stickiness=STICKY),
    Routing({STABLE: 100, CANDIDATE: 0}, mirror=Mirror(CANDIDATE, 20)),
]
LED = Routing({STABLE: 95, CANDIDATE: 5}, (Audience(CANDIDATE, {"X-Preview": "true"}),), stickiness=STICKY)
WRITTEN = [
    *(("istio", {"hosts": ["fraud", "*.example.com"], "gateways": ["infra/public", "mesh"]}, each) for each in PLAIN),
    ("istio", {"hosts": ["fraud"]}, LED),
    *(("traefik", {}, each) for each in PLAIN),
]


@pytest.fixture(scope="module")
def crds(installed: Kubectl) -> Iterator[Kubectl]:
    """An API server that knows the schemas."""
    definitions = [_definition("VirtualService", "virtualservices"), _definition("TraefikService", "traefikservices")]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": definitions})
    installed("apply", "--server-side", "-f", "-", input=text)
    try:
        names = [f"crd/{definition['metadata']['name']}" for definition in definitions]
        installed("wait", "--for=condition=Established", "--timeout=30s", *names)
        yield installed
    finally:
        installed("delete", "-f", "-", input=text)


def _definition(kind: str, plural: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": yaml.safe_load((SCHEMAS / f"{plural}.yaml").read_text())}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def written(provider: str, traffic: dict[str, Any], routing: Routing) -> dict[str, Any]:
    """What Serin writes, in the test's own group."""
    asked = Traffic.model_validate({provider: traffic})
    made = PROVIDERS[provider].make_route(Claim(Owner("default", "fraud", "uid-1"), asked, port=80), routing)
    return {**made, "apiVersion": f"{GROUP}/v1", "metadata": {"name": "fraud"}}


def create(crds: Kubectl, manifest: dict[str, Any]) -> str:
    """What the API server says, with fields that it does not know refused."""
    arguments = ("create", "--dry-run=server", "--validate=strict", "-n", "default", "-f", "-")
    return crds(*arguments, input=json.dumps(manifest), check=False)


@pytest.mark.parametrize(("provider", "traffic", "routing"), WRITTEN)
def test_what_serin_writes_is_valid(crds: Kubectl, provider: str, traffic: dict[str, Any], routing: Routing) -> None:
    assert "created (server dry run)" in create(crds, written(provider, traffic, routing))


def test_what_is_not_valid_is_refused(crds: Kubectl) -> None:
    route = written("istio", {"hosts": ["fraud"]}, LED)
    route["spec"]["http"][0]["match"][0]["headers"]["x-preview"] = {"exact": "true", "prefix": "t"}
    assert "created" not in create(crds, route)
    service = written("traefik", {}, Routing({STABLE: 100}))
    service["spec"]["weighted"]["services"][0]["weigth"] = 1
    assert "weigth" in create(crds, service)
