"""However a cluster ends, nothing of it is left: no process, no mount, no control group, no file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcluster import LocalCluster
from localcluster.cgroups import PREFIX, Group
from localcluster.cluster import PACKAGE_PARENT
from localcluster.component import Component, Probe
from localcluster.errors import ComponentDiedError, StartError
from localcluster.guardian import sweep
from localcluster.layout import clusters_directory
from localcluster.machine import check

pytestmark = pytest.mark.cluster

OWNER = """
import signal, sys
from localcluster import LocalCluster
with LocalCluster("doomed") as cluster:
    print(cluster.layout.root, flush=True)
    signal.pause()
"""


@dataclass(frozen=True)
class Doomed:
    """A cluster that a process of its own owns."""

    owner: subprocess.Popen[str]
    root: Path
    namespace: str
    port: int

    @property
    def cluster(self) -> LocalCluster:
        return LocalCluster.attach(self.root)

    def processes(self) -> list[str]:
        """What still runs in the cluster's PID namespace."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if str((entry / "ns/pid").readlink()) == self.namespace:
                    found.append((entry / "cmdline").read_text().replace("\0", " ")[:80])
            except OSError:
                continue  # it ended while it was looked at
        return found

    def files_and_groups(self) -> list[Path]:
        """What still lies about."""
        groups = Group(PREFIX + self.root.name).directories if os.geteuid() == 0 else []
        return [path for path in (self.root, *groups) if path.exists()]

    def mounts(self) -> list[str]:
        """Mounts of it that the machine sees."""
        return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if self.root.name in line]


@pytest.fixture
def doomed(cluster: LocalCluster) -> Iterator[Doomed]:
    """A second cluster beside the one of the session, whole, and still there."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PACKAGE_PARENT)},
    ) as owner:
        assert owner.stdout is not None
        root = Path(owner.stdout.readline().strip())
        running = LocalCluster.attach(root)
        namespace = str(Path(f"/proc/{running.control.process_id()}/ns/pid").readlink())
        doomed = Doomed(owner, root, namespace, int(running.gateway_url.rpartition(":")[2]))
        assert len(doomed.processes()) > len(("etcd", "apiserver", "kubelet"))
        yield doomed
        owner.kill()
    sweep()


def until_gone(doomed: Doomed, *, files: bool = True) -> None:
    """Wait until nothing is left; tell what is if it does not go."""
    deadline = time.monotonic() + 20
    while left := [*doomed.processes(), *doomed.mounts(), *(doomed.files_and_groups() if files else ())]:
        assert time.monotonic() < deadline, f"left behind: {left}"
        time.sleep(0.05)


def test_a_killed_owner_takes_everything_with_it_even_what_is_frozen(doomed: Doomed) -> None:
    doomed.cluster.etcd.freeze()
    doomed.cluster.kubelet.freeze()
    doomed.owner.send_signal(signal.SIGKILL)

    until_gone(doomed)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", doomed.port), timeout=1):
        pass


def test_after_a_killed_guardian_the_next_start_sweeps_up(doomed: Doomed) -> None:
    os.kill(doomed.cluster.guardian, signal.SIGKILL)

    until_gone(doomed, files=False)
    assert doomed.root.exists()
    sweep()
    assert doomed.files_and_groups() == []


def test_a_directory_without_a_guardian_is_swept_once_it_is_old() -> None:
    root = clusters_directory() / "stillborn-000000"
    root.mkdir(parents=True)
    sweep()
    assert root.exists()
    os.utime(root, (0, 0))
    sweep()
    assert not root.exists()


def test_sweeping_spares_what_runs(cluster: LocalCluster) -> None:
    sweep()

    assert cluster.layout.root.exists()
    cluster.assert_whole()


def test_the_command_line_starts_and_ends_a_cluster_beside_another(cluster: LocalCluster) -> None:
    def run(*words: str) -> str:
        command = [sys.executable, "-m", "localcluster", "--name", "by-hand", *words]
        environment = os.environ | {"PYTHONPATH": str(PACKAGE_PARENT)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        assert "is up after" in run("up")
        assert "node-0" in run("kubectl", "--", "get", "nodes")
        assert "10.250.0.1" in run("exec", "--", "ip", "address", "show", "lo")
        assert Path(run("kubeconfig").strip()).exists()
        assert "by-hand" in run("list")
        assert "tests" in run("list")
    finally:
        assert "is down" in run("down")
    assert "by-hand" not in run("list")


def test_a_component_that_dies_is_noticed_and_told_with_its_log(cluster: LocalCluster) -> None:
    pid = cluster.control.statuses()["coredns"].pid
    cluster.run_inside(["kill", "-KILL", str(pid)])
    deadline = time.monotonic() + 5
    while cluster.coredns.running:
        assert time.monotonic() < deadline

    with pytest.raises(ComponentDiedError, match=r"(?s)coredns has died \(signal SIGKILL\).*CoreDNS-"):
        cluster.assert_whole()
    cluster.coredns.start()
    cluster.assert_whole()


def test_a_component_that_cannot_start_says_why(cluster: LocalCluster, tmp_path: Path) -> None:
    never = Probe("tcp", "127.0.0.1:1")
    broken = Component("broken", ("/bin/sh", "-c", "echo no disk; exit 3"), str(tmp_path / "broken"), never)
    hanging = Component("hanging", ("/bin/sleep", "60"), str(tmp_path / "hanging"), never, start_timeout=0.2)
    for component in (broken, hanging):
        cluster.control.define(component)
    try:
        with pytest.raises(ComponentDiedError, match=r"(?s)broken ended while starting \(exit code 3\).*no disk"):
            cluster.control.start("broken")
        with pytest.raises(StartError, match=r"hanging was not ready after 0 s"):
            cluster.control.start("hanging")
    finally:
        for component in (broken, hanging):
            cluster.control.stop(component.name)


def test_this_machine_is_judged_fit() -> None:
    check()
