"""Stands outside a cluster's namespaces and leaves nothing behind when it ends.

It makes the control group, opens the ports on 127.0.0.1, starts the namespaces and waits until its
owner ends (the owner holds a pipe) or somebody asks it to end; then it removes everything. If it is
killed itself, the processes inside end with it and the next cluster sweeps up the files.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from localcluster.cgroups import PREFIX, Group, version_1_controllers
from localcluster.layout import RELAYED, Layout, clusters_directory

START_SECONDS = 60
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--cgroup", "--uts", "--ipc")
FREE_OF_ROOT = ("--user", "--map-root-user")
RUN_INSIDE = "import sys; from localcluster.inside import main; main(*sys.argv[1:])"
PRIVATE = ("--mount-proc", "--propagation", "private", "--kill-child")


def main(root: str, owner_pipe: str) -> None:
    """Entry point of the guardian's process; without an owner the pipe is `none`."""
    layout = Layout(Path(root))
    with layout.lock.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        group = Group(PREFIX + layout.root.name) if os.geteuid() == 0 else None
        try:
            _guard(layout, group, None if owner_pipe == "none" else int(owner_pipe))
        finally:
            remove_traces(layout, group)


def sweep() -> None:
    """Remove what clusters left behind whose guardian was killed."""
    directory = clusters_directory()
    for root in sorted(directory.iterdir()) if directory.exists() else []:
        layout = Layout(root)
        with contextlib.suppress(OSError):
            # Without a lock its guardian is just starting, or never did.
            if not layout.lock.exists() and time.time() - root.stat().st_mtime < START_SECONDS:
                continue
            with layout.lock.open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_traces(layout, Group(PREFIX + root.name) if os.geteuid() == 0 else None)


def remove_traces(layout: Layout, group: Group | None) -> None:
    """Remove the control group and the files of a cluster that has ended."""
    if group is not None:
        group.remove()
    shutil.rmtree(layout.root, ignore_errors=True)
    with contextlib.suppress(OSError):
        layout.root.parent.rmdir()  # the last one out


def _guard(layout: Layout, group: Group | None, owner: int | None) -> None:
    ending = _EndRequests()
    if group is not None:
        group.create()
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(_listening()) for _ in RELAYED]
        alive_read, alive_write = os.pipe()
        inside = _start_inside(layout, group, alive_read, sockets)
        os.close(alive_read)
        for it in sockets:
            it.close()
        try:
            _wait_for_end(inside, owner, ending)
        finally:
            os.close(alive_write)
            try:
                inside.wait(10)
            except subprocess.TimeoutExpired:
                inside.kill()
                inside.wait()


def _start_inside(
    layout: Layout, group: Group | None, alive: int, sockets: list[socket.socket]
) -> subprocess.Popen[bytes]:
    controllers = version_1_controllers() if group is not None else []
    descriptors = [it.fileno() for it in sockets]
    identity, one_id = _identity()
    facts = {
        "guardian": os.getpid(),
        "ports": {target: it.getsockname()[1] for target, it in zip(RELAYED, sockets, strict=True)},
        "descriptors": descriptors,
        "limits": bool(controllers),
        "one_id": one_id,
    }
    draft = layout.facts.with_suffix(".draft")
    draft.write_text(json.dumps(facts))
    draft.rename(layout.facts)
    return subprocess.Popen(
        [
            *(*UNSHARE, *identity, *PRIVATE, sys.executable, "-c", RUN_INSIDE),
            *(str(layout.root), str(alive), " ".join(controllers)),
        ],
        pass_fds=[alive, *descriptors],
        preexec_fn=group.enter if group is not None else None,  # noqa: PLW1509 — one thread alone runs here
    )


def _identity() -> tuple[tuple[str, ...], bool]:
    """Which flags make us root inside, and whether no other user id exists there then."""
    if os.geteuid() == 0:
        return (), False
    user = pwd.getpwuid(os.geteuid()).pw_name
    ranges = Path("/etc/subuid").read_text().splitlines() if Path("/etc/subuid").exists() else []
    owners = {line.partition(":")[0] for line in ranges}
    if shutil.which("newuidmap") is not None and owners & {user, str(os.geteuid())}:
        return (*FREE_OF_ROOT, "--map-auto"), False
    return FREE_OF_ROOT, True


def _wait_for_end(inside: subprocess.Popen[bytes], owner: int | None, ending: _EndRequests) -> None:
    child = os.pidfd_open(inside.pid)
    try:
        select.select([child, ending.descriptor, *([owner] if owner is not None else [])], [], [])
    finally:
        os.close(child)


class _EndRequests:
    """Turns SIGTERM, SIGINT and SIGHUP into something that `select` sees."""

    def __init__(self) -> None:
        self.descriptor, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)


@contextlib.contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        yield server
