"""The reference of the command shows what the command says."""

import contextlib
import re
import shlex

import pytest

from crds.files import ROOT
from serin.cli.main import main

PAGE = (ROOT / "docs" / "reference" / "cli.md").read_text()
SHOWN = re.findall(r"```console\n\$ serin ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("command", "answer"), SHOWN, ids=[command for command, _ in SHOWN])
def test_the_page_shows_what_the_command_says(
    command: str, answer: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with contextlib.suppress(SystemExit):  # --help ends the program
        main(shlex.split(command))
    assert capsys.readouterr().out == answer
