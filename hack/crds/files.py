"""The generated files: their paths in the repository and what must stand in them."""

from pathlib import Path
from typing import Any

import yaml

from serin.api.crd import CUSTOM_RESOURCES

ROOT = Path(__file__).resolve().parents[2]
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
        text = to_yaml(resource.definition())
        files[ROOT / "crds" / f"{resource.plural}.yaml"] = text
    return files
