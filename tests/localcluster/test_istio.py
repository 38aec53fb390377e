"""Istio's control plane, and plain Envoys that do what it says: at the gateway and beside a client."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from localcluster import Image, LocalCluster, Tree
from localcluster.images import PYTHON

pytestmark = [pytest.mark.cluster, pytest.mark.long]

SERVER = Path(__file__).parent / "server.py"
IMAGE = Image("serin.dev/test-server:1", (PYTHON, "/app/server.py"), (Tree(SERVER, "/app/server.py"),), ("aiohttp",))
REQUESTS = 2000
POINTS = 60
"""Three percent of them: Envoy chooses at random."""

VERSION = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app-WHICH}
spec:
  selector: {matchLabels: {app: WHICH}}
  template:
    metadata: {labels: {app: WHICH}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: IMAGE
          env: [{name: VERSION, value: WHICH}]
          ports: [{containerPort: 8000}]
          readinessProbe: {httpGet: {path: /, port: 8000}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: app-WHICH}
spec: {selector: {app: WHICH}, ports: [{name: http, port: 80, targetPort: 8000}]}
"""
CALLED = """
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{name: http, port: 80}]}
"""
VIRTUAL_SERVICE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: app}
spec:
  hosts: [istio.example, app.application-of-istio.svc.cluster.local]
  gateways: [istio-system/serin, mesh]
  http:
    - match: [{headers: {canary: {exact: "true"}}}]
      route: [{destination: {host: app-v2, port: {number: 80}}}]
    - route:
        - {destination: {host: app-v1, port: {number: 80}}, weight: STABLE}
        - {destination: {host: app-v2, port: {number: 80}}, weight: CANARY}
"""
HTTP_ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: app}
spec:
  hostnames: [route.example]
  parentRefs: [{name: serin, namespace: istio-system}]
  rules: [{backendRefs: [{name: app-v1, port: 80, weight: STABLE}, {name: app-v2, port: 80, weight: CANARY}]}]
"""
NAMESPACE = "application-of-istio"
INSIDE = f"app.{NAMESPACE}.svc.cluster.local"


@pytest.fixture(scope="module")
def application(cluster: LocalCluster) -> Iterator[str]:
    """Two versions of a server, in a namespace of their own, behind 92 to 8 in the words of Istio."""
    cluster.load_image(IMAGE)
    cluster.start_istio()
    cluster.kubectl("create", "namespace", NAMESPACE)
    versions = [VERSION.replace("WHICH", it).replace("IMAGE", IMAGE.name) for it in ("v1", "v2")]
    everything = "---".join([*versions, CALLED, weighted(VIRTUAL_SERVICE, 8)])
    cluster.kubectl("apply", "-n", NAMESPACE, "-f", "-", input=everything)
    for version in ("v1", "v2"):
        cluster.kubectl("rollout", "status", f"deployment/app-{version}", "-n", NAMESPACE, "--timeout=60s", timeout=70)
    eventually(lambda: get(cluster.istio_gateway_url, "istio.example") == 200)
    yield NAMESPACE
    cluster.api.delete(f"/api/v1/namespaces/{NAMESPACE}")


def weighted(manifest: str, canary: int) -> str:
    """A manifest with its two weights."""
    return manifest.replace("STABLE", str(100 - canary)).replace("CANARY", str(canary))


def eventually(holds: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.05)


