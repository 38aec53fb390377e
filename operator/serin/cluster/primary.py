"""ModelDeployments and RolloutActions as they come in, by kopf.

kopf finds the kinds, lists and watches; it writes nothing: only `on.event` is registered, which costs no
request and keeps no state on the objects. What kopf does not tell is where a list ends, so an object that
went away in a gap between two watches would never be missed. Each list that kopf makes is therefore followed
by one of names alone (`_sweep`), which finds what is gone and knows when everything has been told.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import kopf
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from serin import __version__
from serin.cluster.client import KubeClient, Object
from serin.cluster.errors import ApiError
from serin.cluster.pulse import Pulse
from serin.cluster.resources import MODEL_DEPLOYMENT, ROLLOUT_ACTION, ObjectKey, Resource, key_of
from serin.cluster.scalers import owners_of_replicas

logger = logging.getLogger(__name__)

PrimaryChange = Callable[[Resource, ObjectKey, Object | None], None]
"""Told of each change: the object as it is now, or None if it is gone."""

RETRY_SECONDS = 5.0
LEFTOVER_ROUNDS = 50
WATCH_SECONDS = 290
SILENT_SECONDS = 70.0
STUCK_SECONDS = WATCH_SECONDS + SILENT_SECONDS + 60.0
"""kopf keeps bookmarks to itself, so what is seen of a quiet kind is that its watch is begun anew."""
KOPF_FOLDER = str(Path(kopf.__file__).parent)


class _Catalog:
    """What has been told of one kind."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.told: dict[ObjectKey, tuple[str, int]] = {}
        """The uid and the resourceVersion that was told last."""
        self.awaited: set[ObjectKey] | None = None
        """What the first sweep found and kopf has yet to tell; None before the first sweep."""
        self.stream: asyncio.Transport | None = None
        """The connection of kopf's watch."""
        self.missing = False
        """The cluster does not know the kind."""
        self.listed = asyncio.Event()
        """kopf has just made a list."""
        self.pulse = Pulse(STUCK_SECONDS)


