"""etcd, API server, controller manager and scheduler."""

from __future__ import annotations

from localcluster.component import Component, Probe
from localcluster.layout import API_PORT, INSIDE_API, NODE_ADDRESS, SERVICE_RANGE
from localcluster.recipe import Recipe

ETCD_URL = "https://127.0.0.1:2379"
ETCD_PEER_URL = "http://127.0.0.1:2380"
ETCD_HEALTH_URL = "http://127.0.0.1:2381"
SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc.cluster.local"
MANY_QUERIES = 300
"""Requests a second that controllers may send: the default of 20 makes thousands of pods take minutes."""


def etcd(recipe: Recipe) -> Component:
    """The store. It does not sync to disk: nothing here outlives the machine."""
    credentials = recipe.credentials
    return recipe.component(
        "etcd",
        "etcd",
        {
            "name": "default",
            "data-dir": recipe.layout.data / "etcd",
            "listen-client-urls": ETCD_URL,
            "advertise-client-urls": ETCD_URL,
            "listen-peer-urls": ETCD_PEER_URL,
            "initial-advertise-peer-urls": ETCD_PEER_URL,
            "initial-cluster": f"default={ETCD_PEER_URL}",
            "listen-metrics-urls": ETCD_HEALTH_URL,
            "cert-file": credentials.etcd.certificate,
            "key-file": credentials.etcd.key,
            "trusted-ca-file": credentials.etcd_authority,
            "client-cert-auth": True,
            "unsafe-no-fsync": True,
            "log-level": "warn",
        },
        probe=Probe("http", f"{ETCD_HEALTH_URL}/health"),
    )


def api_server(recipe: Recipe) -> Component:
    """The API server, with RBAC, the Node authorizer and the default admission plugins."""
    credentials = recipe.credentials
    return recipe.component(
        "apiserver",
        "kube-apiserver",
        {
            "etcd-servers": ETCD_URL,
            "etcd-cafile": credentials.etcd_authority,
            "etcd-certfile": credentials.etcd_client.certificate,
            "etcd-keyfile": credentials.etcd_client.key,
            "bind-address": NODE_ADDRESS,
            "advertise-address": NODE_ADDRESS,
            "secure-port": API_PORT,
            "tls-cert-file": credentials.api_server.certificate,
            "tls-private-key-file": credentials.api_server.key,
            "client-ca-file": credentials.authority,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "anonymous-auth": True,  # the probe of /readyz; RBAC gives an anonymous user nothing else
            "service-account-issuer": SERVICE_ACCOUNT_ISSUER,
            "service-account-key-file": credentials.service_accounts.certificate,
            "service-account-signing-key-file": credentials.service_accounts.key,
            "service-cluster-ip-range": SERVICE_RANGE,
            "allow-privileged": True,
            "kubelet-preferred-address-types": "InternalIP,Hostname",
            "kubelet-certificate-authority": credentials.authority,
            "kubelet-client-certificate": credentials.api_server_to_kubelet.certificate,
            "kubelet-client-key": credentials.api_server_to_kubelet.key,
            "requestheader-client-ca-file": credentials.front_proxy_authority,
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-username-headers": "X-Remote-User",
            "proxy-client-cert-file": credentials.front_proxy.certificate,
            "proxy-client-key-file": credentials.front_proxy.key,
            **recipe.audit.flags(recipe.layout, recipe.layout.audit_log),
        },
        probe=Probe("http", f"https://{INSIDE_API}/readyz", str(credentials.authority)),
    )


def controller_manager(recipe: Recipe) -> Component:
    """All controllers, each with the rights of its own service account."""
    credentials = recipe.credentials
    kubeconfig = credentials.kubeconfigs["controller-manager"]
    return recipe.component(
        "controller-manager",
        "kube-controller-manager",
        {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "use-service-account-credentials": True,
            "service-account-private-key-file": credentials.service_accounts.key,
            "root-ca-file": credentials.authority,
            "controllers": "*,-node-ipam-controller",  # the CNI plugin hands out addresses by itself
            "leader-elect": False,
            "kube-api-qps": MANY_QUERIES,
            "kube-api-burst": MANY_QUERIES,
            "bind-address": "127.0.0.1",
            "secure-port": 10257,
            "tls-cert-file": credentials.node_servers.certificate,
            "tls-private-key-file": credentials.node_servers.key,
        },
        probe=Probe("http", "https://127.0.0.1:10257/healthz", str(credentials.authority)),
    )


def scheduler(recipe: Recipe) -> Component:
    """The scheduler."""
    credentials = recipe.credentials
    kubeconfig = credentials.kubeconfigs["scheduler"]
    return recipe.component(
        "scheduler",
        "kube-scheduler",
        {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "leader-elect": False,
            "kube-api-qps": MANY_QUERIES,
            "kube-api-burst": MANY_QUERIES,
            "bind-address": "127.0.0.1",
            "secure-port": 10259,
            "tls-cert-file": credentials.node_servers.certificate,
            "tls-private-key-file": credentials.node_servers.key,
        },
        probe=Probe("http", "https://127.0.0.1:10259/healthz", str(credentials.authority)),
    )
