"""The name server of the cluster: CoreDNS with the cluster's own names and nothing beyond."""

from __future__ import annotations

from localcluster.component import Component, Probe
from localcluster.layout import CLUSTER_DOMAIN, NODE_ADDRESS
from localcluster.recipe import Recipe

READY_ADDRESS = "127.0.0.1:8181"


def coredns(recipe: Recipe) -> Component:
    """CoreDNS on the node's address; pods ask it by the Service `kube-dns`."""
    path = recipe.layout.configuration / "Corefile"
    path.write_text(
        f"""{CLUSTER_DOMAIN} {{
    bind {NODE_ADDRESS}
    errors
    ready {READY_ADDRESS}
    kubernetes {{
        kubeconfig {recipe.credentials.kubeconfigs["coredns"]} serin
        pods insecure
        ttl 0
    }}
}}
"""
    )
    return recipe.component(
        "coredns",
        "coredns",
        {"conf": path},
        probe=Probe("http", f"http://{READY_ADDRESS}/ready"),
    )
