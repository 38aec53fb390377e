"""What pods use of processor and memory (`metrics.k8s.io`), as the kubelet measures it: the stock metrics-server."""

from __future__ import annotations

import base64

from localcluster.api import ApiClient
from localcluster.audit import Audit
from localcluster.build import Programs
from localcluster.component import Component, Probe
from localcluster.layout import METRICS_SERVER_PORT, NODE_ADDRESS, Layout

NAME = "metrics-server"
GROUP_VERSION = "v1beta1.metrics.k8s.io"
RESOLUTION_SECONDS = 15
"""How often it asks the kubelet: its own default, and how often an autoscaler looks."""
ANSWER_TIMEOUT = 60.0

MANIFEST = f"""
apiVersion: v1
kind: Service
metadata: {{name: {NAME}, namespace: kube-system}}
spec:
  ports: [{{name: https, port: 443}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {NAME}, namespace: kube-system, labels: {{kubernetes.io/service-name: {NAME}}}}}
addressType: IPv4
endpoints: [{{addresses: [{NODE_ADDRESS}]}}]
ports: [{{name: https, port: {METRICS_SERVER_PORT}, protocol: TCP}}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {{name: {GROUP_VERSION}}}
spec:
  service: {{name: {NAME}, namespace: kube-system}}
  group: metrics.k8s.io
  version: v1beta1
  caBundle: AUTHORITY
  groupPriorityMinimum: 100
  versionPriority: 100
"""
"""What is in the module's own manifests, but for the pod: it runs beside the pods, and its certificate is verified."""


def component(layout: Layout, programs: Programs, audit: Audit) -> Component:
    """metrics-server. Its own readiness would wait for a first pod; see `wait_for_an_answer`."""
    authority = layout.certificates / "kubernetes-authority.crt"
    kubeconfig = layout.kubeconfigs / NAME
    return Component(
        NAME,
        (
            str(programs[NAME]),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={NODE_ADDRESS}",
            f"--secure-port={METRICS_SERVER_PORT}",
            f"--tls-cert-file={layout.certificates / 'node.crt'}",
            f"--tls-private-key-file={layout.certificates / 'node.key'}",
            f"--kubelet-certificate-authority={authority}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--metric-resolution={RESOLUTION_SECONDS}s",
            *(f"--{flag}={it}" for flag, it in audit.flags(layout, layout.metrics_audit_log).items()),
        ),
        str(layout.logs / f"{NAME}.log"),
        Probe("http", f"https://{NODE_ADDRESS}:{METRICS_SERVER_PORT}/livez", str(authority)),
        environment={"HOME": str(layout.data), "PATH": programs.search_path()},
    )


def register(client: ApiClient, programs: Programs, layout: Layout) -> None:
    """Give it the rights of its module's own roles, and have the API server pass on to it what it is asked."""
    for path in programs["metrics-server-role"].glob("*.yaml"):
        client.apply(path.read_text())
    authority = base64.b64encode((layout.certificates / "kubernetes-authority.crt").read_bytes()).decode()
    client.apply(MANIFEST.replace("AUTHORITY", authority))


def wait_for_an_answer(client: ApiClient) -> None:
    """Wait until the API server passes on what the node uses: the difference of two answers of the kubelet."""
    path = "/apis/metrics.k8s.io/v1beta1/nodes"
    client.wait_for("the usage of the node", path, lambda it: bool(it["items"]), timeout=ANSWER_TIMEOUT)
