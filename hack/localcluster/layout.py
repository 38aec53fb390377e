"""Addresses and paths of a cluster: what is where, in one place.

Every cluster has a network namespace of its own, so all clusters use the same addresses inside.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

NODE_NAME = "node-0"
NODE_ADDRESS = "10.250.0.1"
"""The node, and everything that runs on it outside of pods. Not loopback: the API server refuses that."""
POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_SERVICE_ADDRESS = "10.96.0.10"
PROMETHEUS_SERVICE_ADDRESS = "10.96.0.90"
CLUSTER_DOMAIN = "cluster.local"

API_PORT = 6443
GATEWAY_PORT = 8080
"""Contour shifts the listener's port 80 by 8000."""
PROMETHEUS_PORT = 9090
ENVOY_STATS_PORT = 8102
CONTOUR_XDS_PORT = 8001
KUBELET_PORT = 10250
METRICS_SERVER_PORT = 4443
ISTIOD_XDS_PORT = 15010
ISTIO_GATEWAY_PORT = 8081
ISTIO_GATEWAY_STATS_PORT = 15101
ISTIO_SIDECAR_STATS_PORT = 15102
ISTIO_MESH_PORT = 15081

INSIDE_API = f"{NODE_ADDRESS}:{API_PORT}"
GATEWAY_ADDRESS = f"{NODE_ADDRESS}:{GATEWAY_PORT}"
"""Envoy, as pods reach it."""
PROMETHEUS_ADDRESS = f"{NODE_ADDRESS}:{PROMETHEUS_PORT}"
"""Prometheus, as pods reach it without DNS."""
ISTIO_GATEWAY_ADDRESS = f"{NODE_ADDRESS}:{ISTIO_GATEWAY_PORT}"
"""Istio's gateway, as pods reach it, once `start_istio` was called."""
ISTIO_MESH_ADDRESS = f"127.0.0.1:{ISTIO_MESH_PORT}"
"""The Envoy beside a client in the mesh; from inside it is that client's alone."""

RELAYED = (INSIDE_API, GATEWAY_ADDRESS, PROMETHEUS_ADDRESS, ISTIO_GATEWAY_ADDRESS, ISTIO_MESH_ADDRESS)
"""What is reachable from outside, each through a port of 127.0.0.1."""


def clusters_directory() -> Path:
    """Directory that holds one directory for each cluster of this user."""
    return Path(tempfile.gettempdir()).absolute() / f"serin-clusters-{os.getuid()}"


@dataclass(frozen=True)
class Layout:
    """The files of one cluster. `data` is a tmpfs that exists inside the cluster alone."""

    root: Path

    @property
    def certificates(self) -> Path:
        """Certificates and keys."""
        return self.root / "certificates"

    @property
    def kubeconfigs(self) -> Path:
        """Kubeconfigs of the components."""
        return self.root / "kubeconfigs"

    @property
    def configuration(self) -> Path:
        """Configuration files of the components."""
        return self.root / "configuration"

    @property
    def logs(self) -> Path:
        """One log for each component, and the logs of pods."""
        return self.root / "logs"

    @property
    def audit_log(self) -> Path:
        """What the API server was asked by the user that it audits, one JSON document a request."""
        return self.logs / "audit.log"

    @property
    def metrics_audit_log(self) -> Path:
        """The same of metrics-server: what it is asked through the API server, that one notes without the answer."""
        return self.logs / "metrics-server-audit.log"

    @property
    def data(self) -> Path:
        """What components store: etcd, images, volumes, metrics."""
        return self.root / "data"

    @property
    def control_socket(self) -> Path:
        """Socket of the supervisor."""
        return self.root / "control"

    @property
    def istio_targets(self) -> Path:
        """The Envoys of Istio that Prometheus scrapes; there is none before `start_istio`."""
        return self.configuration / "istio-targets.json"

    @property
    def lock(self) -> Path:
        """Locked by the guardian as long as it lives."""
        return self.root / "guardian.lock"

    @property
    def facts(self) -> Path:
        """JSON written by the guardian: the ports on 127.0.0.1."""
        return self.root / "facts.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for use outside of the cluster."""
        return self.root / "kubeconfig"

    def make(self) -> None:
        """Make the directories."""
        for directory in (self.certificates, self.kubeconfigs, self.configuration, self.logs, self.data):
            directory.mkdir(parents=True, exist_ok=True)
