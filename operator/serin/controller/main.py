"""The command `serin-operator`."""

import asyncio
import os
import sys
from datetime import timedelta

import uvloop
from prometheus_client import CollectorRegistry

from serin.cluster.client import KubeClient
from serin.cluster.connect import load_configuration
from serin.cluster.errors import ConnectionSettingsError
from serin.cluster.metrics import ClientMetrics
from serin.controller.logs import configure_logs
from serin.controller.operator import Operator
from serin.controller.settings import Settings, SettingsError, load_settings
from serin.metrics import Meters, MetricsCollector, PrometheusProvider

WRONG_SETTING = 2


def main() -> int:
    """Read the settings, run the operator; returns the exit code."""
    try:
        settings = load_settings(sys.argv[1:], os.environ)
        configure_logs(settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings))
    except (SettingsError, ConnectionSettingsError) as error:
        print(f"serin-operator: {error}", file=sys.stderr)  # noqa: T201 - it stops before there is a log
        return WRONG_SETTING
    return 0


async def _run(settings: Settings) -> None:
    configuration = await load_configuration(settings.kubeconfig)
    registry = CollectorRegistry()
    provider = PrometheusProvider(settings.prometheus_url, timedelta(seconds=settings.query_timeout))
    async with KubeClient(configuration, ClientMetrics(registry)) as client:
        collector = MetricsCollector(provider, Meters(registry))
        try:
            await Operator(settings, client, collector, registry).run()
        finally:
            provider.close()
