"""The page on the Gateway API shows what Serin makes."""

import re
from pathlib import Path
from typing import Any

import yaml

from serin.api.children import Owner
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus
from serin.rollout.split import claim_of, wanted_routing
from serin.rollout.world import Desired
from traffic.routes import PROVIDER

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "providers" / "gateway-api.md").read_text()
STATUS = yaml.safe_load((ROOT / "tests" / "cli" / "explained-traffic.yaml").read_text().split("\n---\n")[0])["status"]


def shown(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as the page shows it: without what the API server fills in, and filters as three dots."""
    entries = [
        {key: value for key, value in entry.items() if key not in {"group", "kind"}} for entry in rule["backendRefs"]
    ]
    return {**rule, "backendRefs": [one | ({"filters": ["..."]} if "filters" in one else {}) for one in entries]}


def test_the_rules_on_the_page_are_those_of_the_manifest_on_the_page() -> None:
    manifest, rules = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    spec = ModelDeploymentSpec.model_validate(manifest["spec"])
    desired = Desired(Owner("ml", "fraud", "uid"), 1, spec, resource_version="1")
    claim = claim_of(desired)
    assert claim is not None
    routing = wanted_routing(desired, ModelDeploymentStatus.model_validate(STATUS))
    assert [shown(rule) for rule in PROVIDER.make_route(claim, routing)["spec"]["rules"]] == rules["rules"]
