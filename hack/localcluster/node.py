"""The node: containerd with runc and CNI, the real kubelet, kube-proxy.

The kubelet and containerd are told that they run in a user namespace also where they do not: it lets
them go on where a kernel setting cannot be changed, which is so in any nested namespace.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from localcluster.component import Component, Probe
from localcluster.layout import (
    CLUSTER_DOMAIN,
    DNS_SERVICE_ADDRESS,
    KUBELET_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    POD_RANGE,
)
from localcluster.recipe import Recipe

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
PAUSE_IMAGE = "localhost/serin/pause:1"
MAX_PODS = 250

SNAPSHOTTERS_NOT_NEEDED = [f"io.containerd.snapshotter.v1.{name}" for name in ("btrfs", "devmapper", "zfs", "erofs")]


def containerd(recipe: Recipe) -> Component:
    """The container runtime, with a state of its own below the cluster's directory."""
    network = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                # Every packet of a pod passes the node's routing (unlike on a bridge), so that answers
                # from one pod to another through a Service come back through kube-proxy's rules.
                "type": "ptp",
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(recipe.layout.data / "cni"),
                    "ranges": [[{"subnet": POD_RANGE}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }
    networks = recipe.layout.configuration / "cni"
    networks.mkdir(exist_ok=True)
    recipe.write_json("cni/10-pods.conflist", network)
    path = recipe.layout.configuration / "containerd.toml"
    path.write_text(_toml(_containerd_configuration(recipe)))
    return recipe.component("containerd", "containerd", {"config": path}, probe=Probe("unix", CONTAINERD_SOCKET))


def _containerd_configuration(recipe: Recipe) -> dict[str, Any]:
    runc = str(recipe.programs["runc"])
    if not recipe.limits:
        runc = _write_rootless_runc(recipe, runc)
    return {
        "version": 3,
        "root": str(recipe.layout.data / "containerd"),
        "state": "/run/containerd",
        "disabled_plugins": SNAPSHOTTERS_NOT_NEEDED,
        "grpc": {"address": CONTAINERD_SOCKET},
        "plugins": {
            "io.containerd.cri.v1.images": {"pinned_images": {"sandbox": PAUSE_IMAGE}},
            "io.containerd.cri.v1.runtime": {
                "disable_apparmor": True,
                "disable_hugetlb_controller": True,
                "restrict_oom_score_adj": True,
                "cni": {
                    "bin_dirs": [str(recipe.programs[it].parent) for it in ("ptp", "loopback", "host-local")],
                    "conf_dir": str(recipe.layout.configuration / "cni"),
                },
                "containerd": {
                    "runtimes": {
                        "runc": {
                            "runtime_type": "io.containerd.runc.v2",
                            "options": {"BinaryName": runc, "SystemdCgroup": False},
                        }
                    }
                },
            },
        },
    }


def _write_rootless_runc(recipe: Recipe, runc: str) -> str:
    """A program that containerd takes for runc and that does without control groups."""
    path = recipe.layout.configuration / "runc"
    script = Path(__file__).parent / "rootless_runc.py"
    id_count = "one" if recipe.one_id else "many"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {script} {runc} {id_count} "$@"\n')
    path.chmod(0o755)
    return str(path)


def kubelet(recipe: Recipe) -> Component:
    """The real kubelet; who asks it (logs, exec) is authenticated and authorized by the API server."""
    credentials = recipe.credentials
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(credentials.authority)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(credentials.node_servers.certificate),
        "tlsPrivateKeyFile": str(credentials.node_servers.key),
        "address": NODE_ADDRESS,
        "port": KUBELET_PORT,
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": recipe.limits,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "featureGates": {"KubeletInUserNamespace": True},
        "localStorageCapacityIsolation": False,
        "makeIPTablesUtilChains": False,
        "clusterDNS": [DNS_SERVICE_ADDRESS],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": "",
        "podLogsDir": str(recipe.layout.logs / "pods"),
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "1Mi",
            **dict.fromkeys(("nodefs.available", "imagefs.available", "nodefs.inodesFree"), "0%"),
        },
        "maxPods": MAX_PODS,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
    }
    return recipe.component(
        "kubelet",
        "kubelet",
        {
            "config": recipe.write_yaml("kubelet.yaml", configuration),
            "kubeconfig": credentials.kubeconfigs["kubelet"],
            "root-dir": recipe.layout.data / "kubelet",
            "hostname-override": NODE_NAME,
            "node-ip": NODE_ADDRESS,
        },
        probe=Probe("http", "http://127.0.0.1:10248/healthz"),
    )


def kube_proxy(recipe: Recipe) -> Component:
    """Services, by nftables. Connection tracking keeps the kernel's settings: they are not ours to set."""
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE_NAME,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clientConnection": {"kubeconfig": str(recipe.credentials.kubeconfigs["kube-proxy"])},
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"syncPeriod": "30s", "minSyncPeriod": "100ms"},
    }
    return recipe.component(
        "kube-proxy",
        "kube-proxy",
        {"config": recipe.write_yaml("kube-proxy.yaml", configuration)},
        probe=Probe("http", "http://127.0.0.1:10256/livez"),
    )


def _toml(table: dict[str, Any], path: tuple[str, ...] = ()) -> str:
    """A nested table as TOML; JSON's strings, lists, numbers and booleans are TOML's too."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    nested = {key: value for key, value in table.items() if isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in plain.items()]
    header = "[" + ".".join(f'"{it}"' for it in path) + "]\n" if path and plain else ""
    return header + "".join(lines) + "".join(_toml(value, (*path, key)) for key, value in nested.items())
