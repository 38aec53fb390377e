"""The first process inside a cluster's namespaces: prepares mounts and network, then supervises.

When it ends, for whatever reason, the kernel ends every process of the cluster and undoes its mounts.
It ends as soon as its guardian does, which it notices by a pipe that only the guardian holds open.
"""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

from localcluster.control import ControlServer
from localcluster.layout import NODE_ADDRESS, SERVICE_RANGE, Layout
from localcluster.supervisor import Supervisor

CGROUP_MOUNT = Path("/sys/fs/cgroup")
HIDDEN = ("/run", "/var/lib", "/var/log")
"""Directories in which the kubelet, containerd and CNI use fixed paths: private and empty inside."""


def main(root: str, guardian_pipe: str, controllers: str) -> None:
    """Entry point of the first process; `controllers` is a list with blanks between."""
    layout = Layout(Path(root))
    _hide_host_directories()
    _mount("tmpfs", layout.data, "mode=755")
    _mount_cgroups(controllers.split())
    _prepare_network()
    os.environ.clear()
    supervisor = Supervisor()
    server = ControlServer(layout.control_socket, supervisor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=_end_with_guardian, args=(int(guardian_pipe),), daemon=True).start()
    supervisor.spawn_forever()


def _end_with_guardian(pipe: int) -> None:
    os.read(pipe, 1)
    os._exit(0)


def _hide_host_directories() -> None:
    for directory in HIDDEN:
        _mount("tmpfs", Path(directory), "mode=755")
    Path("/run/netns").mkdir()


def _mount_cgroups(controllers: list[str]) -> None:
    """Show the cluster its own control groups alone, as the root of each hierarchy."""
    if not controllers:
        _mount("cgroup2", CGROUP_MOUNT)
        return
    _mount("tmpfs", CGROUP_MOUNT, "mode=755")
    for controller in controllers:
        target = CGROUP_MOUNT / controller
        target.mkdir()
        _mount("cgroup", target, "none,name=systemd" if controller == "systemd" else controller)
        for name in controller.split(",") if "," in controller else ():
            (CGROUP_MOUNT / name).symlink_to(controller)


def _prepare_network() -> None:
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "address", "add", f"{NODE_ADDRESS}/32", "dev", "lo")
    # Without a route the node could not even begin a connection to a Service, which kube-proxy then redirects.
    _run("ip", "route", "add", SERVICE_RANGE, "dev", "lo", "src", NODE_ADDRESS)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _mount(kind: str, target: Path, options: str = "") -> None:
    _run("mount", "-t", kind, *(("-o", options) if options else ()), "serin", str(target))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
