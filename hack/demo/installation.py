"""Puts Serin and the demo's own objects into a cluster, with the commands that a user would type."""

import secrets
from typing import Any

import yaml

from demo.chapters import NAMESPACE, Chapter
from demo.platforms import REPOSITORY, Platform, StoryError

OPERATOR_NAMESPACE = "serin-system"
OPERATOR = "deployment/serin-operator"
LONGEST_LINE = 600
MANIFESTS = REPOSITORY / "examples" / "demo" / "manifests"


def install_serin(platform: Platform) -> None:
    """Apply CRDs, RBAC and the operator, told where Prometheus is, and wait until it is ready."""
    platform.kubectl("apply", "-k", str(MANIFESTS / "serin"))
    platform.kubectl("wait", "--for=condition=Established", "crd/modeldeployments.serin.dev", "--timeout=60s")
    platform.kubectl("rollout", "status", "-n", OPERATOR_NAMESPACE, OPERATOR, "--timeout=120s")


def install_joiner(platform: Platform) -> None:
    """Make the demo's namespace, the key that signs prediction ids, and the joiner of true labels."""
    platform.kubectl("apply", "-f", str(MANIFESTS / "namespace.yaml"))
    key = ("create", "secret", "generic", "prediction-ids", "-n", NAMESPACE)
    literal = f"--from-literal=key={secrets.token_hex(16)}"
    platform.kubectl("apply", "-f", "-", given=platform.kubectl(*key, literal, "--dry-run=client", "-o", "yaml"))
    platform.kubectl("apply", "-f", str(MANIFESTS / "outcomes.yaml"))
    platform.kubectl("rollout", "status", "-n", NAMESPACE, "deployment/outcomes", "--timeout=120s")


def apply_version(platform: Platform, chapter: Chapter, provider: str) -> None:
    """Apply a chapter's version of the model, with its traffic by the provider."""
    overlay = MANIFESTS / chapter.overlay
    traffic = traffic_of(provider)
    if traffic is None:
        platform.kubectl("apply", "-k", str(overlay))
        return
    document = yaml.safe_load(platform.kubectl("kustomize", str(overlay)))
    document["spec"]["traffic"] = traffic
    platform.kubectl("apply", "-f", "-", given=yaml.safe_dump(document))


def traffic_of(provider: str) -> dict[str, Any] | None:
    """What takes the place of `spec.traffic`; None where the manifests say it themselves."""
    path = MANIFESTS / "traffic" / f"{provider}.yaml"
    traffic: dict[str, Any] | None = yaml.safe_load(path.read_text()) if path.exists() else None
    return traffic


def evidence(platform: Platform) -> str:
    """Collect what helps to see why the story stopped: status, pods, events, the operator's log."""
    questions = (
        ("get", "modeldeployment", "digits", "-n", NAMESPACE, "-o", "yaml"),
        ("get", "pods", "-A", "-o", "wide"),
        ("get", "events", "-n", NAMESPACE, "--sort-by=.lastTimestamp"),
        ("logs", "-n", OPERATOR_NAMESPACE, "--selector=app.kubernetes.io/name=serin", "--prefix", "--tail=40"),
    )
    return "\n".join(f"$ kubectl {' '.join(words)}\n{answer(platform, words)}" for words in questions)


def answer(platform: Platform, words: tuple[str, ...]) -> str:
    """Ask one question; an answer that cannot be had is told in its place."""
    try:
        lines = platform.kubectl(*words).splitlines()
    except StoryError as error:
        return str(error)
    return "\n".join(line[:LONGEST_LINE] for line in lines[-120:])
