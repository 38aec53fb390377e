"""A plain client of the API server for tests: what a user of kubectl would do, without starting a process each time."""

import base64
import json
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests
import yaml

Object = dict[str, Any]
Objects = list[Object]

PATHS = {
    "ModelDeployment": "apis/serin.dev/v1alpha1/namespaces/{}/modeldeployments",
    "RolloutAction": "apis/serin.dev/v1alpha1/namespaces/{}/rolloutactions",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "ControllerRevision": "apis/apps/v1/namespaces/{}/controllerrevisions",
    "Role": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Service": "api/v1/namespaces/{}/services",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "Pod": "api/v1/namespaces/{}/pods",
    "Event": "api/v1/namespaces/{}/events",
    "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "HorizontalPodAutoscaler": "apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "HTTPRoute": "apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes",
    "VirtualService": "apis/networking.istio.io/v1/namespaces/{}/virtualservices",
}


class Refused(Exception):  # noqa: N818 - reads as what it is: `except Refused`
    """The API server said no; `status` and `message` are its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


class Api:
    """Objects of one namespace."""

    def __init__(self, session: requests.Session, url: str, namespace: str) -> None:
        self._session, self._url, self.namespace = session, url, namespace

    def get(self, kind: str, name: str) -> Object | None:
        """One object, or None."""
        try:
            return self._call("GET", self._path(kind, name))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind: str, selector: str = "") -> list[Object]:
        """All objects of a kind."""
        found: list[Object] = self._call("GET", self._path(kind), params={"labelSelector": selector})["items"]
        return found

    def elsewhere(self, kind: str) -> Objects:
        """All objects of a kind in other namespaces."""
        everywhere = f"{self._url}/{PATHS[kind].replace('namespaces/{}/', '')}"
        found: Objects = self._call("GET", everywhere)["items"]
        return [it for it in found if it["metadata"]["namespace"] != self.namespace]

    def apply(self, manifest: Object) -> Object:
        """Server-side apply, strict, as `kubectl apply --server-side` does it."""
        manifest["metadata"].setdefault("namespace", self.namespace)
        return self._call(
            "PATCH",
            self._path(manifest["kind"], manifest["metadata"]["name"]),
            params={"fieldManager": "user", "force": "true", "fieldValidation": "Strict"},
            data=json.dumps(manifest),
            headers={"Content-Type": "application/apply-patch+yaml"},
        )

    def create(self, manifest: Object) -> Object:
        """Create an object."""
        return self._call("POST", self._path(manifest["kind"]), json=manifest)

    def patch(self, kind: str, name: str, body: Object, *, manager: str = "user") -> Object:
        """Merge patch, by a field manager."""
        options = {"params": {"fieldManager": manager}, "headers": {"Content-Type": "application/merge-patch+json"}}
        return self._call("PATCH", self._path(kind, name), data=json.dumps(body), **options)

    def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        self._call("DELETE", self._path(kind, name))

    def evict(self, pod: str) -> None:
        """Evict a pod, as a drained node does: refused where that would break a PodDisruptionBudget."""
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        self._call("POST", f"{self._path('Pod', pod)}/eviction", json=eviction)

    def delete_status(self, kind: str, name: str) -> None:
        """Take an object's status away, as a restore from a backup does."""
        headers = {"Content-Type": "application/json-patch+json"}
        operations = json.dumps([{"op": "remove", "path": "/status"}])
        self._call("PATCH", f"{self._path(kind, name)}/status", data=operations, headers=headers)

    def as_user(self, user: str) -> "Api":
        """The same namespace through the eyes of somebody else, by impersonation."""
        session = requests.Session()
        session.trust_env, session.verify, session.cert = False, self._session.verify, self._session.cert
        session.headers["Impersonate-User"] = user
        return Api(session, self._url, self.namespace)

    def story(self, kind: str, name: str, since: str) -> Objects:
        """Every state of one object after a resourceVersion, oldest first, as a watch tells them; none is missed."""
        present = self.get(kind, name)
        if present is None:
            return []
        end = int(present["metadata"]["resourceVersion"])
        states: Objects = []
        parameters = {
            "watch": "true",
            "resourceVersion": since,
            "fieldSelector": f"metadata.name={name}",
            "timeoutSeconds": "5",
        }
        if end <= int(since):
            return []
        with self._session.get(self._path(kind), params=parameters, stream=True, timeout=30) as response:
            for line in response.iter_lines():
                event = json.loads(line)
                assert event["type"] != "ERROR", event
                states.append(event["object"])
                if int(event["object"]["metadata"]["resourceVersion"]) >= end:
                    break
        return states

    def _path(self, kind: str, name: str = "") -> str:
        path = f"{self._url}/{PATHS[kind].format(self.namespace)}"
        return f"{path}/{name}" if name else path

    def _call(self, method: str, url: str, **options: Any) -> Object:
        response = self._session.request(method, url, timeout=30, **options)
        body: Object = response.json()
        if response.status_code >= 400:
            raise Refused(response.status_code, body.get("message", ""))
        return body


@contextmanager
def session_of(kubeconfig: Path) -> Iterator[tuple[requests.Session, str]]:
    """A session with the kubeconfig's credentials, TLS verified, and the server's URL."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    with tempfile.TemporaryDirectory() as folder, requests.Session() as session:
        session.trust_env = False
        session.verify = _file(folder, "ca.crt", cluster, "certificate-authority")
        session.cert = (
            _file(folder, "tls.crt", user, "client-certificate"),
            _file(folder, "tls.key", user, "client-key"),
        )
        yield session, cluster["server"]


def administrator(kubeconfig: Path) -> tuple[ssl.SSLContext, str]:
    """How the kubeconfig's user speaks TLS to the API server, and the server's URL, for a client that is no session."""
    with session_of(kubeconfig) as (session, url):
        context = ssl.create_default_context(cafile=str(session.verify))
        assert isinstance(session.cert, tuple)
        context.load_cert_chain(*session.cert)
    return context, url


def _file(folder: str, name: str, part: Object, key: str) -> str:
    if key in part:
        return str(part[key])
    path = Path(folder) / name
    path.write_bytes(base64.b64decode(part[f"{key}-data"]))
    path.chmod(0o600)
    return str(path)


T = TypeVar("T")


def eventually(look: Callable[[], T], *, what: str, within: float = 60.0, every: float = 0.1) -> T:
    """Wait until a look finds something true, and return that.

    Raises:
        AssertionError: it did not come true in time; the message says what was waited for and the last thing seen.
    """
    end = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {within:g} s; last seen {seen!r}")
        time.sleep(every)
