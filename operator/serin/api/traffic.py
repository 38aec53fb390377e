"""`spec.traffic`: how weights reach the model servers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin.api.base import DNS_LABEL, Model, matching
from serin.api.rules import Rule

DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
HOST_NAME = r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
MESH_HOST_NAME = r"^(\*|(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)$"
MESH_GATEWAY_NAME = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
)
PRESET_HELP = "write the name of a preset: lower case letters, digits and dashes, such as contour; see serin presets"
NAME_HELP = "write the object's name: lower case letters, digits and dashes, such as my-gateway"
MESH_GATEWAY_HELP = "write the Gateway's name, before it its namespace where it is another one, such as infra/public"
HOST_HELP = "write a host name without scheme and port, such as fraud.example.com or *.example.com"

PROVIDER_FIELDS: Mapping[str, str] = {
    "gatewayAPI": "gateway_api",
    "istio": "istio",
    "traefik": "traefik",
    "replicas": "replicas",
}
"""The fields of which exactly one is given, as written in YAML, and their names in Python."""
PROXY_PRESETS: Mapping[str, str] = {"gatewayAPI": "contour", "istio": "istio", "traefik": "traefik"}
"""The preset of the proxy that a provider writes for, unless `metrics` names another."""
PROVIDERS_IN_WORDS = ", ".join(PROVIDER_FIELDS)

ObjectName = Annotated[str, Field(min_length=1, max_length=253), matching(DNS_SUBDOMAIN, NAME_HELP)]
LabelName = Annotated[str, Field(min_length=1, max_length=63), matching(DNS_LABEL, NAME_HELP)]
HostName = Annotated[str, Field(min_length=1, max_length=253), matching(HOST_NAME, HOST_HELP)]
MeshHostName = Annotated[str, Field(min_length=1, max_length=253), matching(MESH_HOST_NAME, HOST_HELP)]
MeshGatewayName = Annotated[str, Field(min_length=1, max_length=317), matching(MESH_GATEWAY_NAME, MESH_GATEWAY_HELP)]


class ParentReference(Model):
    """A Gateway that a route attaches to."""

    name: ObjectName
    """The Gateway's name."""
    namespace: LabelName | None = None
    """The Gateway's namespace; the ModelDeployment's own unless given."""
    section_name: ObjectName | None = None
    """One listener of the Gateway; all of them unless given."""


class RouteReference(Model):
    """A user's own route: Serin edits weights in the place of one backend, and gives it back on deletion."""

    name: ObjectName
    """The route's name, in the ModelDeployment's namespace."""
    backend: LabelName | None = None
    """The Service in `backendRefs` whose place revisions take; the ModelDeployment's name unless given."""


class RouteProtocol(StrEnum):
    """What a route carries that Serin makes."""

    HTTP = "HTTP"
    GRPC = "GRPC"


class GatewayAPITraffic(Model):
    """Traffic by a Gateway API route: a route of the user's own, or one that Serin makes."""

    http_route: RouteReference | None = None
    """An existing HTTPRoute."""
    grpc_route: RouteReference | None = None
    """An existing GRPCRoute."""
    parent_refs: Annotated[tuple[ParentReference, ...], Field(min_length=1, max_length=8)] | None = None
    """The Gateways to which the route that Serin makes attaches."""
    hostnames: Annotated[tuple[HostName, ...], Field(max_length=16)] | None = None
    """The host names of the route that Serin makes; every host unless given."""
    protocol: RouteProtocol = RouteProtocol.HTTP
    """HTTP: Serin makes an HTTPRoute. GRPC: a GRPCRoute."""

    rules = (
        Rule(
            "[has(self.httpRoute), has(self.grpcRoute), has(self.parentRefs)].filter(given, given).size() == 1",
            lambda traffic: [traffic.http_route, traffic.grpc_route, traffic.parent_refs].count(None) == 2,
            "set exactly one of httpRoute or grpcRoute (a route of your own) and parentRefs (Serin makes the route)",
        ),
        Rule(
            "!has(self.hostnames) || has(self.parentRefs)",
            lambda traffic: traffic.hostnames is None or traffic.parent_refs is not None,
            "hostnames belong to a route that Serin makes: leave them out, and set them in your own route",
            field=".hostnames",
        ),
        Rule(
            "self.protocol == 'HTTP' || has(self.parentRefs)",
            lambda traffic: traffic.protocol is RouteProtocol.HTTP or traffic.parent_refs is not None,
            "protocol belongs to a route that Serin makes: leave it out, and name a GRPCRoute of your own in grpcRoute",
            field=".protocol",
        ),
    )

    @property
    def is_grpc(self) -> bool:
        """Whether the route is a GRPCRoute."""
        return self.grpc_route is not None or self.protocol is RouteProtocol.GRPC