class PrimaryReflector:
    """Watches ModelDeployments and RolloutActions.

    Attributes:
        synced: set once everything that there is has been told.
    """

    def __init__(self, client: KubeClient, *, on_change: PrimaryChange, namespace: str = "") -> None:
        """Prepare; `run` does the work.

        Args:
            client: the API server.
            on_change: told of each object; must not block.
            namespace: only this one; all of them if empty.
        """
        self.synced = asyncio.Event()
        self._client = client
        self._on_change = on_change
        self._namespace = namespace
        self._sessions: list[aiohttp.ClientSession] = []
        self._catalogs = {resource: _Catalog(resource) for resource in (MODEL_DEPLOYMENT, ROLLOUT_ACTION)}

    @property
    def pulses(self) -> dict[str, Pulse]:
        """Beat with each event and each attempt, by kind."""
        return {resource.plural: catalog.pulse for resource, catalog in self._catalogs.items()}

    async def run(self, stop: asyncio.Event, *, reclaim_signals: Callable[[], None] = lambda: None) -> None:
        """Watch until `stop` is set. When kopf gives up, it is begun anew.

        Args:
            stop: set by whoever wants it to end.
            reclaim_signals: called each time that kopf has put its own handlers of SIGTERM and SIGINT into
                the event loop, so that the caller puts its own back; no signal can come in between.
        """
        sweepers = [asyncio.create_task(self._sweep_when_asked(catalog)) for catalog in self._catalogs.values()]
        try:
            while not stop.is_set():
                if not await self._kinds_exist():
                    await _sleep_unless(stop, RETRY_SECONDS)
                    continue
                try:
                    await self._run_kopf(stop, reclaim_signals)
                except Exception:
                    # kopf gives up when a kind vanishes, or when the API server fails for too long.
                    logger.warning("The watch of ModelDeployments broke and is begun anew", exc_info=True)
                if not stop.is_set():
                    await _sleep_unless(stop, RETRY_SECONDS)
        finally:
            for task in sweepers:
                task.cancel()
            await asyncio.gather(*sweepers, return_exceptions=True)

    def take_written(self, resource: Resource, item: Object) -> None:
        """Take in what the API server answered to a write of our own: the watch tells it a moment later.

        Unless it is gone by now, or a namesake stands in its place: such an answer can come after the watch told so.
        """
        catalog, key, metadata = self._catalogs[resource], key_of(item), item["metadata"]
        uid, version = metadata["uid"], int(metadata["resourceVersion"])
        told = catalog.told.get(key)
        if told is not None and told[0] == uid and version > told[1]:
            catalog.told[key] = (uid, version)
            self._on_change(resource, key, slim_primary(item))

    async def _kinds_exist(self) -> bool:
        """Whether the CRDs are installed: kopf looks for its kinds once, at its start."""
        for resource, catalog in self._catalogs.items():
            catalog.pulse.beat()
            try:
                served = await self._client.serves(resource, self._namespace)
            except ApiError as error:
                logger.warning("Serin cannot list %s yet: %s", resource.plural, error)
                return False
            if not served:
                for key in list(catalog.told):
                    self._forget(catalog, key)
                if not catalog.missing:
                    logger.error("The cluster has no %s.%s: install Serin's CRDs", resource.plural, resource.group)
                catalog.missing = True
                return False
            catalog.missing = False
        return True

    async def _run_kopf(self, stop: asyncio.Event, reclaim_signals: Callable[[], None]) -> None:
        tasks = await kopf.spawn_tasks(
            registry=self._registry(),
            settings=_settings(),
            stop_flag=stop,
            clusterwide=not self._namespace,
            namespaces=[self._namespace] if self._namespace else [],
        )
        reclaim_signals()
        try:
            await kopf.run_tasks(tasks, ignored=_AllTasks())
        finally:
            await _end_leftovers()
            # Over TLS a watch that is closed waits for the API server's farewell, which nobody is there to hear.
            for catalog in self._catalogs.values():
                if catalog.stream is not None:
                    catalog.stream.abort()
                catalog.stream = None
            # kopf closes its session only if it comes to its own end.
            while self._sessions:
                await self._sessions.pop().close()
            await asyncio.sleep(0)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        async def login(**_: object) -> kopf.AiohttpSession:
            session = self._session()
            self._sessions.append(session)
            return kopf.AiohttpSession(server=self._client.configuration.host, aiohttp_session=session)

        kopf.on.login(registry=registry)(login)
        for catalog in self._catalogs.values():
            self._register(registry, catalog)
        return registry

    def _register(self, registry: kopf.OperatorRegistry, catalog: _Catalog) -> None:
        resource = catalog.resource

        async def on_event(event: Mapping[str, Any], **_: object) -> None:
            self._follow(catalog, event)

        kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)(on_event)

    def _session(self) -> aiohttp.ClientSession:
        """A session of kopf's own, which it closes: the same credentials, read anew for each request."""
        configuration = self._client.configuration

        async def authorize(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
            token = await configuration.get_api_key_with_prefix("BearerToken")
            if token:
                request.headers["Authorization"] = token
            return await handler(request)

        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._notice)
        trace.on_request_exception.append(self._notice_failure)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=10, ssl=self._client.tls),
            headers={"User-Agent": f"serin/{__version__}"},
            middlewares=(authorize,),
            trace_configs=[trace],
            proxy=configuration.proxy,
            trust_env=False,
        )

    async def _notice(
        self, _session: aiohttp.ClientSession, _context: object, ended: aiohttp.TraceRequestEndParams
    ) -> None:
        """See which lists and watches kopf makes."""
        for catalog in self._asked(ended.url):
            catalog.pulse.beat()
            if ended.method != "GET" or ended.response.status != 200:
                continue
            if "watch" not in ended.url.query:
                catalog.listed.set()
            elif ended.response.connection is not None:
                catalog.stream = ended.response.connection.transport

    async def _notice_failure(
        self, _session: aiohttp.ClientSession, _context: object, failed: aiohttp.TraceRequestExceptionParams
    ) -> None:
        """See that kopf tried."""
        for catalog in self._asked(failed.url):
            catalog.pulse.beat()

    def _asked(self, url: URL) -> list[_Catalog]:
        return [it for it in self._catalogs.values() if url.path.endswith(f"/{it.resource.plural}")]

    async def _sweep_when_asked(self, catalog: _Catalog) -> None:
        while True:
            await catalog.listed.wait()
            catalog.listed.clear()
            try:
                await self._sweep(catalog)
            except ApiError as error:
                logger.info("Serin compares %s again in %.0f s: %s", catalog.resource.plural, RETRY_SECONDS, error)
                catalog.listed.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _sweep(self, catalog: _Catalog) -> None:
        """Report what was told of before, and is not there any more."""
        # Only what was known before the list can be missing from it.
        before = dict(catalog.told)
        listed = await self._client.list(catalog.resource, self._namespace, metadata_only=True)
        present = {key_of(item): item["metadata"]["uid"] for item in listed.items}
        for key, (uid, _) in before.items():
            if present.get(key) != uid and key in catalog.told and catalog.told[key][0] == uid:
                self._forget(catalog, key)
        if catalog.awaited is None:
            catalog.awaited = {key for key, uid in present.items() if catalog.told.get(key, ("",))[0] != uid}
        else:
            catalog.awaited &= present.keys()
        self._check_synced()

    def _follow(self, catalog: _Catalog, event: Mapping[str, Any]) -> None:
        item: Object = slim_primary({**event["object"], "metadata": dict(event["object"]["metadata"])})
        key, uid = key_of(item), item["metadata"]["uid"]
        version = int(item["metadata"]["resourceVersion"])
        catalog.pulse.beat()
        told = catalog.told.get(key)
        # kopf has one worker for each uid: of two namesakes, the elder's last event may come too late.
        if told is not None and version < told[1]:
            return
        if catalog.awaited is not None:
            catalog.awaited.discard(key)
        if event["type"] == "DELETED":
            self._forget(catalog, key)
        elif told is None or told != (uid, version):
            catalog.told[key] = (uid, version)
            self._on_change(catalog.resource, key, item)
        self._check_synced()

    def _forget(self, catalog: _Catalog, key: ObjectKey) -> None:
        if catalog.told.pop(key, None) is not None:
            self._on_change(catalog.resource, key, None)

    def _check_synced(self) -> None:
        if all(catalog.awaited is not None and not catalog.awaited for catalog in self._catalogs.values()):
            self.synced.set()


