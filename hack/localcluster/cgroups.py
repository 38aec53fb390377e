"""A control group of its own for each cluster, so that limits hold and nothing stays in the machine's root.

With the hierarchies of version 1 mounted (also beside an empty version 2, "hybrid") the kubelet gets
all of them and enforces limits. With version 2 alone the cluster still runs in a group of its own,
where pods' limits are accepted and not enforced.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from localcluster.errors import LocalClusterError

MOUNT = Path("/sys/fs/cgroup")
PREFIX = "serin-"


@dataclass(frozen=True)
class Group:
    """One group by one name in every hierarchy."""

    name: str

    @property
    def directories(self) -> list[Path]:
        """The group's directory in every hierarchy, whether it exists or not."""
        return [root / self.name for root in _hierarchies()]

    def create(self) -> None:
        """Make the group everywhere."""
        for directory in self.directories:
            directory.mkdir(exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):
                # A new group of the cpuset controller has neither processors nor memory: nothing may enter it.
                if (directory / name).exists() and directory.parent != MOUNT:
                    (directory / name).write_text((directory.parent / name).read_text())

    def enter(self) -> None:
        """Move the calling process into the group."""
        for directory in self.directories:
            (directory / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self, *, timeout: float = 10) -> None:
        """Remove the group and what lies below it; its processes must be ending."""
        deadline = time.monotonic() + timeout
        while remaining := [directory for directory in self.directories if directory.exists()]:
            for directory in remaining:
                _remove_tree(directory)
            if time.monotonic() > deadline:
                raise LocalClusterError(f"control groups still in use: {', '.join(map(str, remaining))}")
            time.sleep(0.02)


def version_1_controllers() -> list[str]:
    """Names of the mounted version 1 hierarchies, for example `cpu` and `memory`."""
    return [root.name for root in _hierarchies() if (root / "tasks").exists()]


def _hierarchies() -> list[Path]:
    if (MOUNT / "cgroup.controllers").exists():
        return [MOUNT]
    # cpu and cpuacct may be two names of one hierarchy; a link would be the same group twice.
    return [path for path in sorted(MOUNT.iterdir()) if (path / "cgroup.procs").exists() and not path.is_symlink()]


def _remove_tree(directory: Path) -> None:
    for path, names, _ in os.walk(directory, topdown=False):
        for name in names:
            _remove_if_empty(Path(path) / name)
    _remove_if_empty(directory)


def _remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        return  # processes are still ending in it: the caller looks again
