"""The reference of the operator's own metrics as Markdown, made from the registry that `/metrics` serves."""

import asyncio

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from serin.cluster.metrics import ClientMetrics, ElectionMetrics, EventMetrics
from serin.controller.clock import SystemTime, tell_offset
from serin.controller.http import Heartbeat, tell_lag
from serin.controller.journal import JournalMetrics
from serin.controller.queue import QueueMetrics
from serin.metrics import Meters

_PAGE = """\
<!-- Made from the operator's metrics by `make crds`: edit their descriptions where they are counted. -->
# The operator's own metrics

`/metrics` serves them, beside `/livez` and `/readyz`, on the address and port of [the settings](settings.md). They tell
how Serin itself is doing; what it counts of models is in each ModelDeployment's status. No label grows with the number
of ModelDeployments.

A counter bears `_total`, a histogram `_bucket`, `_sum` and `_count` after its name.

| metric | type | labels | what it tells |
|---|---|---|---|
{rows}
"""


class _Registry(CollectorRegistry):
    """Remembers what is registered, in order: a registry tells the labels only of what was counted already."""

    def __init__(self) -> None:
        super().__init__()
        self.registered: list[MetricWrapperBase] = []

    def register(self, collector: Collector) -> None:
        """Take a metric."""
        super().register(collector)
        if isinstance(collector, MetricWrapperBase):
            self.registered.append(collector)


def metrics_reference() -> str:
    """One row a metric, room by room."""
    registry = _Registry()
    QueueMetrics(registry)
    JournalMetrics(registry)
    tell_lag(registry, Heartbeat(asyncio.Event()))
    tell_offset(registry, SystemTime())
    ClientMetrics(registry)
    EventMetrics(registry)
    ElectionMetrics(registry)
    Meters(registry)
    return _PAGE.format(rows="\n".join(map(_row, registry.registered)))


def _row(metric: MetricWrapperBase) -> str:
    family = next(iter(metric.describe()))
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001 - told nowhere else
    return f"| `{name}` | {family.type} | {labels} | {family.documentation} |"
