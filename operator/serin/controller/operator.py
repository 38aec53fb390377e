"""The whole operator in one process: made of the rooms, started together, stopped in order."""

import asyncio
import logging
import signal
from collections import ChainMap
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from serin.api.names import MODEL_LABEL
from serin.cluster.client import KubeClient, Object
from serin.cluster.errors import ApiError
from serin.cluster.events import EventRecorder
from serin.cluster.groups import Groups
from serin.cluster.lease import Elector
from serin.cluster.measurements import Measurements
from serin.cluster.primary import PrimaryReflector
from serin.cluster.reflector import OnChange, Reflector
from serin.cluster.resources import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    MODEL_DEPLOYMENT,
    POD,
    ROLLOUT_ACTION,
    ROUTES,
    SERVICE,
    ObjectKey,
    Resource,
    key_of,
    resource_of,
)
from serin.cluster.status_writer import StatusWriter
from serin.controller.analysis import AnalysisDesk, Collector
from serin.controller.autoscaling import AutoscalingDesk
from serin.controller.clock import Clock, SystemTime, TimeSource, tell_offset
from serin.controller.executor import Executor
from serin.controller.http import Heartbeat, serve
from serin.controller.journal import Journal, JournalMetrics, place_of
from serin.controller.liveness import Check, clock_keeps_up, leadership_ends_in_time, watches_live, work_goes_on
from serin.controller.loop import Loop
from serin.controller.pods import PodWatch
from serin.controller.queue import QueueMetrics, WorkQueue
from serin.controller.sampling import PrometheusMetrics, Sampler
from serin.controller.settings import Settings, SettingsError
from serin.controller.store import Store, slim_config_map, slim_deployment, slim_writers
from serin.scaling.reading import slim_pod

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5.0
"""What is being written when Serin is told to stop may be finished; a pod has 30 seconds in all."""
LAST_NEWS_SECONDS = 1.0
"""So long the Events of it, and its records in the audit log, may take each."""
TAKE_OVER_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Measuring:
    """Who asks Prometheus: for the verdicts, and for the replicas."""

    verdicts: Collector
    replicas: PrometheusMetrics


