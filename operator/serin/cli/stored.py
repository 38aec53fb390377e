"""A ModelDeployment as it is stored, with its status: read from the cluster, or from a file."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from serin.api.names import KIND
from serin.api.spec import ModelDeploymentSpec
from serin.api.status import ModelDeploymentStatus
from serin.cli.manifests import read_documents
from serin.cli.problems import UnusableInputError
from serin.cli.validity import is_ours
from serin.cluster.client import KubeClient
from serin.cluster.connect import DEFAULT_NAMESPACE, load_configuration
from serin.cluster.errors import ClusterError
from serin.cluster.metrics import ClientMetrics
from serin.cluster.resources import MODEL_DEPLOYMENT, ObjectKey


@dataclass(frozen=True)
class Stored:
    """What is asked for, and what was decided."""

    key: ObjectKey
    generation: int
    spec: ModelDeploymentSpec
    status: ModelDeploymentStatus


def key_in(text: str, namespace: str = DEFAULT_NAMESPACE) -> ObjectKey:
    """A ModelDeployment as it is named on the command line: `NAMESPACE/NAME`, or `NAME` in the namespace that is given.

    Raises:
        UnusableInputError: it is not named so.
    """
    within, _, name = text.rpartition("/")
    if not name or "/" in within or text.startswith("/"):
        raise UnusableInputError(f"{text!r} names no {KIND}: write NAMESPACE/NAME, such as ml/fraud")
    return ObjectKey(within or namespace, name)


def from_cluster(key: ObjectKey, kubeconfig: str = "") -> Stored:
    """Ask the API server.

    Raises:
        UnusableInputError: there is no cluster, or no such object, or it cannot be read.
    """
    try:
        return stored(asyncio.run(_get(key, kubeconfig)))
    except ClusterError as error:
        raise UnusableInputError(str(error)) from error


async def _get(key: ObjectKey, kubeconfig: str) -> Mapping[str, Any]:
    configuration = await load_configuration(kubeconfig)
    async with KubeClient(configuration, ClientMetrics(CollectorRegistry())) as client:
        return await client.get(MODEL_DEPLOYMENT, key.namespace, key.name)


def from_files(files: Sequence[str], key: ObjectKey | None = None) -> Stored:
    """The ModelDeployment of that name in these files; without a name the only one.

    Raises:
        UnreadableInputError: a file cannot be read, or is no YAML.
        UnusableInputError: there is not one such object, or it cannot be read.
    """
    contents = [each.content for each in read_documents(files) if each.kind == KIND and is_ours(each)]
    found = [content for content in contents if key is None or _key(content) == key]
    if len(found) != 1:
        wanted = KIND if key is None else f"{KIND} {key}"
        raise UnusableInputError(f"found {len(found)} of {len(contents)} objects to be a {wanted}, and one is wanted")
    return stored(found[0])


def stored(content: Mapping[str, Any]) -> Stored:
    """An object as the API server answers with it.

    Raises:
        UnusableInputError: it is not one that this version of Serin knows.
    """
    key = _key(content)
    try:
        spec = ModelDeploymentSpec.model_validate(content.get("spec"))
        status = ModelDeploymentStatus.model_validate(content.get("status") or {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnusableInputError(
            f"{KIND} {key} cannot be read: {where}: {first['msg']}: is serin as new as the operator?"
        ) from error
    generation = _metadata(content).get("generation")
    return Stored(key, generation if isinstance(generation, int) else status.observed_generation, spec, status)


def _key(content: Mapping[str, Any]) -> ObjectKey:
    metadata = _metadata(content)
    return ObjectKey(str(metadata.get("namespace") or DEFAULT_NAMESPACE), str(metadata.get("name") or "unnamed"))


def _metadata(content: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = content.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}
