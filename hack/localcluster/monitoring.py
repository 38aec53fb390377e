"""Prometheus: finds pods through the API server and reads Envoy's own statistics."""

from __future__ import annotations

from typing import Any

from localcluster.component import Component, Probe
from localcluster.layout import ENVOY_STATS_PORT, NODE_ADDRESS, PROMETHEUS_PORT
from localcluster.recipe import Recipe

POD_LABELS = {
    "serin.dev/model": "serin_model",
    "serin.dev/revision": "serin_revision",
    "serin.dev/version": "serin_version",
}
"""Labels of pods that every series of theirs carries, and under which name."""


def prometheus(recipe: Recipe) -> Component:
    """Prometheus; stopping and starting it keeps its data."""
    configuration = recipe.write_yaml("prometheus.yaml", _configuration(recipe))
    return recipe.component(
        "prometheus",
        "prometheus",
        {
            "config.file": configuration,
            "storage.tsdb.path": recipe.layout.data / "prometheus",
            "storage.tsdb.retention.time": "1d",
            "scrape.discovery-reload-interval": "1s",  # a new pod is scraped seconds earlier than by default
            "web.listen-address": f"{NODE_ADDRESS}:{PROMETHEUS_PORT}",
            "log.level": "warn",
        },
        probe=Probe("http", f"http://{NODE_ADDRESS}:{PROMETHEUS_PORT}/-/ready"),
        graceful=True,
    )


def _configuration(recipe: Recipe) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": "pods",
                "kubernetes_sd_configs": [
                    {"role": "pod", "kubeconfig_file": str(recipe.credentials.kubeconfigs["prometheus"])}
                ],
                "relabel_configs": _pod_relabelling(),
            },
            {
                "job_name": "envoy",
                "metrics_path": "/stats/prometheus",
                "static_configs": [{"targets": [f"127.0.0.1:{ENVOY_STATS_PORT}"]}],
            },
        ],
    }


def _pod_relabelling() -> list[dict[str, Any]]:
    """What the PodMonitor of a real cluster does, with the annotations that are customary without one."""
    annotation = "__meta_kubernetes_pod_annotation_prometheus_io"
    rules: list[dict[str, Any]] = [
        {"source_labels": [f"{annotation}_scrape"], "action": "keep", "regex": "true"},
        {"source_labels": ["__meta_kubernetes_pod_phase"], "action": "drop", "regex": "Pending|Succeeded|Failed"},
        {"source_labels": ["__meta_kubernetes_pod_container_init"], "action": "drop", "regex": "true"},
        # A pod that declares several ports gives several targets; they become equal here and are scraped once.
        {
            "source_labels": ["__meta_kubernetes_pod_ip", f"{annotation}_port"],
            "target_label": "__address__",
            "regex": r"(.+);(\d+)",
            "replacement": "$1:$2",
        },
        {"source_labels": [f"{annotation}_path"], "target_label": "__metrics_path__", "regex": "(.+)"},
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
    ]
    for label, target in POD_LABELS.items():
        meta = "__meta_kubernetes_pod_label_" + label.replace(".", "_").replace("/", "_")
        rules.append({"source_labels": [meta], "target_label": target})
    return rules
