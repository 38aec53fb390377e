"""How the fake API server says no: a Kubernetes Status."""

from typing import Any


class Refusal(Exception):  # noqa: N818 - it is an answer
    """An answer that is no success."""

    def __init__(
        self, code: int, reason: str, message: str, *, retry_after: int | None = None, cause: str | None = None
    ) -> None:
        """Compose the answer."""
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.retry_after = retry_after
        self.cause = cause
        self.reason = reason
        self.message = message

    def status(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.retry_after is not None:
            body["details"] = {"retryAfterSeconds": self.retry_after}
        if self.cause is not None:
            body["details"] = {"causes": [{"reason": self.cause, "message": self.message}]}
        return body


def not_found(plural: str, name: str) -> Refusal:
    """No such object."""
    return Refusal(404, "NotFound", f'{plural} "{name}" not found')


def conflict(plural: str, name: str, why: str = "") -> Refusal:
    """The object is another one by now."""
    said = why or "the object has been modified; please apply your changes to the latest version and try again"
    return Refusal(409, "Conflict", f'Operation cannot be fulfilled on {plural} "{name}": {said}')


def gone(version: int) -> Refusal:
    """The resourceVersion was compacted."""
    return Refusal(410, "Expired", f"too old resource version: {version}")


def namespace_terminating(plural: str, name: str, namespace: str) -> Refusal:
    """Nothing can be made in a namespace that is being deleted."""
    said = f"unable to create new content in namespace {namespace} because it is being terminated"
    return Refusal(403, "Forbidden", f'{plural} "{name}" is forbidden: {said}', cause="NamespaceTerminating")
