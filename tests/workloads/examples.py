"""A ModelDeployment that uses all that a revision is made of."""

import copy
from typing import Any

from serin.api.children import Owner
from serin.api.spec import ModelDeploymentSpec
from serin.workloads import Snapshot, take_snapshot

OWNER = Owner("ml", "fraud", "uid-1")
REVISION = "bcdfghjklm"
CONFIG_MAPS = {"settings": "d1", "thresholds": "d2"}

MANIFEST: dict[str, Any] = {
    "model": {
        "version": "2.1.0+cuda",
        "uri": "s3://models/fraud/7",
        "lineage": {"codeCommit": "abc"},
    },
    "service": {"port": 80, "targetPort": 8080},
    "replicas": 3,
    "template": {
        "metadata": {
            "labels": {"team": "risk"},
            "annotations": {"prometheus.io/scrape": "true"},
        },
        "spec": {
            "initContainers": [
                {"name": "fetch", "image": "fetch:1", "envFrom": [{"configMapRef": {"name": "settings"}}]}
            ],
            "containers": [
                {
                    "name": "server",
                    "image": "server:1",
                    "args": ["--model", "$(SERIN_MODEL_URI)"],
                    "env": [
                        {"name": "SERIN_MODEL_NAME", "value": "the user's own"},
                        {"name": "WHERE", "value": "$(SERIN_MODEL_URI)/weights"},
                        {
                            "name": "LIMIT",
                            "valueFrom": {"configMapKeyRef": {"name": "thresholds", "key": "limit"}},
                        },
                    ],
                    "resources": {"limits": {"cpu": 1.5}},
                }
            ],
            "volumes": [
                {"name": "a", "configMap": {"name": "settings", "optional": True}},
                {
                    "name": "b",
                    "projected": {
                        "sources": [
                            {"configMap": {"name": "extra", "optional": True}},
                            {"configMap": {"name": "kube-root-ca.crt"}},
                            {"secret": {"name": "key"}},
                        ]
                    },
                },
            ],
        },
    },
}


def snapshot(manifest: dict[str, Any] | None = None, config_maps: dict[str, str] | None = None) -> Snapshot:
    """The snapshot of a manifest's spec."""
    spec = ModelDeploymentSpec.model_validate(copy.deepcopy(manifest or MANIFEST))
    return take_snapshot(spec, OWNER.name, CONFIG_MAPS if config_maps is None else config_maps)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The manifest with one field changed; `path` is separated by dots, None removes."""
    manifest = copy.deepcopy(MANIFEST)
    *parents, last = path.split(".")
    target: Any = manifest
    for part in parents:
        target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
    if value is None:
        target.pop(last, None)
    else:
        target[int(last) if isinstance(target, list) else last] = value
    return manifest
