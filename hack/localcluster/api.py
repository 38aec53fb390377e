"""The little of the Kubernetes API that starting a cluster takes: server-side apply, get, wait.

kubectl would do, but starting it twenty times costs more than the cluster itself.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from localcluster.certificates import Pair
from localcluster.errors import LocalClusterError, StartError

POLL_SECONDS = 0.05
PLURALS = {"GatewayClass": "gatewayclasses"}
CLUSTER_WIDE = {
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "Namespace",
    "Node",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


class ApiClient:
    """Asks one API server as one user; each call is a connection of its own."""

    def __init__(self, url: str, authority: Path, client: Pair) -> None:
        self._host = urlsplit(url).hostname or ""
        self._port = urlsplit(url).port or 443
        self._context = ssl.create_default_context(cafile=str(authority))
        self._context.load_cert_chain(client.certificate, client.key)

    def get(self, path: str) -> dict[str, Any]:
        """One object or list by its path; LocalClusterError if the answer is an error."""
        return self._ask("GET", path)

    def delete(self, path: str) -> None:
        """Delete an object by its path."""
        self._ask("DELETE", path)

    def create(self, path: str, document: dict[str, Any]) -> None:
        """Create an object in the collection at a path."""
        self._ask("POST", path, json.dumps(document), "application/json")

    def apply(self, text: str) -> None:
        """Server-side apply of every document of a YAML text, in its order."""
        for document in re.split(r"^---\s*$", text, flags=re.MULTILINE):
            path = _path(document)
            if path is not None:
                # The text goes as it is: parsing half a megabyte of CustomResourceDefinitions takes seconds.
                self._ask("PATCH", f"{path}?fieldManager=serin-local-cluster&force=true", document)

    def wait_for(self, what: str, path: str, holds: Callable[[dict[str, Any]], bool], *, timeout: float) -> None:
        """Wait until a condition holds of an object; StartError, with the object's status, if it does not."""
        deadline = time.monotonic() + timeout
        seen: Any = "nothing"
        while time.monotonic() < deadline:
            try:
                found = self.get(path)
                if holds(found):
                    return
                seen = found.get("status", found)
            except LocalClusterError as error:
                seen = error
            time.sleep(POLL_SECONDS)
        raise StartError(f"{what} not seen within {timeout:.0f} s at {path}; last seen: {seen}")

    def _ask(
        self, verb: str, path: str, body: str | None = None, kind: str = "application/apply-patch+yaml"
    ) -> dict[str, Any]:
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=30, context=self._context)
        try:
            connection.request(verb, path, body and body.encode(), {"Content-Type": kind} if body is not None else {})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise LocalClusterError(f"{verb} {path}: {error}") from error
        finally:
            connection.close()
        if answer.status >= 300:
            raise LocalClusterError(f"{verb} {path}: {answer.status} {content.decode(errors='replace')[:1000]}")
        found: dict[str, Any] = json.loads(content)
        return found


def condition(document: dict[str, Any], kind: str) -> bool:
    """Whether a condition of that type is True in an object's status."""
    conditions = document.get("status", {}).get("conditions", [])
    return any(it["type"] == kind and it["status"] == "True" for it in conditions)


def _path(document: str) -> str | None:
    """Path of the object that a YAML document describes; None for a document without content.

    Only the part before a top-level `spec` or `rules` is parsed, which is short also in a CustomResourceDefinition.
    """
    head = re.split(r"^(?:spec|rules|data):", document, maxsplit=1, flags=re.MULTILINE)[0]
    parsed = yaml.safe_load(head)
    if parsed is None:
        return None
    version, kind, metadata = parsed["apiVersion"], parsed["kind"], parsed["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = PLURALS.get(kind, _plural(kind))
    place = "" if kind in CLUSTER_WIDE else f"/namespaces/{metadata['namespace']}"
    return f"{root}{place}/{plural}/{metadata['name'].replace(':', '%3A')}"


def _plural(kind: str) -> str:
    lower = kind.lower()
    return f"{lower[:-1]}ies" if lower.endswith("cy") else f"{lower}s"
