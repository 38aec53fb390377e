"""Who is who in a cluster: every component has a certificate of its own and only its own rights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from localcluster.certificates import Authority, Pair, service_account_keys, write_kubeconfig
from localcluster.layout import API_SERVICE_ADDRESS, CLUSTER_DOMAIN, INSIDE_API, NODE_ADDRESS, NODE_NAME, Layout

API_SERVER_NAMES = (
    "127.0.0.1",
    "localhost",
    NODE_ADDRESS,
    API_SERVICE_ADDRESS,
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
)
NODE_SERVER_NAMES = (NODE_NAME, NODE_ADDRESS, "127.0.0.1", "localhost", "metrics-server.kube-system.svc")

USERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "admin": ("serin-admin", ("system:masters",)),
    "controller-manager": ("system:kube-controller-manager", ()),
    "scheduler": ("system:kube-scheduler", ()),
    "kubelet": (f"system:node:{NODE_NAME}", ("system:nodes",)),
    "kube-proxy": ("system:kube-proxy", ()),
    "contour": ("contour", ()),
    "prometheus": ("prometheus", ()),
    "coredns": ("coredns", ()),
    "kwok": ("kwok", ()),
    "metrics-server": ("system:serviceaccount:kube-system:metrics-server", ()),
    "istiod": ("istiod", ()),
}
"""File name -> user and groups. Bindings of Contour, Prometheus and CoreDNS are in `manifests/access.yaml`."""


@dataclass(frozen=True)
class Credentials:
    """Certificates, keys and kubeconfigs of a cluster."""

    authority: Path
    api_server: Pair
    api_server_to_kubelet: Pair
    etcd_authority: Path
    etcd: Pair
    etcd_client: Pair
    front_proxy_authority: Path
    front_proxy: Pair
    service_accounts: Pair
    node_servers: Pair
    """For the ports of controller manager, scheduler, kubelet and metrics-server."""
    contour_authority: Path
    contour: Pair
    envoy: Pair
    kubeconfigs: dict[str, Path]
    """One for each of USERS, for use inside the cluster."""


def make_credentials(layout: Layout, *, outside_url: str) -> Credentials:
    """Make an authority and everything it signs; also the administrator's kubeconfig for outside."""
    directory = layout.certificates
    main = Authority(directory, "kubernetes-authority")
    etcd = Authority(directory, "etcd-authority")
    front_proxy = Authority(directory, "front-proxy-authority")
    contour = Authority(directory, "contour-authority")
    kubeconfigs = {}
    for name, (user, groups) in USERS.items():
        client = main.issue(name, user, groups=groups)
        path = layout.kubeconfigs / name
        kubeconfigs[name] = write_kubeconfig(path, server=f"https://{INSIDE_API}", authority=main.file, client=client)
        if name == "admin":
            write_kubeconfig(layout.kubeconfig, server=outside_url, authority=main.file, client=client)
    return Credentials(
        authority=main.file,
        api_server=main.issue("api-server", "kube-apiserver", hosts=API_SERVER_NAMES),
        api_server_to_kubelet=main.issue("api-server-to-kubelet", "kube-apiserver-kubelet-client"),
        etcd_authority=etcd.file,
        etcd=etcd.issue("etcd", "etcd", hosts=("127.0.0.1", "localhost")),
        etcd_client=etcd.issue("etcd-client", "kube-apiserver-etcd-client"),
        front_proxy_authority=front_proxy.file,
        front_proxy=front_proxy.issue("front-proxy", "front-proxy-client"),
        service_accounts=service_account_keys(directory),
        node_servers=main.issue("node", "node", hosts=NODE_SERVER_NAMES),
        contour_authority=contour.file,
        contour=contour.issue("contour-xds", "contour", hosts=("contour", "127.0.0.1")),
        envoy=contour.issue("envoy", "envoy", hosts=("envoy",)),
        kubeconfigs=kubeconfigs,
    )
