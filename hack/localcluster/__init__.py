"""A real Kubernetes cluster on one Linux machine, without Docker; see `docs/local-cluster.md`."""

from localcluster.audit import Audit
from localcluster.cluster import ComponentHandle, LocalCluster
from localcluster.errors import KubectlError, LocalClusterError, UnsupportedError
from localcluster.gateway import GATEWAY_NAME, GATEWAY_NAMESPACE
from localcluster.images import Image, Tree
from localcluster.layout import GATEWAY_ADDRESS, PROMETHEUS_ADDRESS

__all__ = [
    "GATEWAY_ADDRESS",
    "GATEWAY_NAME",
    "GATEWAY_NAMESPACE",
    "PROMETHEUS_ADDRESS",
    "Audit",
    "ComponentHandle",
    "Image",
    "KubectlError",
    "LocalCluster",
    "LocalClusterError",
    "Tree",
    "UnsupportedError",
]
