"""What pods use, through the API server, as an autoscaler asks for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from localcluster import Image, LocalCluster
from localcluster.images import PYTHON

pytestmark = [pytest.mark.cluster, pytest.mark.long]

IMAGE = Image("serin.dev/test-usage:1", (PYTHON,), distributions=("aiohttp",))
THIRD = """
import time
while True:
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    time.sleep(0.2)
"""
MANIFEST = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: busy}}
spec:
  selector: {{matchLabels: {{app: busy}}}}
  template:
    metadata: {{labels: {{app: busy}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: busy
          image: {IMAGE.name}
          command: [{PYTHON}, -S, -c, BUSY]
          resources: {{requests: {{cpu: 100m}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: busy}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: busy}}
  maxReplicas: 3
  metrics: [{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 40}}}}}}]
"""


def eventually(holds: Callable[[], bool], *, seconds: float) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.5)


def test_what_a_pod_uses_is_told_and_followed_by_an_autoscaler(
    cluster: LocalCluster, namespace: str, kubectl: Callable[..., str]
) -> None:
    if not cluster.enforces_limits:
        pytest.skip("the kubelet measures pods only where control groups of version 1 are mounted, as root")
    cluster.load_image(IMAGE)
    kubectl("apply", "-n", namespace, "-f", "-", input=MANIFEST.replace("BUSY", json.dumps(THIRD)))
    cluster.start_metrics_server()
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
    cluster.api.wait_for("the usage of a pod", path, lambda it: bool(it["items"]), timeout=60)

    # It takes a third of one processor, and less while others want it too.
    eventually(lambda: 100 <= cpu(cluster.api.get(path)["items"][0]) <= 400, seconds=60)
    assert "busy" in kubectl("top", "pods", "-n", namespace)
    scale = "jsonpath={.spec.replicas}"
    eventually(lambda: kubectl("get", "deployment", "busy", "-n", namespace, "-o", scale) == "3", seconds=90)
    assert cluster.start_metrics_server().running  # asking twice is no error


def cpu(metrics: dict[str, Any]) -> float:
    """What a pod's only container uses now, in thousandths of a processor."""
    usage: str = metrics["containers"][0]["usage"]["cpu"]
    return float(usage.removesuffix("n")) / 1e6
