"""Which files make a Python program run elsewhere: interpreter, distributions, shared libraries."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NOT_NEEDED = {"test", "idlelib", "ensurepip", "lib2to3", "tkinter", "turtledemo", "site-packages", "dist-packages"}
"""Parts of the standard library that servers do without."""
USUAL_LIBRARY_ROOTS = ("/lib", "/usr/lib")
"""The dynamic linker looks there by itself."""


def interpreter_identity() -> str:
    """Changes whenever `interpreter_files` would."""
    executable = _executable()
    return f"{sys.version} {executable} {executable.stat().st_mtime_ns}"


def interpreter_files() -> dict[str, Path]:
    """The interpreter as /usr/bin/python3 with its standard library and shared libraries, by place in the image."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    files = {"/usr/bin/python3": _executable()}
    for kind in ("stdlib", "platstdlib"):
        root = Path(sysconfig.get_path(kind, vars={"base": sys.base_prefix, "platbase": sys.base_prefix}))
        for path in root.rglob("*"):
            relative = path.relative_to(root)
            static = path.suffix == ".a" or relative.parts[0].startswith("config-")
            if path.is_file() and not static and not NOT_NEEDED & set(relative.parts):
                files[f"/usr/lib/{version}/{relative}"] = path
    return files | _shared_libraries(files.values(), Path("/nowhere"))


def closure(names: Sequence[str]) -> list[Distribution]:
    """The distributions and all that they require on this machine, without extras nobody asked for."""
    found: dict[str, Distribution] = {}
    seen: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        if (text := str(requirement)) in seen:
            continue
        seen.add(text)
        distribution = importlib.metadata.distribution(requirement.name)
        found[canonicalize_name(requirement.name)] = distribution
        for text in distribution.requires or []:
            needed = Requirement(text)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return [found[name] for name in sorted(found)]


def distribution_files(distributions: Sequence[Distribution], target: str) -> dict[str, Path]:
    """All files of distributions, by place in the image, with the shared libraries that they need."""
    files: dict[str, Path] = {}
    for distribution in distributions:
        for recorded in distribution.files or []:
            path = Path(str(recorded.locate()))
            if ".." in recorded.parts or "__pycache__" in recorded.parts or not path.is_file():
                continue
            files[f"{target}/{recorded}"] = path
            compiled = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
            if path.suffix == ".py" and compiled.exists():
                files[f"{target}/{recorded.parent}/__pycache__/{compiled.name}"] = compiled
    # Libraries that a wheel brings along are found relative to it, wherever it lies.
    return files | _shared_libraries(files.values(), Path(sysconfig.get_path("purelib")))


@cache
def unusual_library_directories() -> tuple[str, ...]:
    """Directories of the interpreter's libraries that the dynamic linker must be told."""
    libraries = _shared_libraries([_executable()], Path("/nowhere"))
    parents = {str(Path(it).parent) for it in libraries}
    return tuple(sorted(it for it in parents if not it.startswith(USUAL_LIBRARY_ROOTS)))


def _executable() -> Path:
    return Path(sys.executable).resolve()


def _shared_libraries(files: Iterable[Path], brought_along: Path) -> dict[str, Path]:
    """What ldd finds for those of the files that are programs or libraries, at the place where it finds it."""
    binaries = [str(path) for path in files if _is_elf(path)]
    found: dict[str, Path] = {}
    for start in range(0, len(binaries), 50):
        command = ["ldd", *binaries[start : start + 50]]
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        for match in re.finditer(r"=> (/\S+)|^\s+(/lib\S+)", output, re.MULTILINE):
            library = match[1] or match[2]
            path = Path(library).resolve()
            if not path.is_relative_to(brought_along.resolve()):
                found[library] = path
    return found


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
