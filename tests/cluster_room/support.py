"""What the tests of the cluster room share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from prometheus_client import CollectorRegistry

from fakes.apiserver import FakeApiServer
from serin.cluster.client import KubeClient
from serin.cluster.metrics import ClientMetrics
from serin.cluster.reflector import Patience, Reflector
from serin.cluster.resources import CONFIG_MAP, ObjectKey, Resource

Object = dict[str, Any]

QUICK = Patience(silence=0.15, period=60.0, first_retry=0.01, longest_retry=0.02, missing_kind=0.02)


def run(test: Callable[[FakeApiServer, KubeClient], Awaitable[None]], *, timeout_seconds: float = 5.0) -> None:
    """Run a test with a fake API server and a client of it."""

    async def whole() -> None:
        async with FakeApiServer() as server:
            metrics = ClientMetrics(CollectorRegistry())
            async with KubeClient(server.configuration(), metrics, timeout_seconds=timeout_seconds) as client:
                await test(server, client)

    asyncio.run(whole())


def config_map(name: str = "settings", **data: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "ml", "labels": {"app": name}},
        "data": data,
    }


def model_deployment(name: str = "fraud") -> Object:
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": "ml"},
        "spec": {"replicas": 1},
    }


class Seen:
    """What a reflector has told: the present objects, and each change in order."""

    def __init__(self) -> None:
        self.present: dict[str, Object] = {}
        self.changes: list[tuple[str, str]] = []
        """The name, and what its data are now; `gone` if it is."""

    def __call__(self, key: ObjectKey, item: Object | None) -> None:
        if item is None:
            del self.present[key.name]
            self.changes.append((key.name, "gone"))
        else:
            self.present[key.name] = item
            self.changes.append((key.name, str(item.get("data"))))


@asynccontextmanager
async def reflecting(
    client: KubeClient, resource: Resource = CONFIG_MAP, **options: Any
) -> AsyncIterator[tuple[Reflector, Seen]]:
    """A reflector that runs, and what it has told so far."""
    seen = Seen()
    reflector = Reflector(client, resource, on_change=seen, patience=options.pop("patience", QUICK), **options)
    task = asyncio.create_task(reflector.run())
    try:
        yield reflector, seen
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
