"""The data plane: Contour turns Gateway API objects into the configuration of one Envoy."""

from __future__ import annotations

import json
import subprocess

from localcluster.component import Component, Probe
from localcluster.errors import StartError
from localcluster.layout import CONTOUR_XDS_PORT, ENVOY_STATS_PORT, NODE_ADDRESS
from localcluster.recipe import Recipe

GATEWAY_NAMESPACE = "serin-gateway"
GATEWAY_NAME = "serin"
ABSENT_KINDS = ("tlsroutes", "tcproutes", "backendtlspolicies", "grpcroutes", "extensionservices")
"""Kinds that Contour would wait for in a version that the Gateway API's standard channel no longer has."""


def contour(recipe: Recipe) -> Component:
    """Contour; it speaks to Envoy by mutual TLS, as both would in pods."""
    credentials = recipe.credentials
    reference = {"namespace": GATEWAY_NAMESPACE, "name": GATEWAY_NAME}
    configuration = recipe.write_yaml("contour.yaml", {"gateway": {"gatewayRef": reference}})
    return recipe.component(
        "contour",
        "contour",
        {
            "kubeconfig": credentials.kubeconfigs["contour"],
            "config-path": configuration,
            "xds-address": "127.0.0.1",
            "xds-port": CONTOUR_XDS_PORT,
            "contour-cafile": credentials.contour_authority,
            "contour-cert-file": credentials.contour.certificate,
            "contour-key-file": credentials.contour.key,
            "http-address": "127.0.0.1",
            "http-port": 8101,
            "health-address": "127.0.0.1",
            "health-port": 8100,
            "debug-http-address": "127.0.0.1",
            "debug-http-port": 6061,
            "stats-address": "127.0.0.1",
            "stats-port": ENVOY_STATS_PORT,
            "ingress-status-address": NODE_ADDRESS,
            "disable-feature": ABSENT_KINDS,
        },
        before=("serve", "--disable-leader-election"),
        probe=Probe("tcp", f"127.0.0.1:{CONTOUR_XDS_PORT}"),
    )


def envoy(recipe: Recipe) -> Component:
    """Envoy, with statistics flushed each second: histograms would lag by five otherwise."""
    bootstrap = recipe.layout.configuration / "envoy.json"
    credentials = recipe.credentials
    command = [
        *(str(recipe.programs["contour"]), "bootstrap", str(bootstrap), "--xds-resource-version=v3"),
        *("--xds-address=127.0.0.1", f"--xds-port={CONTOUR_XDS_PORT}", f"--namespace={GATEWAY_NAMESPACE}"),
        *(f"--admin-address={recipe.layout.root}/envoy-admin", f"--envoy-cafile={credentials.contour_authority}"),
        f"--envoy-cert-file={credentials.envoy.certificate}",
        f"--envoy-key-file={credentials.envoy.key}",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise StartError(f"`contour bootstrap` failed:\n{result.stderr.strip()}")
    content = json.loads(bootstrap.read_text())
    content["stats_flush_interval"] = "1s"
    recipe.write_json("envoy.json", content)
    words = {
        "--config-path": str(bootstrap),
        "--service-cluster": "contour",
        "--service-node": "envoy-0",
        "--concurrency": "1",
        "--log-level": "warn",
    }
    return recipe.component(
        "envoy",
        "envoy",
        {},
        # Envoy takes a flag and its value as two words only.
        before=("--use-dynamic-base-id", *(word for pair in words.items() for word in pair)),
        probe=Probe("http", f"http://127.0.0.1:{ENVOY_STATS_PORT}/ready"),
    )