def slim_primary(manifest: Object) -> Object:
    """Of who manages which field only who has the replicas: that may be an autoscaler."""
    metadata = manifest["metadata"]
    writers = metadata.pop("managedFields", None)
    if writers is not None:
        metadata["managedFields"] = owners_of_replicas(writers)
    return manifest


def _leftovers() -> set["asyncio.Task[Any]"]:
    """The tasks that run kopf's own code."""
    return {
        task
        for task in asyncio.all_tasks() - {asyncio.current_task()}
        if getattr(getattr(task.get_coro(), "cr_code", None), "co_filename", "").startswith(KOPF_FOLDER)
    }


async def _end_leftovers() -> None:
    """End what kopf leaves behind when one of its watchers fails: the other ones.

    Such a watcher takes a cancellation that comes at a bad moment for the end of a pause, and goes on: it is
    cancelled until it has ended.
    """
    for _ in range(LEFTOVER_ROUNDS):
        leftovers = _leftovers()
        if not leftovers:
            return
        for task in leftovers:
            task.cancel()
        await asyncio.wait(leftovers, timeout=0.1)
    logger.error("kopf left %d tasks behind that do not end", len(_leftovers()))


class _AllTasks(Collection["asyncio.Task[Any]"]):
    """Every task there is.

    At its end kopf cancels every task that was made while it ran, whoever made it, except those that it is
    told to ignore. Its own end one by one before that, or by `_end_leftovers`; the others are the rest of Serin.
    """

    def __contains__(self, task: object) -> bool:
        return True

    def __iter__(self) -> Iterator["asyncio.Task[Any]"]:
        return iter(asyncio.all_tasks())

    def __len__(self) -> int:
        return len(asyncio.all_tasks())


class _NoDiffs(kopf.DiffBaseStorage):
    """Nothing to compare with what was handled last.

    kopf copies every object deeply for that comparison, also where no handler asks for it: half of the time that it
    takes for an event.
    """

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:  # noqa: ARG002
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Nothing is stored on an object that only its spec and status belong to."""


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = _NoDiffs()
    # A stray peering object of another team would pause Serin.
    settings.peering.standalone = True
    # The kinds are known, and looked for before kopf starts: no need to watch all CRDs and namespaces.
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.watching.inactivity_timeout = SILENT_SECONDS
    settings.watching.server_timeout = WATCH_SECONDS
    # Handlers return at once: a worker that lingers only holds up the end.
    settings.queueing.idle_timeout = 1.0
    settings.queueing.exit_timeout = 0.5
    settings.networking.request_timeout = 30.0
    settings.networking.connect_timeout = 5.0
    settings.networking.error_backoffs = (0.5, 1, 2, 4, 8)
    # kopf would kill the process so long after it gave up; it is begun anew instead.
    settings.process.ultimate_exiting_timeout = None
    return settings


async def _sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
