"""The cluster itself: what it promises to the tests that stand on it."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcluster import PROMETHEUS_ADDRESS, Image, LocalCluster, Tree
from localcluster.images import PYTHON

pytestmark = pytest.mark.cluster

SERVER = Path(__file__).parent / "server.py"
IMAGE = Image("serin.dev/test-server:1", (PYTHON, "/app/server.py"), (Tree(SERVER, "/app/server.py"),), ("aiohttp",))


def deployment(version: str) -> str:
    """A Deployment and its Service, of the restricted Pod Security level."""
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app-{version}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {version}}}}}
  template:
    metadata:
      labels: {{app: {version}, serin.dev/model: app, serin.dev/revision: r-{version}, serin.dev/version: {version}}}
      annotations: {{prometheus.io/scrape: "true", prometheus.io/port: "8000"}}
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
        - name: app
          image: {IMAGE.name}
          env: [{{name: VERSION, value: {version}}}]
          ports: [{{containerPort: 8000}}, {{containerPort: 8001}}]
          readinessProbe: {{httpGet: {{path: /, port: 8000}}, periodSeconds: 1}}
          resources: {{requests: {{cpu: 10m, memory: 32Mi}}, limits: {{memory: 128Mi}}}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
---
apiVersion: v1
kind: Service
metadata: {{name: app-{version}}}
spec: {{selector: {{app: {version}}}, ports: [{{port: 80, targetPort: 8000}}]}}
"""


ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: app}
spec:
  hostnames: [HOST]
  parentRefs: [{name: serin, namespace: serin-gateway}]
  rules: [{backendRefs: [{name: app-v1, port: 80, weight: 75}, {name: app-v2, port: 80, weight: 25}]}]
"""


@pytest.fixture(scope="module")
def application(cluster: LocalCluster) -> Iterator[str]:
    """Two versions of a server behind a route, in a namespace of their own, whose name is the host name too."""
    name = "application"
    cluster.load_image(IMAGE)
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    everything = "---".join([deployment("v1"), deployment("v2"), ROUTE.replace("HOST", name)])
    cluster.kubectl("apply", "-n", name, "-f", "-", input=everything)
    for version in ("v1", "v2"):
        cluster.kubectl("rollout", "status", f"deployment/app-{version}", "-n", name, "--timeout=60s", timeout=70)
    eventually(lambda: get(cluster.gateway_url, name)[0] == 200)
    yield name
    cluster.api.delete(f"/api/v1/namespaces/{name}")


def eventually(holds: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.05)


def get(url: str, host: str = "") -> tuple[int, str]:
    """Status and body; 0 when nothing answered."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""
    except (OSError, http.client.HTTPException):
        return 0, ""


