"""The tutorial, every command of it as it stands on the page, on a cluster of its own."""

import os
import re
import secrets
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorials" / "first-rollout.md"
BLOCK = re.compile(r"```(?P<kind>\w+)(?: title=(?P<title>\S+))?\n(?P<text>.*?)```", re.DOTALL)


def script_of(page: str) -> str:
    """The page as a shell script: files are written, commands are run, their output is compared with the page's."""
    lines = ["set -euo pipefail"]
    for block in BLOCK.finditer(page):
        if block["kind"] == "yaml":
            lines.append(f"cat > {block['title']} <<'END'\n{block['text']}END")
        elif block["kind"] == "console":
            lines += _commands(block["text"])
    return "\n".join(lines) + "\n"


def _commands(text: str) -> list[str]:
    script: list[str] = []
    for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        script.append(f"echo '$' {_quoted(command)} >&2")
        if not output:
            script.append(command)
            continue
        pattern = ".*".join(re.escape(part) for part in output.strip().split("…"))
        script.append(f"output=$({command})")
        script.append(f'grep -qzP {_quoted(pattern)} <<< "$output" || {{ echo "found: $output" >&2; exit 1; }}')
    return script


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_a_console_block_becomes_commands_whose_output_is_compared() -> None:
    script = script_of("```console\n$ echo one\n$ echo took 5 s\ntook … s\n```\n")
    assert subprocess.run(["bash", "-c", script], check=False, capture_output=True).returncode == 0
    wrong = script_of("```console\n$ echo took 5 s\ntook … minutes\n```\n")
    assert subprocess.run(["bash", "-c", wrong], check=False, capture_output=True).returncode == 1


@pytest.mark.cluster
@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_command_of_the_tutorial_does_what_the_page_says(tmp_path: Path) -> None:
    for entry in ROOT.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    name = f"tutorial-{secrets.token_hex(3)}"
    environment = {**os.environ, "CLUSTER": name, "HOME": os.environ.get("HOME", str(tmp_path))}
    script = (
        f"trap 'kill $(jobs -p) 2>/dev/null || true; make --silent cluster-down' EXIT\n{script_of(PAGE.read_text())}"
    )
    with (tmp_path / "output.log").open("w+") as output:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=output,
            check=False,
            timeout=590,
        )
        output.seek(0)
        said = output.read()
    assert done.returncode == 0, said[-6000:]
