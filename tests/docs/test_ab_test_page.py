"""The page on A/B tests: its example is sound, and `serin simulate` says of it what the page shows."""

import re
import shlex
from pathlib import Path

import pytest

from serin.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "strategies" / "ab-test.md").read_text()
MANIFEST = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SHOWN = re.search(r"```console\n\$ serin (.*)\n((?:.*\n)*?)```", PAGE)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example as a file."""
    assert MANIFEST is not None
    (tmp_path / "ranker.yaml").write_text(MANIFEST[1])
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("example")
def test_simulate_says_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert SHOWN is not None
    assert main(shlex.split(SHOWN[1])) == 0
    assert capsys.readouterr().out == SHOWN[2]


@pytest.mark.usefixtures("example")
def test_lint_has_nothing_to_say_of_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["lint", "-f", "ranker.yaml", "--requests", "1/s", "--baseline", "sales=4%"])
    assert (code, capsys.readouterr().out) == (0, "1 object: 0 errors, 0 warnings\n")
