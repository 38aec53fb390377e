"""The two things that no language registry offers: libseccomp for runc, nft for kube-proxy.

Taken from the system where it has them, else from Debian's (or Ubuntu's) own packages, which apt
verifies by signature. They are unpacked into the cache, so neither needs root nor changes the system.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from localcluster.cache import atomic_directory
from localcluster.errors import BuildError


def unpacked(packages: tuple[str, ...], target: Path) -> Path:
    """Directory into which the packages and those of their dependencies that the system lacks are unpacked."""
    if target.exists():
        return target
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise BuildError(
                f"{' and '.join(packages)} cannot be fetched: {program} is missing. Install them by your "
                "distribution's package manager (the headers and the static library of libseccomp, and nft)."
            )
    with atomic_directory(target) as draft:
        archives = draft / ".archives"
        (archives / "partial").mkdir(parents=True)
        _download(packages, archives)
        for archive in sorted(archives.glob("*.deb")):
            _run(["dpkg-deb", "-x", str(archive), str(draft)])
        shutil.rmtree(archives)
    return target


def library_directory(root: Path) -> Path:
    """The directory of an unpacked tree that holds its libraries (`usr/lib/<architecture>`)."""
    found = sorted((root / "usr/lib").glob("*-linux-gnu*"))
    if not found:
        raise BuildError(f"no libraries below {root}/usr/lib: remove that directory and build again")
    return found[0]


def _download(packages: tuple[str, ...], archives: Path) -> None:
    # Reinstalling fetches a package that is installed too: whether it is must not decide what the tree holds.
    command = [
        *("apt-get", "install", "--download-only", "--reinstall", "--yes", "--no-install-recommends"),
        *("-o", f"Dir::Cache::archives={archives}", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="),
    ]
    first = subprocess.run([*command, *packages], capture_output=True, text=True, check=False)
    if first.returncode == 0:
        return
    # A fresh machine has no package lists, or old ones; ours are private so that this needs no root.
    lists = archives / ".lists"
    (lists / "partial").mkdir(parents=True)
    private = ["-o", f"Dir::State::lists={lists}"]
    _run(["apt-get", "update", *private, "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="])
    _run([*command, *private, *packages])


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BuildError(f"`{' '.join(command)}` failed:\n{(result.stderr or result.stdout).strip()[-2000:]}")
