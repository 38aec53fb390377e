"""A real HorizontalPodAutoscaler on real pods under load that changes, and our autoscaler beside it."""

import copy
import time
from dataclasses import dataclass
from itertools import pairwise

import requests

from localcluster import LocalCluster
from scaling.as_kubernetes import spec as as_kubernetes
from scenarios.api import Api, Object
from scenarios.diary import Diary
from scenarios.hpa_audit import seen_passes
from scenarios.hpa_shadow import Comparison, compare
from scenarios.images import MODEL_SERVER
from scenarios.stage import IMAGE, Stage
from serin.scaling.behavior import Behavior, Policy, PolicyType, ScalingRules
from serin.scaling.metrics import ResourceMetric, average_value, utilization
from serin.scaling.spec import AutoscalerSpec

NAME = "busy"
SPEC = AutoscalerSpec(
    max_replicas=8,
    min_replicas=1,
    metrics=(ResourceMetric("cpu", utilization(50)), ResourceMetric("memory", average_value(64 * 1024**2 * 1000))),
    behavior=Behavior(
        scale_up=ScalingRules(
            stabilization_window_seconds=0,
            policies=(Policy(PolicyType.PODS, 2, 15), Policy(PolicyType.PERCENT, 50, 40)),
            tolerance=0.05,
        ),
        scale_down=ScalingRules(
            stabilization_window_seconds=40, policies=(Policy(PolicyType.PODS, 2, 35),), tolerance=0.15
        ),
    ),
)
COURSE = ((0.00, 12), (0.08, 100), (0.30, 45), (0.45, 8), (0.62, 120), (0.80, 25), (0.92, 70))
"""From which share of the time on how many requests a second are sent: each takes 4 ms of a processor."""
DEPLOYMENT: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": NAME},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": NAME}},
        "template": {
            "metadata": {"labels": {"app": NAME}},
            "spec": {
                "terminationGracePeriodSeconds": 5,
                "containers": [
                    {
                        "name": "model",
                        "image": IMAGE,
                        "env": [
                            {"name": "WORK", "value": "0.004"},
                            {"name": "START_DELAY", "value": "3"},
                            {"name": "SERIN_MODEL_VERSION", "value": "1.0.0"},
                        ],
                        "resources": {"requests": {"cpu": "100m", "memory": "32Mi"}},
                        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
                    }
                ],
            },
        },
    },
}
SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": NAME},
    "spec": {"selector": {"app": NAME}, "ports": [{"port": 80, "targetPort": 8080}]},
}
AUTOSCALER: Object = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": NAME},
    "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}} | as_kubernetes(SPEC),
}


@dataclass(frozen=True)
class Lived:
    """What became of both autoscalers, and of the requests."""

    comparison: Comparison
    requests: int
    lost: int


def live(cluster: LocalCluster, connection: tuple[requests.Session, str], namespace: str, minutes: float) -> Lived:
    """Put pods under changing load for so many minutes and hold the two autoscalers against each other.

    The cluster must have been made with `hpa_audit.AUDIT`.
    """
    cluster.load_image(MODEL_SERVER)
    cluster.start_metrics_server()
    stage = Stage(Api(*connection, namespace), cluster.gateway_url)
    with Diary(connection, "Pod", namespace) as pods:
        for manifest in (DEPLOYMENT, SERVICE, route(stage.host), AUTOSCALER):
            stage.api.apply(copy.deepcopy(manifest))
        with stage.load(COURSE[0][1]) as load:
            load.longest = minutes * 60 + 60
            for (began, rate), (ended, _) in pairwise((*COURSE, (1.0, 0))):
                load.rate = rate
                time.sleep((ended - began) * minutes * 60)
    passes = seen_passes(cluster.layout.audit_log, cluster.layout.metrics_audit_log, namespace)
    return Lived(compare(SPEC, passes, pods), len(load.answers), len(load.lost))


def route(host: str) -> Object:
    """Requests to a host name go to the pods."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": NAME},
        "spec": {
            "hostnames": [host],
            "parentRefs": [{"name": "serin", "namespace": "serin-gateway"}],
            "rules": [{"backendRefs": [{"name": NAME, "port": 80}]}],
        },
    }