class Operator:
    """Watches from its start; decides and acts while it leads, until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        client: KubeClient,
        measuring: Measuring,
        registry: CollectorRegistry,
        time: TimeSource | None = None,
        *,
        elector: Elector | None = None,
    ) -> None:
        """Prepare; `run` does the work.

        Args:
            settings: how it is set up.
            client: the API server; its writes pass through the elector's gate.
            measuring: who asks Prometheus.
            registry: what /metrics tells.
            time: the clock of the rollouts.
            elector: says which of several replicas acts; without one, this one does.
        """
        self._elector = elector
        if elector is not None:
            client.gate_writes(elector.check)
        self._acting = False
        self._gained = asyncio.Event()
        self._newest: dict[ObjectKey, int] = {}
        """What there was when this replica began to lead: what was seen before that must not be decided by."""
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
        self._desk = AnalysisDesk(
            measuring.verdicts,
            self._queue.add,
            self._time,
            delay=timedelta(seconds=settings.query_delay),
            refresh=timedelta(seconds=settings.status_refresh),
        )
        self._pods = PodWatch(self._pod_reflector)
        groups = Groups(client, self._time.now)
        sampler = Sampler(Measurements(client, groups, settings.namespace), measuring.replicas)
        self._autoscaling = AutoscalingDesk(sampler, self._pods, self._queue.add, self._time)
        self._events = EventRecorder(client, registry)
        self._journal = Journal(place_of(settings.audit_log), JournalMetrics(registry)) if settings.audit_log else None
        self._loop = Loop(
            store=self._store,
            queue=self._queue,
            clock=self._clock,
            desk=self._desk,
            autoscaling=self._autoscaling,
            writer=StatusWriter(client),
            on_written=self._take_written,
            executor=Executor(client, self._take_written),
            events=self._events,
            time=self._time,
            journal=self._journal,
            status_refresh_seconds=settings.status_refresh,
            looking_since=self._time.now(),
        )
        self._primary = PrimaryReflector(client, on_change=self._store.primary_changed, namespace=settings.namespace)
        self._reflectors = [
            self._reflector(DEPLOYMENT, transform=slim_deployment, selector=MODEL_LABEL),
            self._reflector(SERVICE, transform=slim_writers, selector=MODEL_LABEL),
            self._reflector(CONTROLLER_REVISION, selector=MODEL_LABEL),
            self._reflector(CONFIG_MAP, transform=slim_config_map),
            *(self._route_reflector(route) for route in ROUTES),
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
        election = asyncio.create_task(self._elect(), name="election")
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("primary", self._primary.run(self._stop, reclaim_signals=self._take_signals)),
                *((reflector.resource.plural, reflector.run()) for reflector in self._reflectors),
                ("sync", self._wait_until_synced()),
                ("queue", self._queue.run()),
                ("clock", self._clock.run()),
                ("analysis", self._desk.run()),
                ("pods", self._pods.run()),
                ("autoscaling", self._autoscaling.run()),
                ("events", self._events.run()),
                *((("journal", self._journal.run()),) if self._journal else ()),
                ("http", serve(self._settings, self._registry, Heartbeat(self._synced, self._checks()))),
            )
        ]
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await self._until_stopped(stopped, [election, *tasks])
        finally:
            logger.info("Serin stops")
            self._queue.close()
            if not await self._queue.drained(grace_seconds=GRACE_SECONDS):
                logger.warning("Work under way was cut off after %.0f s", GRACE_SECONDS)
            await self._events.flush(seconds=LAST_NEWS_SECONDS)
            if self._journal is not None:
                await self._journal.flush(seconds=LAST_NEWS_SECONDS)
            await self._resign(election)
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
        if not self._acts() or self._is_behind(key):
            return
        try:
            await self._loop.reconcile(key)
        finally:
            if not self._acts():
                self._loop.forget(key)

    def _acts(self) -> bool:
        return self._acting and (self._elector is None or self._elector.leads)

    def _is_behind(self, key: ObjectKey) -> bool:
        """Whether the last leader's last word is yet to come; the watch brings it, and the key with it."""
        newest, seen = self._newest.get(key), self._store.get(MODEL_DEPLOYMENT, key)
        return newest is not None and seen is not None and int(seen["metadata"]["resourceVersion"]) < newest

    async def _wait_until_synced(self) -> None:
        await asyncio.gather(*(reflector.synced.wait() for reflector in self._reflectors), self._primary.synced.wait())
        self._synced.set()

    async def _elect(self) -> None:
        """Compete as soon as everything has been seen: who leads before that would only keep others from acting."""
        await self._synced.wait()
        if self._elector is None:
            await self._open_journal()
            self._begin()
            await self._stop.wait()
        else:
            logger.info("Serin has seen %d ModelDeployments", len(self._store.model_deployments()))
            async with asyncio.TaskGroup() as group:
                group.create_task(self._elector.run(on_gained=self._gained.set, on_lost=self._stand_by))
                group.create_task(self._take_over_when_elected())

    async def _take_over_when_elected(self) -> None:
        """Before anything is decided, find out how far the watch of ModelDeployments must have come."""
        while True:
            await self._gained.wait()
            self._gained.clear()
            await self._open_journal()
            try:
                listed = await self._client.list(MODEL_DEPLOYMENT, self._settings.namespace, metadata_only=True)
            except ApiError as error:
                logger.warning("Serin leads, and cannot see yet what there is to do: %s", error)
                await asyncio.sleep(TAKE_OVER_RETRY_SECONDS)
                self._gained.set()
                continue
            # Lost meanwhile, and perhaps gained once more: then the list is older than another leader's last word.
            if self._elector is not None and self._elector.leads and not self._gained.is_set():
                self._newest = {key_of(item): int(item["metadata"]["resourceVersion"]) for item in listed.items}
                self._begin()

    async def _open_journal(self) -> None:
        if self._journal is not None:
            await self._journal.open()

    def _begin(self) -> None:
        """Act from now on. Nobody was asked for anything before, so nobody is late with it."""
        self._loop.looking_since = self._time.now()
        self._acting = True
        logger.info("Serin has seen %d ModelDeployments and begins", len(self._store.model_deployments()))
        for key in self._store.model_deployments():
            self._queue.add(key)

    def _stand_by(self) -> None:
        """Stop acting. What was measured and what is waited for is another's now; the watches go on."""
        self._acting = False
        self._gained.clear()
        self._queue.clear()
        self._store.forget_notes()
        for key in self._store.model_deployments():
            self._loop.forget(key)

    async def _resign(self, election: asyncio.Task[None]) -> None:
        """Let another one lead, who finds everything finished."""
        election.cancel()
        await asyncio.gather(election, return_exceptions=True)
        if self._elector is not None:
            await self._elector.release()

    def _reflector(self, resource: Resource, **options: Any) -> Reflector:
        on_change = self._store.child_changed(resource)
        options |= {"on_change": on_change, "on_blind": self._was_blind, "namespace": self._settings.namespace}
        return Reflector(self._client, resource, **options)

    def _route_reflector(self, resource: Resource) -> Reflector:
        """A cluster has the kinds of some providers; those of the others nobody misses."""
        is_wanted = partial(self._store.carries_traffic, resource)
        return self._reflector(resource, transform=slim_writers, optional=True, is_wanted=is_wanted)

    def _pod_reflector(self, on_change: OnChange) -> Reflector:
        namespace = self._settings.namespace
        return Reflector(
            self._client, POD, on_change=on_change, transform=slim_pod, selector=MODEL_LABEL, namespace=namespace
        )

    def _was_blind(self) -> None:
        """What could not be seen, nobody is late with."""
        self._loop.looking_since = self._time.now()

    def _take_written(self, item: Object) -> None:
        """What a write made of an object is known at once, not only when the watch tells."""
        resource = resource_of(item)
        for reflector in self._reflectors:
            if reflector.resource == resource:
                reflector.take_written(item)
        if resource in {MODEL_DEPLOYMENT, ROLLOUT_ACTION}:
            self._primary.take_written(resource, item)

    def _checks(self) -> list[Check]:
        """What /livez looks at beside the event loop."""
        pulses = self._primary.pulses | {watch.resource.plural: watch.pulse for watch in self._reflectors}
        checks = [
            watches_live(ChainMap(pulses, self._pods.pulses)),
            clock_keeps_up(self._clock, self._time),
            work_goes_on(self._queue),
        ]
        return checks if self._elector is None else [*checks, leadership_ends_in_time(self._elector)]

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(self._stop.set))
