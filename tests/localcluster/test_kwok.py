"""Pods that do not run, by the hundred."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from localcluster import LocalCluster

pytestmark = pytest.mark.cluster

MANY = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: many}
spec:
  replicas: 200
  selector: {matchLabels: {app: many}}
  template:
    metadata: {labels: {app: many}}
    spec:
      terminationGracePeriodSeconds: 1
      nodeSelector: {type: kwok}
      tolerations: [{key: kwok.x-k8s.io/node, operator: Exists}]
      containers: [{name: nothing, image: example.invalid/nothing:1}]
"""


def test_two_hundred_pods_are_ready_on_ten_fake_nodes(
    cluster: LocalCluster, namespace: str, kubectl: Callable[..., str]
) -> None:
    cluster.start_kwok(nodes=10)
    try:
        kubectl("apply", "-n", namespace, "-f", "-", input=MANY)
        kubectl("rollout", "status", "deployment/many", "-n", namespace, "--timeout=60s", timeout=70)

        pods = json.loads(kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
        assert len(pods) == 200
        assert {pod["spec"]["nodeName"] for pod in pods} == {f"kwok-{index}" for index in range(10)}
    finally:
        kubectl("delete", "deployment", "many", "-n", namespace, "--wait=false")
