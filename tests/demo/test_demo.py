"""`make demo` itself, on a cluster of its own: the main promise of the repository."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from demo.chapters import CHAPTERS
from demo.platforms import REPOSITORY

LONGEST_SECONDS = 900


@pytest.mark.long
@pytest.mark.timeout(LONGEST_SECONDS + 60)
def test_the_whole_story_is_told_and_no_request_is_lost(tmp_path: Path) -> None:
    picture = tmp_path / "demo.svg"
    told = subprocess.run(
        [sys.executable, "-m", "demo", "--plain", "--record", str(picture)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "hack"), "KEEP": ""},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    lines = told.stdout.splitlines()
    chapters = [line.split("  ", 1)[1].split(":")[0] for line in lines if re.match(r"\d:\d\d  v\d ", line)]
    assert chapters == [chapter.title for chapter in CHAPTERS]
    for chapter in CHAPTERS:
        row = next(line.split() for line in lines if line.startswith(" ✓") and chapter.version in line)
        assert row[2] == chapter.expected
        assert ("s" in row[-1]) == (chapter.badness is not None), "only bad versions are found"
        if chapter.metric:
            assert any(f"version {chapter.version} was turned away: {chapter.metric}: " in line for line in lines)
    requests = re.search(r"^([\d,]+) requests in all\. None was lost", told.stdout, re.MULTILINE)
    assert requests is not None
    assert int(requests[1].replace(",", "")) > 2000
    assert ET.parse(picture).getroot().tag.endswith("svg")
