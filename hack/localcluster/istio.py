"""Istio without its own proxy: istiod as it is, beside a plain Envoy as gateway and another as a client's sidecar.

What plain Envoys lack is Istio's own filter, which counts requests by workload: `monitoring` makes those series of
theirs. Mutual TLS is off, as no agent hands them certificates.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from localcluster.api import ApiClient, condition
from localcluster.build import Programs
from localcluster.catalog import ISTIO_VERSION
from localcluster.component import Component, Probe
from localcluster.layout import (
    CLUSTER_DOMAIN,
    ISTIO_GATEWAY_STATS_PORT,
    ISTIO_MESH_PORT,
    ISTIO_SIDECAR_STATS_PORT,
    ISTIOD_XDS_PORT,
    NODE_ADDRESS,
    Layout,
)

GROUP = "istio"
ISTIOD, GATEWAY, SIDECAR = "istiod", "istio-gateway", "istio-sidecar"
NAMESPACE = "istio-system"
GATEWAY_NAME = "serin"
"""Of both Gateways, Istio's own and the one of the Gateway API, which share the proxy and its port."""
MANIFESTS = Path(__file__).parent / "manifests"
READY_TIMEOUT = 60.0
HTTP_PORT = 15080

ENVIRONMENT = {
    # Filters that only Istio's own build of Envoy has.
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_DISABLE_MX_ALPN": "true",
    "PILOT_ENABLE_TELEMETRY_LABEL": "false",
    "PILOT_ENDPOINT_TELEMETRY_LABEL": "false",
    # What it would make in the cluster: sidecars, certificates, gateways.
    "INJECT_ENABLED": "false",
    "ENABLE_CA_SERVER": "false",
    "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": "false",
    "VALIDATION_WEBHOOK_CONFIG_NAME": "",
    # The name under which it leads: the same after a restart, so that it need not wait for the end of its own lease.
    "POD_NAME": "istiod-0",
    "POD_NAMESPACE": NAMESPACE,
    "CLUSTER_ID": "Kubernetes",
    "REVISION": "default",
    "PILOT_DEBOUNCE_AFTER": "100ms",
}
MESH = {
    "defaultProviders": {},
    "enableAutoMtls": False,
    "enablePrometheusMerge": False,
    "trustDomain": CLUSTER_DOMAIN,
    "proxyHttpPort": ISTIO_MESH_PORT,
    "defaultConfig": {"discoveryAddress": f"127.0.0.1:{ISTIOD_XDS_PORT}"},
}


def istiod(layout: Layout, programs: Programs) -> Component:
    """istiod outside of a pod, speaking plainly to the Envoys of its own network namespace."""
    networks = layout.configuration / "istio-networks.yaml"
    networks.write_text(yaml.safe_dump({"networks": {}}))
    mesh = layout.configuration / "istio-mesh.yaml"
    mesh.write_text(yaml.safe_dump(MESH))
    return Component(
        ISTIOD,
        (
            *(str(programs[ISTIOD]), "discovery"),
            f"--kubeconfig={layout.kubeconfigs / ISTIOD}",
            f"--meshConfig={mesh}",
            f"--networksConfig={networks}",
            f"--httpAddr=127.0.0.1:{HTTP_PORT}",
            "--httpsAddr=",
            f"--grpcAddr=127.0.0.1:{ISTIOD_XDS_PORT}",
            "--secureGRPCAddr=",
            "--monitoringAddr=127.0.0.1:15014",
            "--keepaliveMaxServerConnectionAge=24h",
        ),
        str(layout.logs / f"{ISTIOD}.log"),
        Probe("http", f"http://127.0.0.1:{HTTP_PORT}/ready"),
        environment=ENVIRONMENT | {"HOME": str(layout.data), "TMPDIR": str(layout.data)},
    )


def gateway(layout: Layout, programs: Programs) -> Component:
    """The Envoy at which requests from outside enter."""
    return _envoy(layout, programs, GATEWAY, "router", ISTIO_GATEWAY_STATS_PORT)


def sidecar(layout: Layout, programs: Programs) -> Component:
    """The Envoy of a client in the mesh, which hands its requests to that as to an HTTP proxy."""
    return _envoy(layout, programs, SIDECAR, "sidecar", ISTIO_SIDECAR_STATS_PORT)


