"""The generated files: their paths in the repository and what must stand in them."""

from pathlib import Path
from typing import Any

import yaml

from crds.metrics import metrics_reference
from crds.reference import reference
from crds.settings import settings_reference
from serin.api.crd import CUSTOM_RESOURCES

ROOT = Path(__file__).resolve().parents[2]
CHART_FILES = ROOT / "charts" / "serin" / "files"
IN_CHART = ("10-cluster-role.yaml", "20-user-roles.yaml", "30-admission-policy.yaml")
"""Manifests that are the same however Serin is installed: the chart has copies, as it cannot look outside itself."""
HEADER = "# Made from the models in operator/serin/api by `make crds`: edit those.\n"


class _Dumper(yaml.SafeDumper):
    """YAML without anchors: a schema that is used twice is written twice, as kubectl would."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        """Nothing is an alias."""
        return True


def to_yaml(document: dict[str, Any]) -> str:
    """A document in the order in which it was made, with its header."""
    return HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def generated_files() -> dict[Path, str]:
    """Every generated file and its content."""
    files: dict[Path, str] = {}
    for resource in CUSTOM_RESOURCES:
        definition = to_yaml(resource.definition())
        files[ROOT / "crds" / f"{resource.plural}.yaml"] = definition
        files[CHART_FILES / "crds" / f"{resource.plural}.yaml"] = definition
        files[ROOT / "docs" / "reference" / f"{resource.kind.lower()}.md"] = reference(resource)
    files[ROOT / "docs" / "reference" / "settings.md"] = settings_reference()
    files[ROOT / "docs" / "reference" / "metrics.md"] = metrics_reference()
    for name in IN_CHART:
        files[CHART_FILES / name] = (ROOT / "manifests" / name).read_text()
    return files
