"""Nodes and pods that exist only in the API server, for thousands of pods without traffic."""

from __future__ import annotations

from localcluster.api import ApiClient, condition
from localcluster.build import Programs
from localcluster.component import Component, Probe
from localcluster.layout import NODE_ADDRESS, Layout

NAME = "kwok"
MARK = "kwok.x-k8s.io/node"
SERVER = "127.0.0.1:10247"
BINDING = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: serin-kwok}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kwok-controller}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: kwok}]
"""


def component(layout: Layout, programs: Programs) -> Component:
    """kwok with the module's own stages: a pod is Ready as soon as it is bound, and gone once it is deleted."""
    stages = sorted(programs["kwok-stages"].glob("*.yaml"))
    return Component(
        NAME,
        (
            str(programs[NAME]),
            f"--kubeconfig={layout.kubeconfigs / NAME}",
            f"--manage-nodes-with-annotation-selector={MARK}=fake",
            "--node-lease-duration-seconds=40",
            "--cidr=10.245.0.0/16",
            f"--node-ip={NODE_ADDRESS}",
            f"--server-address={SERVER}",
            *(f"--config={path}" for path in stages),
        ),
        str(layout.logs / f"{NAME}.log"),
        Probe("http", f"http://{SERVER}/healthz"),
        environment={"HOME": str(layout.data), "PATH": programs.search_path()},
    )


def grant_access(client: ApiClient, programs: Programs) -> None:
    """Give the user of kwok's certificate the rights of its module's own role."""
    for path in programs["kwok-role"].glob("*.yaml"):
        client.apply(path.read_text())
    client.apply(BINDING)


def add_nodes(client: ApiClient, count: int) -> None:
    """Make fake nodes `kwok-0`, `kwok-1`, … and wait until they are Ready."""
    for index in range(count):
        client.apply(_node(f"kwok-{index}"))
    for index in range(count):
        name = f"kwok-{index}"
        client.wait_for(f"node {name} Ready", f"/api/v1/nodes/{name}", lambda it: condition(it, "Ready"), timeout=60)


def _node(name: str) -> str:
    return f"""
apiVersion: v1
kind: Node
metadata:
  name: {name}
  annotations: {{{MARK}: fake}}
  labels: {{type: kwok, kubernetes.io/hostname: {name}, kubernetes.io/os: linux}}
spec:
  taints: [{{key: {MARK}, value: fake, effect: NoSchedule}}]
"""
