"""A manifest that the tests of the commands change."""

from pathlib import Path
from typing import Any

import yaml

from crds.files import ROOT

CANARY = ROOT / "examples" / "canary.yaml"


def canary(**analysis: Any) -> dict[str, Any]:
    """The example of a canary, with these fields of its analysis changed."""
    manifest: dict[str, Any] = yaml.safe_load(CANARY.read_text())
    manifest["spec"]["analysis"] |= analysis
    return manifest


def with_steps(*steps: dict[str, Any], **analysis: Any) -> dict[str, Any]:
    """The example with these steps."""
    manifest = canary(**analysis)
    manifest["spec"]["strategy"]["canary"]["steps"] = list(steps)
    return manifest


def write(path: Path, *manifests: dict[str, Any]) -> str:
    """Write them into one file; returns its name."""
    path.write_text(yaml.safe_dump_all(manifests, sort_keys=False))
    return str(path)
