"""The whole operator in one process: made of the rooms, started together, stopped in order."""

import asyncio
import logging
import signal
from datetime import timedelta
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from serin.api.names import MODEL_LABEL
from serin.cluster.client import KubeClient, Object
from serin.cluster.events import EventRecorder
from serin.cluster.primary import PrimaryReflector
from serin.cluster.reflector import Reflector, slim
from serin.cluster.resources import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    HTTP_ROUTE,
    MODEL_DEPLOYMENT,
    ROLLOUT_ACTION,
    SERVICE,
    ObjectKey,
    Resource,
    key_of,
    resource_of,
)
from serin.cluster.status_writer import StatusWriter
from serin.controller.analysis import AnalysisDesk, Collector
from serin.controller.clock import Clock, SystemTime, TimeSource, tell_offset
from serin.controller.executor import Executor
from serin.controller.http import Heartbeat, serve
from serin.controller.loop import Loop
from serin.controller.queue import QueueMetrics, WorkQueue
from serin.controller.settings import Settings, SettingsError
from serin.controller.store import Store, slim_config_map, slim_route

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5.0
"""What is being written when Serin is told to stop may be finished; a pod has 30 seconds in all."""


class Operator:
    """Watches, decides and acts until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        client: KubeClient,
        collector: Collector,
        registry: CollectorRegistry,
        time: TimeSource | None = None,
    ) -> None:
        self._settings = settings
        self._client = client
        self._registry = registry
        self._stop = asyncio.Event()
        self._synced = asyncio.Event()
        self._time = time or tell_offset(registry, SystemTime())
        self._queue: WorkQueue[ObjectKey] = WorkQueue(
            self._reconcile, workers=settings.workers, metrics=QueueMetrics(registry)
        )
        self._store = Store(self._queue.add, self._time.now)
        self._clock: Clock[ObjectKey] = Clock(self._queue.add, self._time)
        self._desk = AnalysisDesk(collector, self._queue.add, self._time, timedelta(seconds=settings.query_delay))
        self._events = EventRecorder(client, registry)
        self._loop = Loop(
            store=self._store,
            queue=self._queue,
            clock=self._clock,
            desk=self._desk,
            writer=StatusWriter(client),
            executor=Executor(client, self._take_written),
            events=self._events,
            time=self._time,
            status_refresh_seconds=settings.status_refresh,
            looking_since=self._time.now(),
        )
        self._primary = PrimaryReflector(client, on_change=self._store.primary_changed, namespace=settings.namespace)
        self._reflectors = [
            self._reflector(DEPLOYMENT, selector=MODEL_LABEL),
            self._reflector(SERVICE, selector=MODEL_LABEL),
            self._reflector(CONTROLLER_REVISION, selector=MODEL_LABEL),
            self._reflector(CONFIG_MAP, transform=slim_config_map),
            self._reflector(HTTP_ROUTE, transform=slim_route, optional=True),
        ]

    @property
    def synced(self) -> asyncio.Event:
        """Set once everything that there is has been seen: before, nothing is decided."""
        return self._synced

    def stop(self) -> None:
        """Ask it to stop; `run` returns when it has."""
        self._stop.set()

    async def run(self) -> None:
        """Run until `stop`, or until SIGTERM or SIGINT."""
        self._take_signals()
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("primary", self._primary.run(self._stop, reclaim_signals=self._take_signals)),
                *((reflector.resource.plural, reflector.run()) for reflector in self._reflectors),
                ("sync", self._wait_until_synced()),
                ("queue", self._queue.run()),
                ("clock", self._clock.run()),
                ("analysis", self._desk.run()),
                ("events", self._events.run()),
                ("http", serve(self._settings, self._registry, Heartbeat(self._synced))),
            )
        ]
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await self._until_stopped(stopped, tasks)
        finally:
            logger.info("Serin stops")
            self._queue.close()
            if not await self._queue.drained(grace_seconds=GRACE_SECONDS):
                logger.warning("Work under way was cut off after %.0f s", GRACE_SECONDS)
            self._stop.set()
            for task in (*tasks, stopped):
                task.cancel()
            await asyncio.gather(*tasks, stopped, return_exceptions=True)

    async def _until_stopped(self, stopped: asyncio.Task[bool], tasks: list[asyncio.Task[None]]) -> None:
        """Wait for the end. A part that ends by itself has failed, and then all of it ends, loudly."""
        running = {task for task in tasks if task.get_name() != "sync"}
        await asyncio.wait({stopped, *running}, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            if task.done() and not stopped.done():
                error = task.exception()
                if isinstance(error, SettingsError):
                    raise error  # such as a port that is taken: one clear line, as for any wrong setting
                raise RuntimeError(f"the part {task.get_name()!r} of the operator ended by itself") from error

    async def _reconcile(self, key: ObjectKey) -> None:
        if self._synced.is_set():
            await self._loop.reconcile(key)

    async def _wait_until_synced(self) -> None:
        await asyncio.gather(*(reflector.synced.wait() for reflector in self._reflectors), self._primary.synced.wait())
        self._synced.set()
        logger.info("Serin has seen %d ModelDeployments and begins", len(self._store.model_deployments()))
        for key in self._store.model_deployments():
            self._queue.add(key)

    def _reflector(self, resource: Resource, **options: Any) -> Reflector:
        on_change = self._store.child_changed(resource)
        return Reflector(self._client, resource, on_change=on_change, namespace=self._settings.namespace, **options)

    def _take_written(self, item: Object) -> None:
        """What a write made of an object is known at once, not only when the watch tells."""
        resource = resource_of(item)
        for reflector in self._reflectors:
            if reflector.resource == resource:
                reflector.take_written(item)
        if resource in {MODEL_DEPLOYMENT, ROLLOUT_ACTION} and "deletionTimestamp" not in item["metadata"]:
            self._store.primary_changed(resource, key_of(item), slim(item))

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(self._stop.set))
