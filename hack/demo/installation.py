"""Puts Serin and the demo's own objects into a cluster, with the commands that a user would type."""

import secrets

from demo.chapters import NAMESPACE
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
