"""Running commands inside a cluster's namespaces from outside."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from localcluster.build import Programs
from localcluster.control import ControlClient
from localcluster.errors import LocalClusterError
from localcluster.images import Image, write_archive
from localcluster.node import CONTAINERD_SOCKET


def inside_command(control: ControlClient, argv: Sequence[str]) -> list[str]:
    """The command line that runs another inside the cluster, in the present directory."""
    identity = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    namespaces = ["--net", "--mount", "--pid", "--cgroup", "--uts", "--ipc"]
    target = ["--target", str(control.process_id())]
    return ["nsenter", *target, *namespaces, *identity, f"--wdns={Path.cwd()}", *argv]


def import_image(control: ControlClient, programs: Programs, image: Image) -> None:
    """Make an image and hand it to the node's containerd, where the kubelet looks for images."""
    command = [
        *(str(programs["ctr"]), "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io"),
        # Unpacked layers are kept once, in the snapshots: the data directory is memory.
        *("images", "import", "--local", "--discard-unpacked-layers", "-"),
    ]
    with subprocess.Popen(
        inside_command(control, command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        with contextlib.suppress(BrokenPipeError):  # it says itself why it stopped reading
            if process.stdin is not None:
                write_archive(image, process.stdin)
        output, _ = process.communicate()
    if process.returncode != 0:
        raise LocalClusterError(f"image {image.name} could not be imported: {output.decode().strip()}")
