"""The kinds of objects that the fake API server can serve."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of object."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    status: bool = True
    """Whether it has a status subresource (and a generation that counts changes of the rest)."""
    custom: bool = False
    """Whether a CRD defines it: lists of such kinds say in each item what it is."""

    @property
    def api_version(self) -> str:
        """As objects write it."""
        return f"{self.group}/{self.version}" if self.group else self.version


KINDS = (
    Kind("", "v1", "namespaces", "Namespace", namespaced=False),
    Kind("", "v1", "events", "Event", status=False),
    Kind("", "v1", "services", "Service"),
    Kind("", "v1", "configmaps", "ConfigMap", status=False),
    Kind("", "v1", "secrets", "Secret", status=False),
    Kind("", "v1", "pods", "Pod"),
    Kind("apps", "v1", "deployments", "Deployment"),
    Kind("apps", "v1", "controllerrevisions", "ControllerRevision", status=False),
    Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    Kind("coordination.k8s.io", "v1", "leases", "Lease", status=False),
    Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False),
    Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", custom=True),
    Kind("gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute", custom=True),
    Kind("networking.istio.io", "v1", "virtualservices", "VirtualService", custom=True),
    Kind("traefik.io", "v1alpha1", "traefikservices", "TraefikService", custom=True, status=False),
    Kind("serin.dev", "v1alpha1", "modeldeployments", "ModelDeployment", custom=True),
    Kind("serin.dev", "v1alpha1", "rolloutactions", "RolloutAction", custom=True),
)
