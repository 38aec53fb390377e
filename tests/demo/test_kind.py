"""Where kind cannot work, the demo says so in one line, before it has built anything."""

from pathlib import Path

import pytest

from demo.kind import kind_platform
from demo.platforms import StoryError


def test_missing_docker_is_told_with_what_works_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoryError, match=r"there is no docker on this machine: .*make demo"), kind_platform():
        pass


def test_a_docker_without_its_engine_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for program in ("docker", "kind", "kubectl", "go"):
        (tmp_path / program).write_text("#!/bin/sh\necho cannot connect >&2\nexit 1\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(StoryError, match=r"Docker does not answer: .*cannot connect"), kind_platform():
        pass
