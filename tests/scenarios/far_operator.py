"""An operator that has a cable to the cluster, which can be cut, and a small disk for its log, which can be filled."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from localcluster import LocalCluster
from localcluster.layout import API_PORT, INSIDE_API, PROMETHEUS_ADDRESS, PROMETHEUS_PORT
from scenarios.conftest import OperatorProcess

API, PROMETHEUS = API_PORT, PROMETHEUS_PORT
"""What may be cut off, by its port."""

_NETWORK = "/run/operator-network"
"""Not made by `ip netns`: that mounts /run/netns over itself, and the pods that are there cannot end any more."""
_CLUSTER_END, _OPERATOR_END = "10.251.0.1", "10.251.0.2"
_CABLE = f"""
touch {_NETWORK}
unshare --net={_NETWORK} true
ip link add cable type veth peer name eth0 netns {_NETWORK}
ip address add {_CLUSTER_END}/30 dev cable
ip link set cable up
nsenter --net={_NETWORK} ip address add {_OPERATOR_END}/30 dev eth0
nsenter --net={_NETWORK} ip link set lo up
nsenter --net={_NETWORK} ip link set eth0 up
nsenter --net={_NETWORK} ip route add default via {_CLUSTER_END}
"""
_CUT = """
table inet cut_{port} {{
  chain there {{
    type filter hook prerouting priority -310
    ip saddr {operator} tcp dport {port} drop
  }}
  chain back {{
    type filter hook output priority -310
    ip daddr {operator} tcp sport {port} drop
  }}
}}
"""
"""Dropped, not refused: neither end is told, and each connection stays open at both."""

_DISK = Path("/run/small-disk")
_DISK_BYTES = 512 * 1024


class FarOperator(OperatorProcess):
    """The operator in a network namespace of its own inside of the cluster's. Use `far_operator`."""

    def __init__(self, cluster: LocalCluster, folder: Path) -> None:
        self._inside = Path(f"/proc/{cluster.control.process_id()}/root")
        self._disk = self._inside / _DISK.relative_to("/")
        self._kubeconfig = folder / "far-kubeconfig"
        super().__init__(cluster, f"http://{PROMETHEUS_ADDRESS}", self._disk)

    @property
    def command(self) -> list[str]:
        """The command that starts it, seen from here."""
        identity = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        target = ["--target", str(self._cluster.control.process_id()), *identity]
        return ["nsenter", *target, f"--net={self._inside}{_NETWORK}", *super().command]

    @property
    def environment(self) -> dict[str, str]:
        """The API server and Prometheus at the addresses that they have inside of the cluster."""
        return super().environment | {"SERIN_KUBECONFIG": str(self._kubeconfig)}

    def prepare(self) -> None:
        """Lay the cable and mount the disk: both end with the cluster, or with `clear`."""
        config = yaml.safe_load(self._cluster.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://{INSIDE_API}"
        self._kubeconfig.write_text(yaml.safe_dump(config))
        self._cluster.run_inside(["sh", "-ec", _CABLE])
        size = f"size={_DISK_BYTES}"
        self._cluster.run_inside(["mkdir", "-p", str(_DISK)])
        self._cluster.run_inside(["mount", "-t", "tmpfs", "-o", size, "serin", str(_DISK)])

    def clear(self) -> None:
        """Take both away."""
        self._cluster.run_inside(["umount", _NETWORK])
        self._cluster.run_inside(["rm", _NETWORK])
        self._cluster.run_inside(["umount", str(_DISK)])

    @contextmanager
    def cut(self, port: int) -> Iterator[None]:
        """Nothing gets through between the operator and a port of the cluster, in either direction."""
        self._nft(_CUT.format(port=port, operator=_OPERATOR_END))
        try:
            yield
        finally:
            self._nft(f"delete table inet cut_{port}")

    def forget(self, port: int) -> None:
        """The cluster's end forgets its connections to the operator, whose end hears of it only if it sends something.

        Call it while the cable is cut: else the farewell arrives.
        """
        self._cluster.run_inside(
            ["ss", "--kill", "--tcp", "--numeric", "dst", _OPERATOR_END, "sport", "=", f":{port}"], capture_output=True
        )

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """The disk that the log is on has no byte left, and neither has the log's last page."""
        filler = self._disk / "filler"
        for path, piece in ((filler, bytes(4096)), (self._log, b"\n")):
            with path.open("ab", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(piece)
        try:
            yield
        finally:
            filler.unlink()

    def _nft(self, rules: str) -> None:
        self._cluster.run_inside([str(self._cluster.program("nft")), "-f", "-"], input=rules, text=True)


@contextmanager
def far_operator(cluster: LocalCluster, near: OperatorProcess, folder: Path) -> Iterator[FarOperator]:
    """A far operator in place of the near one, which has nothing to do meanwhile."""
    far = FarOperator(cluster, folder)
    near.stop()
    far.prepare()
    try:
        far.start()
        try:
            yield far
        finally:
            far.stop()
    finally:
        far.clear()
        near.start()
