"""The route in which the traffic of a ModelDeployment is written: from the cluster, or from a file."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from serin.api.children import Owner
from serin.cli.manifests import read_documents
from serin.cli.problems import UnusableInputError
from serin.cli.stored import Stored
from serin.cluster.client import KubeClient
from serin.cluster.connect import DEFAULT_NAMESPACE, load_configuration
from serin.cluster.errors import ClusterError, NotFound
from serin.cluster.metrics import ClientMetrics
from serin.cluster.resources import resource_of
from serin.rollout.split import claim_of
from serin.rollout.world import Desired
from serin.traffic.provider import Claim, Provider, Route
from serin.traffic.providers import provider_of


def desired(found: Stored) -> Desired:
    """What the user asks for."""
    owner = Owner(found.key.namespace, found.key.name, "")
    return Desired(owner, found.generation, found.spec, resource_version="")


def asked(found: Stored) -> tuple[Provider, Claim] | None:
    """Who writes the traffic where; None where a Service carries it."""
    claim = claim_of(desired(found))
    return None if claim is None else (provider_of(claim.traffic), claim)


def route_in_cluster(found: Stored, kubeconfig: str = "") -> Route | None:
    """Ask the API server; None if it is not there, or there is none.

    Raises:
        UnusableInputError: there is no cluster, or the route cannot be read.
    """
    try:
        return asyncio.run(_get(found, kubeconfig))
    except ClusterError as error:
        raise UnusableInputError(str(error)) from error


async def _get(found: Stored, kubeconfig: str) -> Mapping[str, Any] | None:
    wanted = asked(found)
    if wanted is None:
        return None
    provider, claim = wanted
    resource = resource_of({"apiVersion": provider.API_VERSION, "kind": provider.KIND})
    configuration = await load_configuration(kubeconfig)
    async with KubeClient(configuration, ClientMetrics(CollectorRegistry())) as client:
        try:
            return await client.get(resource, found.key.namespace, provider.route_name(claim))
        except NotFound:
            return None


def route_in_files(found: Stored, files: Sequence[str]) -> Route | None:
    """The route among the objects of some files; None if it is not there.

    Raises:
        UnreadableInputError: a file cannot be read, or is no YAML.
    """
    wanted = asked(found)
    if wanted is None:
        return None
    provider, claim = wanted
    for document in read_documents(files):
        if document.kind == provider.KIND:
            metadata = document.content["metadata"]
            key = metadata.get("namespace", DEFAULT_NAMESPACE), metadata["name"]
            if key == (found.key.namespace, provider.route_name(claim)):
                route: Route = document.content
                return route
    return None
