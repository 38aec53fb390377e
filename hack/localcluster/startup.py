"""The order in which a cluster comes up: everything as soon as what it needs is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from localcluster import control_plane, gateway, monitoring, names, node
from localcluster.api import ApiClient, condition
from localcluster.certificates import Pair
from localcluster.component import Component, Probe
from localcluster.control import ControlClient
from localcluster.enter import import_image
from localcluster.images import Image, Tree
from localcluster.layout import INSIDE_API, NODE_NAME, RELAYED
from localcluster.recipe import Recipe

MANIFESTS = Path(__file__).parent / "manifests"
COMPONENTS: dict[str, Callable[[Recipe], Component]] = {
    "etcd": control_plane.etcd,
    "apiserver": control_plane.api_server,
    "controller-manager": control_plane.controller_manager,
    "scheduler": control_plane.scheduler,
    "containerd": node.containerd,
    "kubelet": node.kubelet,
    "kube-proxy": node.kube_proxy,
    "contour": gateway.contour,
    "envoy": gateway.envoy,
    "prometheus": monitoring.prometheus,
    "coredns": names.coredns,
}
WHOLE_TIMEOUT = 120.0
"""Seconds until the node is Ready and the Gateway programmed."""


def bring_up(recipe: Recipe, control: ControlClient) -> None:
    """Start every component and wait until a pod could run and a request could be routed."""
    facts = json.loads(recipe.layout.facts.read_text())
    client = admin_client(recipe.layout.certificates, facts["ports"][INSIDE_API])
    control.define(_relay(recipe, tuple(facts["descriptors"])))
    control.start("relay")
    for make in COMPONENTS.values():
        control.define(make(recipe))
    with ThreadPoolExecutor(len(COMPONENTS)) as pool:
        runtime = pool.submit(_start_runtime, recipe, control)
        control.start("etcd")
        control.start("apiserver")
        starting = [pool.submit(control.start, it) for it in ("controller-manager", "scheduler", "kube-proxy")]
        starting.append(pool.submit(_start_kubelet, control, runtime))
        client.apply((MANIFESTS / "access.yaml").read_text())
        starting += [pool.submit(control.start, it) for it in ("prometheus", "coredns")]
        starting.append(pool.submit(_start_gateway, recipe, control, client))
        for it in starting:
            it.result()
    _wait_until_whole(client)


def admin_client(certificates: Path, port: int) -> ApiClient:
    """A client with the administrator's certificate, for outside of the cluster."""
    admin = Pair(certificates / "admin.crt", certificates / "admin.key")
    return ApiClient(f"https://127.0.0.1:{port}", certificates / "kubernetes-authority.crt", admin)


def _relay(recipe: Recipe, descriptors: tuple[int, ...]) -> Component:
    """Carries connections from this machine's loopback into the cluster."""
    return Component(
        "relay",
        (str(recipe.programs["relay"]), *RELAYED),
        str(recipe.layout.logs / "relay.log"),
        Probe("none"),
        listeners=descriptors,
    )


def _start_runtime(recipe: Recipe, control: ControlClient) -> None:
    control.start("containerd")
    pause = Image(node.PAUSE_IMAGE, entrypoint=("/pause",), trees=(Tree(recipe.programs["pause"], "/pause"),))
    import_image(control, recipe.programs, pause)


def _start_kubelet(control: ControlClient, runtime: Future[None]) -> None:
    runtime.result()
    control.start("kubelet")


def _start_gateway(recipe: Recipe, control: ControlClient, client: ApiClient) -> None:
    client.apply((MANIFESTS / "services.yaml").read_text())
    for name in ("gateway-api-crds", "contour-crds", "contour-role"):
        for file in sorted(recipe.programs[name].glob("*.yaml")):
            client.apply(file.read_text())
    # Contour ends at its start if it cannot find one of the kinds that it watches.
    for kind in (
        "gatewayclasses.gateway.networking.k8s.io",
        "gateways.gateway.networking.k8s.io",
        "httproutes.gateway.networking.k8s.io",
        "httpproxies.projectcontour.io",
        "tlscertificatedelegations.projectcontour.io",
    ):
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}"
        client.wait_for(f"{kind} established", path, lambda it: condition(it, "Established"), timeout=WHOLE_TIMEOUT)
    client.apply((MANIFESTS / "gateway.yaml").read_text())
    control.start("contour")
    control.start("envoy")


def _wait_until_whole(client: ApiClient) -> None:
    """Node Ready, Gateway programmed, and the service account that every pod needs made."""
    node_path = f"/api/v1/nodes/{NODE_NAME}"
    client.wait_for("the node Ready", node_path, lambda it: condition(it, "Ready"), timeout=WHOLE_TIMEOUT)
    gateway_path = (
        f"/apis/gateway.networking.k8s.io/v1/namespaces/{gateway.GATEWAY_NAMESPACE}/gateways/{gateway.GATEWAY_NAME}"
    )
    client.wait_for(
        "the Gateway programmed", gateway_path, lambda it: condition(it, "Programmed"), timeout=WHOLE_TIMEOUT
    )
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    client.wait_for("a service account", account, lambda it: bool(it["metadata"]["uid"]), timeout=WHOLE_TIMEOUT)