def get(url: str, host: str) -> int:
    """The status; 0 when nothing answered."""
    request = urllib.request.Request(url, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except (OSError, http.client.HTTPException):
        return 0


def answers(url: str, host: str, count: int = REQUESTS, **headers: str) -> Counter[str]:
    """Who answers that many requests on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", urllib.parse.urlsplit(url).port, timeout=5)
    seen: Counter[str] = Counter()
    for _ in range(count):
        connection.request("GET", "/", headers={"Host": host, **headers})
        answer = connection.getresponse()
        body = answer.read().decode()
        seen[body if answer.status == 200 else f"{answer.status} {body}"] += 1
    connection.close()
    return seen


def samples(cluster: LocalCluster, query: str) -> dict[str, float]:
    """The values of an instant query by workload."""
    url = f"{cluster.prometheus_url}/api/v1/query?query={urllib.parse.quote(query)}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        result = json.load(answer)["data"]["result"]
    return {it["metric"].get("destination_workload", ""): float(it["value"][1]) for it in result}


def is_split(seen: Counter[str], canary: int) -> None:
    """See that nothing failed, and that the second version got its share."""
    assert set(seen) == {"v1", "v2"}
    assert abs(seen["v2"] - REQUESTS * canary // 100) <= POINTS


def test_a_virtual_service_splits_requests_at_the_gateway(cluster: LocalCluster, application: str) -> None:
    is_split(answers(cluster.istio_gateway_url, "istio.example"), 8)
    assert set(answers(cluster.istio_gateway_url, "istio.example", 20, canary="true")) == {"v2"}


def test_a_virtual_service_splits_requests_of_a_client_in_the_mesh(cluster: LocalCluster, application: str) -> None:
    eventually(lambda: get(cluster.istio_mesh_url, INSIDE) == 200)
    is_split(answers(cluster.istio_mesh_url, INSIDE), 8)


def test_a_route_of_the_gateway_api_splits_requests_through_the_same_proxy(
    cluster: LocalCluster, application: str, kubectl: Callable[..., str]
) -> None:
    kubectl("apply", "-n", application, "-f", "-", input=weighted(HTTP_ROUTE, 8))
    eventually(lambda: get(cluster.istio_gateway_url, "route.example") == 200)
    is_split(answers(cluster.istio_gateway_url, "route.example"), 8)
    parents = "jsonpath={.status.parents[*].controllerName}"
    assert kubectl("get", "httproute", "app", "-n", application, "-o", parents) == "istio.io/gateway-controller"


def test_prometheus_has_the_series_that_istio_would_give_it(cluster: LocalCluster, application: str) -> None:
    selector = f'reporter="destination",destination_workload_namespace="{application}"'
    requests = f'sum by (destination_workload) (istio_requests_total{{{selector},response_code="200"}})'
    timed = f'sum by (destination_workload) (istio_request_duration_milliseconds_bucket{{{selector},le="+Inf"}})'
    eventually(lambda: set(samples(cluster, requests)) == set(samples(cluster, timed)) == {"app-v1", "app-v2"})
    now = time.time()
    oldest = f"min(timestamp(istio_requests_total{{{selector}}}))"
    eventually(lambda: samples(cluster, oldest).get("", 0) > now)  # all requests of the tests before are counted
    before = samples(cluster, requests)
    seen = answers(cluster.istio_gateway_url, "istio.example", 500)

    def counted(query: str, since: dict[str, float]) -> dict[str, float]:
        return {name: value - since[name] for name, value in samples(cluster, query).items()}

    expected = {"app-v1": seen["v1"], "app-v2": seen["v2"]}
    eventually(lambda: counted(requests, before) == expected)
    eventually(lambda: samples(cluster, timed) == samples(cluster, requests))


def test_weights_that_change_under_requests_and_a_control_plane_that_restarts_lose_none(
    cluster: LocalCluster, application: str, kubectl: Callable[..., str]
) -> None:
    for canary in (50, 100, 0, 8):
        kubectl("apply", "-n", application, "-f", "-", input=weighted(VIRTUAL_SERVICE, canary))
        if canary == 100:
            cluster.component("istiod").restart()
        assert set(answers(cluster.istio_gateway_url, "istio.example", 500)) <= {"v1", "v2"}
        eventually(partial(is_in_effect, cluster, canary))


def is_in_effect(cluster: LocalCluster, canary: int) -> bool:
    """Whether few requests are split about as a weight says."""
    seen = answers(cluster.istio_gateway_url, "istio.example", 200)
    return abs(seen["v2"] / seen.total() - canary / 100) <= 0.12


def test_a_gateway_that_restarts_knows_its_routes_again(cluster: LocalCluster, application: str) -> None:
    cluster.component("istio-gateway").restart()
    eventually(lambda: get(cluster.istio_gateway_url, "istio.example") == 200)
    assert cluster.start_istio().running  # asking twice is no error
