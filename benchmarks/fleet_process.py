"""The processes of `fleet.py`: the operator with a user and rights of its own, the world around it, what they cost."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from localcluster import LocalCluster

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT = "/api/v1/namespaces/serin-system/serviceaccounts/serin-operator"
USER = "system:serviceaccount:serin-system:serin-operator"
"""The operator, as the API server knows it."""
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass
class Process:
    """A running process, and what it takes."""

    child: "subprocess.Popen[bytes]"
    log: Path

    @property
    def cpu_seconds(self) -> float:
        """Processor time so far, of all its threads."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND

    @property
    def megabytes(self) -> float:
        """Memory that it holds now."""
        return self._status("VmRSS")

    @property
    def peak_megabytes(self) -> float:
        """Most memory that it held since `reset_peak`."""
        return self._status("VmHWM")

    def reset_peak(self) -> None:
        """Have `peak_megabytes` count from now on."""
        Path(f"/proc/{self.child.pid}/clear_refs").write_text("5")

    def _status(self, name: str) -> float:
        found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{self.child.pid}/status").read_text())
        return int(found[1]) / 1000 if found else 0.0

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-20:])

    def url(self) -> str:
        """Where the operator serves /metrics, once its log says that it has seen everything."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            text = self.log.read_text()
            found = re.findall(r"Serving .* on ([0-9.]+:[0-9]+)", text)
            if found and "and begins" in text:
                return f"http://{found[-1]}"
            if self.child.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"the operator has not started:\n{self.tail()}")


def install(cluster: LocalCluster) -> None:
    """What a user installs, but for the operator's pod."""
    cluster.kubectl("apply", "-f", str(ROOT / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(ROOT / "crds"))
    for name in ("00-namespace", "10-cluster-role", "15-service-account"):
        cluster.kubectl("apply", "-f", str(ROOT / "manifests" / f"{name}.yaml"))
    for path in sorted((ROOT / "manifests").glob("1[1-4]-*.yaml")):
        cluster.kubectl("apply", "-f", str(path))


def write_kubeconfig(cluster: LocalCluster, path: Path) -> Path:
    """A kubeconfig with a token of the operator's service account."""
    token = cluster.kubectl("create", "token", "serin-operator", "-n", "serin-system", "--duration=24h").strip()
    document: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
    document["users"] = [{"name": user["name"], "user": {"token": token}} for user in document["users"]]
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[Process]:
    """A process that ends with the context."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SERIN_")}
    with log.open("wb") as output:
        child = subprocess.Popen(command, env=inherited | environment, stdout=output, stderr=output)
    try:
        yield Process(child, log)
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def world(cluster: LocalCluster, folder: Path) -> Iterator[str]:
    """The world around the operator; yields its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = str(Path(__file__).parent / "fleet_world.py")
    command = [sys.executable, script, f"--kubeconfig={cluster.kubeconfig}", f"--port={port}"]
    with running(command, folder / "world.log") as process:
        url = f"http://127.0.0.1:{port}"
        while True:
            try:
                requests.get(f"{url}/facts", timeout=5)
                break
            except requests.ConnectionError:
                if process.child.poll() is not None:
                    raise RuntimeError(f"the world has not started:\n{process.tail()}") from None
                time.sleep(0.1)
        yield url


@contextmanager
def operator(cluster: LocalCluster, folder: Path, prometheus: str) -> Iterator[Process]:
    """The operator with default settings and the rights of its role."""
    with running(
        [sys.executable, "-m", "serin.controller"],
        folder / "operator.log",
        SERIN_KUBECONFIG=str(write_kubeconfig(cluster, folder / "kubeconfig")),
        SERIN_PROMETHEUS_URL=prometheus,
        SERIN_HTTP_ADDRESS="127.0.0.1",
        SERIN_HTTP_PORT="0",
        SERIN_LEADER_ELECTION_NAMESPACE="serin-system",
        SERIN_LOG_FORMAT="text",
    ) as process:
        process.url()
        yield process
