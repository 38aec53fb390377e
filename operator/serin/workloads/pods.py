"""Why a revision's pods are not Ready, in one sentence for people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_PULL_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
_CONFIGURATION_REASONS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError"}
)
_LONGEST_MESSAGE = 600


@dataclass(frozen=True, order=True)
class _Finding:
    """One thing that is wrong; the lowest rank tells the most."""

    rank: int
    pod: str
    text: str


def pod_problem(pods: Sequence[Mapping[str, Any]]) -> str | None:
    """The most telling reason why pods are not Ready; None if nothing is wrong, or nothing is known yet.

    An image that cannot be pulled says more than a pod that found no node, and that more than a probe that fails.
    No number in the sentence changes by itself, so that status is not written again and again.
    """
    findings = [finding for pod in pods for finding in _findings(pod)]
    return min(findings).text if findings else None


def deployment_problem(deployment: Mapping[str, Any]) -> str | None:
    """Why a Deployment cannot make its pods, such as a quota or an admission policy; None if it can.

    That pods take long is no problem of the Deployment's: Serin has its own progressDeadline.
    """
    for condition in (deployment.get("status") or {}).get("conditions") or []:
        kind, status, reason = condition.get("type"), condition.get("status"), condition.get("reason")
        fails = kind == "ReplicaFailure" and status == "True"
        stuck = kind == "Progressing" and status == "False" and reason != "ProgressDeadlineExceeded"
        if fails or stuck:
            return f"pods cannot be made: {_shortened(condition.get('message') or reason or 'no reason given')}"
    return None


def _findings(pod: Mapping[str, Any]) -> Iterator[_Finding]:
    metadata, status = pod["metadata"], pod.get("status") or {}
    if metadata.get("deletionTimestamp") or _condition(status, "Ready").get("status") == "True":
        return
    name = metadata["name"]
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or []:
            rank, text = _container_problem(container, init=kind == "initContainerStatuses")
            if text:
                yield _Finding(rank, name, f"pod {name}: {text}")
    if status.get("phase") == "Failed":
        words = _shortened(": ".join(word for word in (status.get("reason"), status.get("message")) if word))
        yield _Finding(3, name, f"pod {name} failed{f': {words}' if words else ''}")
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        words = _shortened(scheduled.get("message") or scheduled.get("reason") or "no reason given")
        yield _Finding(4, name, f"pod {name} cannot be scheduled: {words}")
    if _condition(status, "PodReadyToStartContainers").get("status") == "False" and not scheduled.get("message"):
        yield _Finding(6, name, f"pod {name} waits for its volumes, its network or its sandbox")


def _container_problem(container: Mapping[str, Any], *, init: bool) -> tuple[int, str | None]:
    """What is wrong with one container, and how much that tells (0 the most)."""
    name = container["name"]
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message") or ""
    if reason in _PULL_REASONS:
        # The kubelet alternates between the error and its back-off from it: one sentence for both.
        words = _shortened(message.partition("ErrImagePull: ")[2] or message or reason)
        return 0, f"container {name} cannot pull the image {container.get('image')}: {words}"
    if reason in _CONFIGURATION_REASONS:
        return 1, f"container {name} cannot start: {reason}: {_shortened(message)}"
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    if ended and not (init and ended.get("exitCode") == 0) and not container.get("ready"):
        again = " again and again" if reason == "CrashLoopBackOff" else ""
        return 2, f"container {name} ends{again}: {_end(ended)}"
    if not init and "running" in state and not container.get("ready"):
        started = container.get("started")
        probe = "has not passed its startup probe" if started is False else "does not pass its readiness probe"
        return 5, f"container {name} runs, but {probe}"
    return 0, None


def _end(ended: Mapping[str, Any]) -> str:
    """How a container ended."""
    code = ended.get("exitCode")
    if ended.get("reason") == "OOMKilled":
        return "OOMKilled, it needs more memory than its limit allows"
    signal = f"signal {ended['signal']}" if ended.get("signal") else f"exit code {code}"
    words = _shortened(ended.get("message") or "")
    return f"{ended.get('reason') or 'Error'}, {signal}{f': {words}' if words else ''}"


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions = status.get("conditions") or []
    return next((condition for condition in conditions if condition.get("type") == kind), {})


def _shortened(text: str) -> str:
    """One line, not too long for a status."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE - 1]}…"
