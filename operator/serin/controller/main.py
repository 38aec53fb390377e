"""The command `serin-operator`."""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from kubernetes.aio.client import Configuration
from prometheus_client import CollectorRegistry

from serin.cluster.client import KubeClient
from serin.cluster.connect import SERVICE_ACCOUNT, load_configuration
from serin.cluster.errors import ConnectionSettingsError
from serin.cluster.lease import Elector, Terms, new_identity
from serin.cluster.metrics import ClientMetrics, ElectionMetrics
from serin.controller.logs import configure_logs
from serin.controller.operator import Measuring, Operator
from serin.controller.settings import Settings, SettingsError, load_settings
from serin.metrics import AutoscalingMetrics, Meters, MetricsCollector, Server, ServerPool, ServersError, load_servers

WRONG_SETTING = 2
COLLECTION_THRESHOLDS = (20_000, 20, 50)
"""How many new objects it takes that Python looks for cycles. The cache is made of many small objects that stay: at
Python's own 700 a sixth of all the time went into looking through them."""


def main() -> int:
    """Read the settings, run the operator; returns the exit code."""
    try:
        settings = load_settings(sys.argv[1:], os.environ)
        configure_logs(settings)
        gc.freeze()  # what was imported stays
        gc.set_threshold(*COLLECTION_THRESHOLDS)
        asyncio.run(_run(settings))
    except (SettingsError, ConnectionSettingsError) as error:
        print(f"serin-operator: {error}", file=sys.stderr)  # noqa: T201 - it stops before there is a log
        return WRONG_SETTING
    return 0


async def _run(settings: Settings) -> None:
    servers = servers_of(settings)
    configuration = await load_configuration(settings.kubeconfig)
    registry = CollectorRegistry()
    metrics = ClientMetrics(registry)
    meters = Meters(registry)
    provider = ServerPool(servers, timedelta(seconds=settings.query_timeout), meters)
    measuring = Measuring(MetricsCollector(provider, meters), AutoscalingMetrics(provider, meters))
    try:
        async with (
            KubeClient(configuration, metrics) as client,
            _elector(settings, configuration, metrics, ElectionMetrics(registry)) as elector,
        ):
            await Operator(settings, client, measuring, registry, elector=elector).run()
    finally:
        provider.close()


def servers_of(settings: Settings) -> tuple[Server, ...]:
    """The Prometheus servers that may be asked.

    Raises:
        SettingsError: their file cannot be read, or a field of it is wrong.
    """
    if not settings.prometheus_config:
        return (Server(url=settings.prometheus_url),)
    try:
        return load_servers(Path(settings.prometheus_config))
    except ServersError as error:
        raise SettingsError(f"prometheus_config: {error}") from error


@asynccontextmanager
async def _elector(
    settings: Settings, configuration: Configuration, metrics: ClientMetrics, election: ElectionMetrics
) -> AsyncIterator[Elector | None]:
    """Who competes for the Lease, over connections of its own: a busy operator must not lose it for that."""
    if settings.leader_election == "off":
        yield None
        return
    terms = Terms()
    async with KubeClient(configuration, metrics, timeout_seconds=terms.answer) as client:
        yield Elector(
            client,
            namespace=lease_namespace(settings),
            name=lease_name(settings),
            identity=new_identity(),
            metrics=election,
            terms=terms,
        )


def lease_name(settings: Settings) -> str:
    """Operators that serve different namespaces do not compete."""
    return f"serin-operator-{settings.namespace}" if settings.namespace else "serin-operator"


def lease_namespace(settings: Settings, own: Path = SERVICE_ACCOUNT / "namespace") -> str:
    """Where the Lease is: as the settings say, else where this pod is.

    Raises:
        SettingsError: neither is known.
    """
    if settings.leader_election_namespace:
        return settings.leader_election_namespace
    try:
        return own.read_text(encoding="ascii").strip()
    except OSError:
        raise SettingsError(
            "leader_election is on, but Serin runs in no pod, so the namespace of its Lease is not known: set "
            "leader_election_namespace, or leader_election to off if there is never a second Serin"
        ) from None
