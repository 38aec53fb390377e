"""What Kubernetes' own autoscaler was told and did, pass by pass, as the API servers noted it word for word."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from localcluster import Audit
from scenarios.api import Object

AUDIT = Audit("system:serviceaccount:kube-system:horizontal-pod-autoscaler", bodies=True)
"""What a cluster must note for this: it is the only user whose requests are."""


@dataclass
class SeenPass:
    """One pass.

    at: when the last thing that it asked was answered: it decides right after that.
    scale: the scale subresource that it found. usage: the PodMetricsList of each question, in the order asked.
    replicas: what it set; None if nothing. status: that of the HorizontalPodAutoscaler afterwards.
    """

    at: datetime
    scale: Object
    usage: list[Object] = field(default_factory=list)
    replicas: int | None = None
    status: Object = field(default_factory=dict)
    events: list[str] = field(default_factory=list)


def seen_passes(server_log: Path, metrics_log: Path, namespace: str) -> list[SeenPass]:
    """The whole passes of the only HorizontalPodAutoscaler of a namespace, in order; what may still go on is left out.

    server_log: the audit log of the API server. metrics_log: that of metrics-server, which alone knows its answers.
    """
    answers = {note["auditID"]: note["responseObject"] for note in _notes(metrics_log) if "responseObject" in note}
    passes: list[SeenPass] = []
    for note in sorted(_notes(server_log), key=lambda it: str(it["requestReceivedTimestamp"])):
        asked = note.get("objectRef") or {}
        if asked.get("namespace") != namespace or note["responseStatus"]["code"] >= 300:
            continue
        what = (note["verb"], asked["resource"], asked.get("subresource"))
        answered = datetime.fromisoformat(note["stageTimestamp"])
        if what == ("get", "deployments", "scale"):
            status = passes[-1].status if passes else {}
            passes.append(SeenPass(answered, note["responseObject"], status=status))
        elif not passes:
            continue
        elif what == ("list", "pods", None) and asked["apiGroup"] == "metrics.k8s.io":
            passes[-1].usage.append(answers[note["auditID"]])
            passes[-1].at = answered
        elif what == ("update", "deployments", "scale"):
            passes[-1].replicas = note["responseObject"]["spec"]["replicas"]
        elif what == ("update", "horizontalpodautoscalers", "status"):
            passes[-1].status = note["responseObject"]["status"]
        elif what == ("create", "events", None):
            passes[-1].events.append(note["requestObject"]["message"])
    return passes[:-1]


def _notes(log: Path) -> Iterator[Object]:
    for line in log.read_text().splitlines():
        yield json.loads(line)