class VirtualServiceReference(Model):
    """A user's own VirtualService: Serin edits weights in the place of one destination, and gives it back."""

    name: ObjectName
    """The VirtualService's name, in the ModelDeployment's namespace."""
    backend: LabelName | None = None
    """The Service whose place revisions take; the ModelDeployment's name unless given."""


class IstioTraffic(Model):
    """Traffic by Istio: a VirtualService of the user's own, or one that Serin makes."""

    virtual_service: VirtualServiceReference | None = None
    """An existing VirtualService."""
    hosts: Annotated[tuple[MeshHostName, ...], Field(min_length=1, max_length=16)] | None = None
    """The hosts of the VirtualService that Serin makes: host names, or names of Services in the mesh."""
    gateways: Annotated[tuple[MeshGatewayName, ...], Field(min_length=1, max_length=8)] | None = None
    """Istio's Gateways that it is for, and `mesh` for the sidecars; the sidecars alone unless given."""

    rules = (
        Rule(
            "has(self.virtualService) != has(self.hosts)",
            lambda traffic: (traffic.virtual_service is None) != (traffic.hosts is None),
            "set exactly one of virtualService (one of your own) and hosts (Serin makes the VirtualService)",
        ),
        Rule(
            "!has(self.gateways) || !has(self.virtualService)",
            lambda traffic: traffic.gateways is None or traffic.virtual_service is None,
            "gateways belong to a VirtualService that Serin makes: leave them out, and set them in your own",
            field=".gateways",
        ),
    )


class TraefikTraffic(Model):
    """Traffic by Traefik: Serin makes a TraefikService of the ModelDeployment's name, which an IngressRoute names."""


class ReplicaRatio(Model):
    """Traffic by numbers of pods: the Service of the ModelDeployment's name leads to the pods of both versions."""


class Traffic(Model):
    """How weights reach the model servers: exactly one provider.

    Without it a new version takes over at once when it is Ready.
    """

    gateway_api: Annotated[GatewayAPITraffic | None, Field(alias="gatewayAPI")] = None
    """A Gateway API route."""
    istio: IstioTraffic | None = None
    """A VirtualService of Istio's."""
    traefik: TraefikTraffic | None = None
    """A TraefikService."""
    replicas: ReplicaRatio | None = None
    """No proxy: each version gets as much as it has pods behind one Service."""
    metrics: Annotated[str, Field(max_length=63), matching(DNS_LABEL, PRESET_HELP)] | None = None
    """The preset of the proxy that counts the requests, for metrics whose source is Gateway; that of the provider
    unless given: contour for gatewayAPI, istio, traefik."""

    rules = (
        Rule(
            f"[{', '.join(f'has(self.{field})' for field in PROVIDER_FIELDS)}].filter(given, given).size() == 1",
            lambda traffic: len(traffic.given) == 1,
            f"set exactly one of {PROVIDERS_IN_WORDS}",
        ),
    )

    @property
    def given(self) -> tuple[str, ...]:
        """The providers that are asked for, by their names in YAML."""
        return tuple(field for field, name in PROVIDER_FIELDS.items() if getattr(self, name) is not None)

    @property
    def provider(self) -> str:
        """The provider, by its name in YAML."""
        return self.given[0]

    @property
    def is_grpc(self) -> bool:
        """Whether the requests are carried by a GRPCRoute."""
        return self.gateway_api is not None and self.gateway_api.is_grpc

    @property
    def proxy(self) -> str:
        """The preset of the proxy that counts the requests; where there is no proxy, that of any."""
        return self.metrics or PROXY_PRESETS.get(self.provider, PROXY_PRESETS["gatewayAPI"])