def register(client: ApiClient, programs: Programs) -> None:
    """Bring Istio's kinds, the rights of istiod and the two Gateways into the cluster."""
    client.apply((MANIFESTS / "istio-access.yaml").read_text())
    for file in programs["istio-crds"].glob("*.yaml"):
        client.apply(file.read_text())
    for kind in ("gateways.networking.istio.io", "peerauthentications.security.istio.io"):
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}"
        client.wait_for(f"{kind} established", path, lambda it: condition(it, "Established"), timeout=READY_TIMEOUT)
    client.apply((MANIFESTS / "istio-gateways.yaml").read_text())


def wait_until_programmed(client: ApiClient) -> None:
    """Wait until istiod has configured the gateway's proxy."""
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/gateways/{GATEWAY_NAME}"
    client.wait_for("Istio's Gateway programmed", path, lambda it: condition(it, "Programmed"), timeout=READY_TIMEOUT)


def be_scraped(layout: Layout) -> None:
    """Have Prometheus scrape the Envoys."""
    targets = [f"127.0.0.1:{port}" for port in (ISTIO_GATEWAY_STATS_PORT, ISTIO_SIDECAR_STATS_PORT)]
    draft = layout.istio_targets.with_suffix(".draft")
    draft.write_text(json.dumps([{"targets": targets}]))
    draft.rename(layout.istio_targets)


def _envoy(layout: Layout, programs: Programs, name: str, role: str, stats_port: int) -> Component:
    path = layout.configuration / f"{name}.json"
    path.write_text(json.dumps(_bootstrap(name, role, stats_port), indent=1))
    return Component(
        name,
        (
            *(str(programs["envoy"]), "--config-path", str(path), "--use-dynamic-base-id"),
            *("--concurrency", "1", "--log-level", "warn"),
        ),
        str(layout.logs / f"{name}.log"),
        Probe("http", f"http://127.0.0.1:{stats_port}/ready"),
        environment={"HOME": str(layout.data), "TMPDIR": str(layout.data)},
    )


def _bootstrap(name: str, role: str, stats_port: int) -> dict[str, Any]:
    """What Istio's agent would tell an Envoy at its start."""
    extension = "type.googleapis.com/envoy.extensions"
    ads = {"ads": {}, "resource_api_version": "V3"}
    return {
        "node": _node(name, role),
        "admin": {"address": _address(stats_port)},
        # Histograms would lag by five seconds otherwise.
        "stats_flush_interval": "1s",
        "stats_config": {"use_all_default_tags": False, "stats_tags": STATS_TAGS},
        "bootstrap_extensions": [
            {
                "name": "envoy.bootstrap.internal_listener",
                "typed_config": {"@type": f"{extension}.bootstrap.internal_listener.v3.InternalListener"},
            }
        ],
        "dynamic_resources": {
            "lds_config": ads,
            "cds_config": ads,
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": ISTIOD}}],
            },
        },
        "static_resources": {
            "clusters": [
                {
                    "name": ISTIOD,
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "typed_extension_protocol_options": {
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                            "@type": f"{extension}.upstreams.http.v3.HttpProtocolOptions",
                            "explicit_http_config": {"http2_protocol_options": {}},
                        }
                    },
                    "load_assignment": {
                        "cluster_name": ISTIOD,
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(ISTIOD_XDS_PORT)}}]}],
                    },
                }
            ]
        },
    }


STATS_TAGS = [
    {"tag_name": "cluster_name", "regex": r"^cluster(\.(.+);)"},
    {"tag_name": "response_code", "regex": r"_rq(_(\d{3}))$"},
    {"tag_name": "response_code_class", "regex": r"_rq(_(\dxx))$"},
]
"""How names of statistics become labels. Istio ends a cluster's name by a semicolon, as host names hold dots."""


def _node(name: str, role: str) -> dict[str, Any]:
    labels = {"istio": "ingressgateway"} if role == "router" else {}
    return {
        "id": f"{role}~{NODE_ADDRESS}~{name}.{NAMESPACE}~{NAMESPACE}.svc.{CLUSTER_DOMAIN}",
        "cluster": f"{name}.{NAMESPACE}",
        "metadata": {
            "NAME": name,
            "NAMESPACE": NAMESPACE,
            "CLUSTER_ID": ENVIRONMENT["CLUSTER_ID"],
            "MESH_ID": CLUSTER_DOMAIN,
            "ISTIO_VERSION": ISTIO_VERSION,
            "LABELS": labels,
            "INSTANCE_IPS": NODE_ADDRESS,
            "SERVICE_ACCOUNT": "default",
            "WORKLOAD_NAME": name,
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
