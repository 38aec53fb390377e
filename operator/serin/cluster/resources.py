"""The kinds of objects that Serin reads and writes, and where the API server keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from serin.api import names


class ObjectKey(NamedTuple):
    """Names one object among those of its kind; the namespace of a cluster-wide object is empty."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """`namespace/name`, as kubectl's users write it."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class Resource:
    """One kind of object."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """What an object of the kind says in `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of an object, of a namespace's objects, or, without a namespace, of all of the kind.

        Raises:
            ValueError: a segment would lead elsewhere (`..`), or the object's namespace is missing.
        """
        if name and self.namespaced and not namespace:
            raise ValueError(f"{self.kind} {name!r} needs a namespace")
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", segment(namespace)]
        parts.append(self.plural)
        if name:
            parts.append(segment(name))
        if subresource:
            parts.append(subresource)
        return "/" + "/".join(parts)


def segment(text: str) -> str:
    """A part of a path.

    Raises:
        ValueError: it would lead elsewhere (`..`).
    """
    if text in {".", ".."}:
        raise ValueError(f"{text!r} cannot name a Kubernetes object")
    return quote(text, safe="")


MODEL_DEPLOYMENT = Resource(names.GROUP, names.VERSION, "modeldeployments", names.KIND)
ROLLOUT_ACTION = Resource(names.GROUP, names.VERSION, "rolloutactions", "RolloutAction")
DEPLOYMENT = Resource("apps", "v1", "deployments", "Deployment")
CONTROLLER_REVISION = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
SERVICE = Resource("", "v1", "services", "Service")
CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")
POD = Resource("", "v1", "pods", "Pod")
EVENT = Resource("", "v1", "events", "Event")
LEASE = Resource("coordination.k8s.io", "v1", "leases", "Lease")
HTTP_ROUTE = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
GRPC_ROUTE = Resource("gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute")
VIRTUAL_SERVICE = Resource("networking.istio.io", "v1", "virtualservices", "VirtualService")
TRAEFIK_SERVICE = Resource("traefik.io", "v1alpha1", "traefikservices", "TraefikService")

ROUTES = (HTTP_ROUTE, GRPC_ROUTE, VIRTUAL_SERVICE, TRAEFIK_SERVICE)
"""The kinds in which a traffic provider writes: one for each row of `serin.traffic.providers`."""

RESOURCES = (
    MODEL_DEPLOYMENT,
    ROLLOUT_ACTION,
    DEPLOYMENT,
    CONTROLLER_REVISION,
    SERVICE,
    CONFIG_MAP,
    POD,
    EVENT,
    LEASE,
    *ROUTES,
)

_BY_KIND = {(resource.api_version, resource.kind): resource for resource in RESOURCES}


def resource_of(manifest: Mapping[str, Any]) -> Resource:
    """The kind that an object says it is of.

    Raises:
        LookupError: Serin knows no such kind.
    """
    api_version, kind = manifest.get("apiVersion"), manifest.get("kind")
    resource = _BY_KIND.get((str(api_version), str(kind)))
    if resource is None:
        known = ", ".join(sorted(f"{kind} ({version})" for version, kind in _BY_KIND))
        raise LookupError(f"no resource is known for kind {kind!r} of {api_version!r}; known are {known}")
    return resource


def key_of(manifest: Mapping[str, Any]) -> ObjectKey:
    """The object's namespace and name."""
    metadata = manifest["metadata"]
    return ObjectKey(metadata.get("namespace", ""), metadata["name"])
