"""Which provider carries a ModelDeployment's traffic: the one table of them."""

from collections.abc import Mapping

from serin.api.spec import Traffic
from serin.traffic import istio, traefik
from serin.traffic.gateway_api import GRPCRoutes, HTTPRoutes
from serin.traffic.provider import Provider, Route

GRPC = "gatewayAPI.grpcRoute"
PROVIDERS: Mapping[str, Provider] = {
    "gatewayAPI": HTTPRoutes(),
    GRPC: GRPCRoutes(),
    "istio": istio,
    "traefik": traefik,
}
"""By the field of `spec.traffic` that asks for it, as written in YAML; gatewayAPI has two kinds of routes."""


def provider_of(traffic: Traffic) -> Provider:
    """The provider that the user chose."""
    return PROVIDERS[GRPC if traffic.is_grpc else traffic.provider]


def provider_for(route: Route) -> Provider:
    """The provider whose object this is.

    Raises:
        LookupError: it is none of any provider's.
    """
    kind = route.get("apiVersion"), route.get("kind")
    found = next((each for each in PROVIDERS.values() if kind == (each.API_VERSION, each.KIND)), None)
    if found is None:
        raise LookupError(f"{kind} is no kind in which traffic is written")
    return found
