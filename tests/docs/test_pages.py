"""What the pages show is true: their manifests are valid, their links lead somewhere."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from serin.api.action import RolloutActionSpec
from serin.api.spec import ModelDeploymentSpec

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SPECS: dict[str, type[BaseModel]] = {"ModelDeployment": ModelDeploymentSpec, "RolloutAction": RolloutActionSpec}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_manifest_on_a_page_is_valid(page: Path) -> None:
    for block in re.findall(r"```yaml[^\n]*\n(.*?)```", page.read_text(), re.DOTALL):
        for document in yaml.safe_load_all(block) if "kind:" in block else ():
            if isinstance(document, dict) and document.get("kind") in SPECS:
                SPECS[document["kind"]].model_validate(document["spec"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_on_a_page_leads_to_a_file_that_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one_that_is_there(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text()):
        assert anchor in anchors(page.parent / target if target else page), f"{page.name} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    for target in re.findall(r"`(tests/[^`\s]+\.py)`", page.read_text()):
        assert (ROOT / target).is_file(), f"{page.name} names {target}"


def test_the_readme_shows_a_manifest_that_fits_on_a_screen() -> None:
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    assert any("kind: ModelDeployment" in block and len(block.splitlines()) <= 10 for block in blocks)
