"""Prometheus: finds pods through the API server and reads the Envoys' own statistics."""

from __future__ import annotations

from typing import Any

from localcluster.component import Component, Probe
from localcluster.layout import CLUSTER_DOMAIN, ENVOY_STATS_PORT, NODE_ADDRESS, PROMETHEUS_PORT
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
            {
                "job_name": "istio",
                "metrics_path": "/stats/prometheus",
                "params": {"usedonly": [""]},
                "file_sd_configs": [{"files": [str(recipe.layout.istio_targets)]}],
                "metric_relabel_configs": _istio_relabelling(),
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


def _istio_relabelling() -> list[dict[str, Any]]:
    """Turn a plain Envoy's series of a Service into those of Istio's own filter, which it lacks; drop all others.

    Who answered is known by the Service alone. Each revision has one of its own, named like its Deployment, so that is
    the workload.
    """
    cluster = r"outbound\|\d+\|\|([^.]+)\.([^.]+)\.svc\.cluster\.local"
    labels = {
        "destination_workload": "$1",
        "destination_service_name": "$1",
        "destination_workload_namespace": "$2",
        "destination_service_namespace": "$2",
        "destination_service": f"$1.$2.svc.{CLUSTER_DOMAIN}",
        # What the Envoy beside the pod would count is counted by the one that sends.
        "reporter": "destination",
    }
    series = "envoy_cluster_upstream_rq"
    return [
        # A request is counted by its code and, under the same name, by the code's class.
        {
            "source_labels": ["__name__", "response_code"],
            "action": "keep",
            "regex": rf"{series}_time_(bucket|sum|count);|{series};\d+",
        },
        {"source_labels": ["cluster_name"], "action": "keep", "regex": cluster},
        *(
            {"source_labels": ["cluster_name"], "regex": cluster, "target_label": name, "replacement": value}
            for name, value in labels.items()
        ),
        {
            "source_labels": ["__name__"],
            "regex": f"{series}_time_(.+)",
            "target_label": "__name__",
            "replacement": "istio_request_duration_milliseconds_$1",
        },
        {
            "source_labels": ["__name__"],
            "regex": series,
            "target_label": "__name__",
            "replacement": "istio_requests_total",
        },
        {"action": "labeldrop", "regex": "cluster_name"},
    ]