def samples(cluster: LocalCluster, query: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each series of an instant query."""
    status, body = get(f"{cluster.prometheus_url}/api/v1/query?query={urllib.parse.quote(query)}")
    assert status == 200, query
    return [(it["metric"], float(it["value"][1])) for it in json.loads(body)["data"]["result"]]


def test_requests_from_outside_are_split_by_the_weights_of_a_route(cluster: LocalCluster, application: str) -> None:
    port = urllib.parse.urlsplit(cluster.gateway_url).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    seen: Counter[str] = Counter()
    for _ in range(1000):
        connection.request("GET", "/", headers={"Host": application})
        seen[connection.getresponse().read().decode()] += 1
    connection.close()

    assert set(seen) == {"v1", "v2"}
    assert 200 <= seen["v2"] <= 300


def test_prometheus_knows_pods_by_their_labels_and_envoy_by_service(cluster: LocalCluster, application: str) -> None:
    selector = f'served_total{{namespace="{application}",serin_revision="r-v1"}}'
    eventually(lambda: bool(samples(cluster, selector)))

    ((labels, _),) = samples(cluster, selector)  # once, although the pod declares two ports
    assert (labels["serin_model"], labels["serin_version"]) == ("app", "v1")
    assert labels["pod"].startswith("app-v1-")
    envoy = f'{{envoy_cluster_name="{application}_app-v2_80"}}'
    eventually(lambda: bool(samples(cluster, f"envoy_cluster_upstream_rq_xx{envoy}")))
    assert samples(cluster, f"envoy_cluster_upstream_rq_time_bucket{envoy}")


def test_a_pod_reaches_names_services_and_the_api_server_with_its_own_token(
    cluster: LocalCluster, application: str, kubectl: Callable[..., str]
) -> None:
    program = f"""
import os, ssl, urllib.request
def get(url, **headers):
    context = ssl.create_default_context(cafile=secrets + "/ca.crt") if url.startswith("https") else None
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), context=context, timeout=5).read()
secrets = "/var/run/secrets/kubernetes.io/serviceaccount"
token = open(secrets + "/token").read()
host = "https://%s:%s" % (os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"])
print(b"v1.37.2" in get(host + "/version", Authorization="Bearer " + token))
print(b"v1.37.2" in get("https://kubernetes.default.svc/version", Authorization="Bearer " + token))
print(get("http://app-v2." + "{application}").decode(), get("http://app-v1").decode())
print(b"Ready" in get("http://{PROMETHEUS_ADDRESS}/-/ready"))
print(b"Ready" in get("http://prometheus.serin-monitoring:9090/-/ready"))
"""
    output = kubectl("exec", "-n", application, "deployment/app-v1", "--", PYTHON, "-c", program)
    assert output.split() == ["True", "True", "v2", "v1", "True", "True"]


def test_logs_come_through_the_api_server(application: str, kubectl: Callable[..., str]) -> None:
    assert "serving v1" in kubectl("logs", "-n", application, "deployment/app-v1")


def test_prometheus_keeps_its_data_and_address_over_a_stop(cluster: LocalCluster, application: str) -> None:
    eventually(lambda: bool(samples(cluster, "envoy_server_live")))
    before = samples(cluster, "min_over_time(timestamp(envoy_server_live)[1h:1s])")[0][1]
    cluster.prometheus.stop()
    assert get(f"{cluster.prometheus_url}/-/ready")[0] == 0
    assert not cluster.prometheus.running
    cluster.prometheus.start()
    assert get(f"{cluster.prometheus_url}/-/ready")[0] == 200
    assert samples(cluster, "min_over_time(timestamp(envoy_server_live)[1h:1s])")[0][1] == pytest.approx(before, abs=1)


@pytest.mark.usefixtures("no_namespace_goes")
def test_the_api_server_comes_back_with_everything(cluster: LocalCluster, namespace: str) -> None:
    cluster.apiserver.restart()
    assert cluster.api.get(f"/api/v1/namespaces/{namespace}")["status"]["phase"] == "Active"


def test_a_frozen_component_hangs_instead_of_refusing(cluster: LocalCluster) -> None:
    cluster.prometheus.freeze()
    try:
        port = urllib.parse.urlsplit(cluster.prometheus_url).port
        with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            client.settimeout(0.5)
            client.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises(TimeoutError):
                client.recv(1)
    finally:
        cluster.prometheus.thaw()
    eventually(lambda: get(f"{cluster.prometheus_url}/-/ready")[0] == 200)


def test_nobody_has_more_rights_than_its_certificate_gives(cluster: LocalCluster, kubectl: Callable[..., str]) -> None:
    prometheus = cluster.layout.kubeconfigs / "prometheus"
    command = [str(cluster.program("kubectl")), f"--kubeconfig={prometheus}", "auth", "can-i", "--list"]
    allowed = cluster.run_inside(command, capture_output=True, text=True).stdout
    assert "pods" in allowed
    assert "secrets" not in allowed
    assert "delete" not in allowed


def test_memory_limits_are_enforced(cluster: LocalCluster, namespace: str, kubectl: Callable[..., str]) -> None:
    if not cluster.enforces_limits:
        pytest.skip("limits need root and control groups of version 1")
    cluster.load_image(IMAGE)
    pod = f"""
apiVersion: v1
kind: Pod
metadata: {{name: greedy}}
spec:
  restartPolicy: Never
  containers:
    - name: greedy
      image: {IMAGE.name}
      command: [{PYTHON}, -c, "x = bytearray(200_000_000); import time; time.sleep(60)"]
      resources: {{limits: {{memory: 64Mi}}}}
"""
    kubectl("apply", "-n", namespace, "-f", "-", input=pod)
    reason = "{.status.containerStatuses[0].state.terminated.reason}"
    eventually(lambda: kubectl("get", "pod", "greedy", "-n", namespace, "-o", f"jsonpath={reason}") == "OOMKilled")


def test_an_edit_of_the_source_is_in_the_cluster_within_seconds(cluster: LocalCluster, tmp_path: Path) -> None:
    cluster.load_image(IMAGE)
    edited = tmp_path / "server.py"
    edited.write_text(SERVER.read_text() + "# edited\n")
    began = time.monotonic()
    cluster.load_image(Image(IMAGE.name, IMAGE.entrypoint, (Tree(edited, "/app/server.py"),), IMAGE.distributions))
    assert time.monotonic() - began < 5
