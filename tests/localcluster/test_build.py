"""What decides whether a program is built anew, and what is said when it cannot be."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from localcluster import build, machine, progress
from localcluster.cache import atomic_directory, cache_directory, locked
from localcluster.catalog import GO_PROGRAMS, GROUPS, MODULE_FILES, PROGRAMS_DIRECTORY, GoProgram
from localcluster.errors import BuildError, UnsupportedError

RELAY = next(it for it in GO_PROGRAMS if it.name == "relay")


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the modules that a test may spoil, and a cache of its own."""
    copy = tmp_path / "programs"
    shutil.copytree(PROGRAMS_DIRECTORY, copy)
    monkeypatch.setattr(build, "PROGRAMS_DIRECTORY", copy)
    monkeypatch.setenv("SERIN_CACHE", str(tmp_path / "cache"))
    return copy


@pytest.mark.parametrize("source", [*GO_PROGRAMS, *MODULE_FILES], ids=lambda it: it.name)
def test_everything_is_pinned_by_a_lock_file(source: GoProgram) -> None:
    module = PROGRAMS_DIRECTORY / source.module
    assert source.group in GROUPS
    assert (module / "go.mod").exists()
    needs_others = "require" in (module / "go.mod").read_text()
    assert (module / "go.sum").exists() is needs_others
    for path in module.rglob("go.mod"):
        assert "latest" not in path.read_text()


def test_a_program_is_built_once_and_anew_when_its_source_changes(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_items", lambda _: [build._Item("relay", cache_directory() / build._key(RELAY), RELAY)])
    first = build.ensure_built()["relay"]
    changed = first.stat().st_mtime_ns
    assert build.ensure_built()["relay"] == first
    assert first.stat().st_mtime_ns == changed

    source = modules / "helpers" / "relay" / "main.go"
    source.write_text(source.read_text() + "\n// changed\n")
    second = build.ensure_built()["relay"]
    assert second != first
    assert second.exists()


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_a_changed_lock_file_changes_the_key(modules: Path, file: str) -> None:
    etcd = next(it for it in GO_PROGRAMS if it.name == "etcd")
    before = build._key(etcd)
    path = modules / "etcd" / file
    path.write_text(path.read_text() + "\n// changed\n")
    assert build._key(etcd) != before


def test_a_spoiled_checksum_stops_the_build(modules: Path) -> None:
    etcd = next(it for it in GO_PROGRAMS if it.name == "etcd")
    sums = modules / "etcd" / "go.sum"
    sums.write_text(sums.read_text().replace("h1:", "h1:AAAA", 1).replace("go.etcd.io/etcd/server/v3", "x"))
    with pytest.raises(BuildError, match=r"go build.*failed"):
        build._build_program(etcd, modules / "etcd-program")


def test_a_missing_go_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    build._go_version.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(BuildError, match=r"Install Go 1\.26 .*`make kind-demo`"):
        build._key(RELAY)


def test_an_unknown_group_is_refused() -> None:
    with pytest.raises(
        BuildError, match="no group of programs is called korn; there are core, kwok, kind, hpa, metrics-server"
    ):
        build.ensure_built(("korn",))


def test_a_half_made_directory_never_appears(tmp_path: Path) -> None:
    target = tmp_path / "program"

    def fail() -> None:
        with atomic_directory(target) as draft:
            (draft / "half").write_text("")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_who_waits_for_a_lock_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(["flock", str(path), "sh", "-c", "echo held; read line"], stdin=-1, stdout=-1, text=True)
    assert holder.stdout is not None
    assert holder.stdin is not None
    holder.stdout.readline()
    waited = []

    def release() -> None:
        waited.append(True)
        assert holder.stdin is not None
        holder.stdin.write("go\n")
        holder.stdin.flush()

    with locked(path, on_wait=release):
        assert waited == [True]
    with holder:
        pass


def test_progress_says_what_how_far_and_how_long() -> None:
    stream = io.StringIO()
    shown = progress.Progress(2, stream)
    with shown.step("etcd"):
        pass

    def fail() -> None:
        with shown.step("kubelet"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[ 1/2] etcd …"
    assert lines[1].startswith("[ 1/2] etcd: done in 0.")
    assert lines[3].startswith("[ 2/2] kubelet: failed after 0.")


@pytest.mark.parametrize(
    ("platform", "missing", "message"),
    [
        ("darwin", "", r"Linux namespaces; this is darwin.*make kind-demo"),
        ("linux", "unshare", r"`unshare` is missing: install the package util-linux"),
        ("linux", "ip", r"`ip` is missing: install the package iproute2"),
    ],
)
def test_an_unfit_machine_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, platform: str, missing: str, message: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == missing else tool)
    with pytest.raises(UnsupportedError, match=message):
        machine.check()


@pytest.mark.parametrize(
    ("switch", "message"),
    [
        ("/proc/sys/user/max_user_namespaces", "User namespaces are switched off; run it as root"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "Ubuntu restricts user namespaces"),
    ],
)
def test_refused_namespaces_are_explained(monkeypatch: pytest.MonkeyPatch, switch: str, message: str) -> None:
    refused = subprocess.CompletedProcess([], 1, "", "unshare failed: Operation not permitted")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: refused)
    monkeypatch.setattr(machine, "_is_zero", lambda path: path == switch)
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == switch)
    monkeypatch.setattr(machine, "_check_directories", lambda: None)
    with pytest.raises(UnsupportedError, match=rf"Operation not permitted.*{message}.*make kind-demo"):
        machine.check()


def test_a_hidden_directory_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "clusters_directory", lambda: Path("/run/user/0/serin"))
    monkeypatch.setenv("SERIN_CACHE", str(tmp_path))
    with pytest.raises(UnsupportedError, match="TMPDIR is /run/user/0/serin, but /run is hidden"):
        machine.check()
