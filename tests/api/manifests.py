"""The manifests that the tests of the resources read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from crds.files import ROOT


@dataclass(frozen=True)
class Wrong:
    """A manifest that is refused, the field that the refusal names, and what it says to write."""

    path: Path
    field: str
    message: str

    @property
    def text(self) -> str:
        """The manifest."""
        return self.path.read_text()


def wrong_manifests() -> list[Wrong]:
    """Every manifest in `wrong/`; its first two lines tell what the refusal must say."""
    return [_wrong(path) for path in sorted((Path(__file__).parent / "wrong").glob("*.yaml"))]


def _wrong(path: Path) -> Wrong:
    field, message, *_ = path.read_text().splitlines()
    return Wrong(path, field.removeprefix("# field: "), message.removeprefix("# message: "))


def examples() -> list[Path]:
    """The manifests that readers are invited to copy."""
    return sorted((ROOT / "examples").glob("*.yaml"))


def documents(path: Path) -> list[dict[str, Any]]:
    """The objects in a file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]
