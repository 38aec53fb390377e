"""The fake API server itself: HTTP on loopback over the store."""

import contextlib
import json
import uuid
from types import TracebackType
from typing import Self

from aiohttp import web
from kubernetes.aio.client import Configuration

from fakes.apiserver.aggregated import Aggregated
from fakes.apiserver.calls import Call, RequestLog
from fakes.apiserver.discovery import discover
from fakes.apiserver.faults import Dropped, Events, Fault, Faults
from fakes.apiserver.kinds import Kind
from fakes.apiserver.patches import json_patch, merge_patch
from fakes.apiserver.refusals import Refusal, gone, not_found
from fakes.apiserver.selectors import matches
from fakes.apiserver.simulation import Simulation
from fakes.apiserver.store import Object, Store
from fakes.apiserver.watches import Scope, Watches

TOKEN = "fake-token"


class FakeApiServer:
    """An API server for tests: `async with FakeApiServer() as server`.

    Attributes:
        store: the objects; tests may read and write them past HTTP.
        log: all requests.
        faults: what goes wrong.
        watches: the open watches.
        simulation: plays the controllers of Deployments and HTTPRoutes.
        aggregated: the APIs that are passed on to others.
        answering: the call that has its effect at this moment, for listeners of the store.
        bookmark_seconds: how often a watch gets a bookmark.
        gone_as_event: whether 410 comes inside a watch (as an ERROR event) rather than as its answer.
    """

    def __init__(self) -> None:
        """Prepare; entering the context starts it."""
        self.store = Store()
        self.log = RequestLog()
        self.faults = Faults()
        self.watches = Watches(self.store)
        self.simulation = Simulation(self.store)
        self.aggregated = Aggregated()
        self.answering: Call | None = None
        self.bookmark_seconds = 60.0
        self.gone_as_event = True
        self.url = ""
        self._pages: dict[str, tuple[int, list[Object]]] = {}
        self._runner = web.AppRunner(self._application(), shutdown_timeout=0.1)

    async def __aenter__(self) -> Self:
        """Listen on a free port of the loopback."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, and cut what is open."""
        self.simulation.stop()
        self.watches.cut()
        await self._runner.cleanup()

    def configuration(self) -> Configuration:
        """For a client in this process."""
        return Configuration(host=self.url, api_key={"BearerToken": f"Bearer {TOKEN}"})

    def kubeconfig(self) -> str:
        """For a client in another process."""
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "fake",
                "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
                "users": [{"name": "fake", "user": {"token": TOKEN}}],
                "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
            }
        )

    def uninstall(self, plural: str) -> Kind:
        """Take a kind out, as if its CRD were not installed; its objects and watches go."""
        kind = self.store.kind(plural)
        for item in self.store.all(kind):
            self.store.delete(kind, (item["metadata"].get("namespace", ""), item["metadata"]["name"]))
        del self.store.kinds[kind.group, plural]
        self.watches.cut(plural)
        return kind

    def install(self, kind: Kind) -> None:
        """Serve a kind."""
        self.store.kinds[kind.group, kind.plural] = kind

    def compact(self) -> None:
        """Answer every older version with 410 from now on, and cut all watches, so that they notice."""
        self.store.compact()
        self._pages.clear()
        self.watches.cut()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=4 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._serve)
        return application

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        call = Call(request.method, request.path, dict(request.query), dict(request.headers))
        self.log.append(call)
        try:
            if request.can_read_body:
                call.body = await request.json(loads=json.loads)
            if not self.aggregated.concerns(call.path):
                _locate(self.store, call)
            faults = self.faults.of(call)
            for fault in faults:
                await fault.before(call)
            if call.watch:
                return await self._watch(request, call, faults)
            code, body = self._have_effect(call)
            for fault in faults:
                await fault.after(call)
        except Dropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        except Refusal as refusal:
            call.status = refusal.code
            headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
            return web.json_response(refusal.status(), status=refusal.code, headers=headers)
        finally:
            call.ended = True
        call.status = code
        return web.json_response(body, status=code)

    def _have_effect(self, call: Call) -> tuple[int, Object]:
        version, self.answering = self.store.version, call
        try:
            return self._answer(call)
        finally:
            self.answering = None
            call.changed = self.store.version != version

    def _answer(self, call: Call) -> tuple[int, Object]:
        if self.aggregated.concerns(call.path):
            return 200, self.aggregated.answer(call)
        if call.kind is None:
            return 200, discover(self.store, call.path)
        if call.method == "GET":
            return 200, self._get(call) if call.name else self._list(call)
        if call.method == "POST":
            return 201, self._create(call)
        if call.method == "PUT":
            return 200, self._put(call)
        if call.method == "PATCH":
            return self._patch(call)
        if call.method == "DELETE" and call.name:
            return 200, self._delete(call)
        raise Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    def _get(self, call: Call) -> Object:
        assert call.kind is not None
        if not call.behind:
            return self.store.get(call.kind, (call.namespace, call.name))
        there = self.store.all_at(self._version(call), call.kind, call.namespace)
        item = next((item for item in there if item["metadata"]["name"] == call.name), None)
        if item is None:
            raise not_found(call.kind.plural, call.name)
        return item

    def _version(self, call: Call) -> int:
        """The version that a call reads."""
        return max(self.store.oldest, self.store.version - call.behind)

    def _list(self, call: Call) -> Object:
        assert call.kind is not None
        token = call.query.get("continue", "")
        if token:
            if token not in self._pages:
                raise gone(self.store.oldest)
            version, items = self._pages.pop(token)
        else:
            selector = call.query.get("labelSelector", "")
            version = self._version(call)
            items = [
                item
                for item in self.store.all_at(version, call.kind, call.namespace)
                if matches(selector, item["metadata"].get("labels"))
            ]
        metadata: Object = {"resourceVersion": str(version)}
        limit = int(call.query.get("limit") or 0)
        if limit and len(items) > limit:
            items, rest = items[:limit], items[limit:]
            metadata["continue"] = uuid.uuid4().hex
            metadata["remainingItemCount"] = len(rest)
            self._pages[metadata["continue"]] = (version, rest)
        if "as=PartialObjectMetadataList" in call.headers.get("Accept", ""):
            items = [{"metadata": item["metadata"]} for item in items]
        elif not call.kind.custom:
            items = [{key: item[key] for key in item if key not in {"apiVersion", "kind"}} for item in items]
        return {
            "apiVersion": call.kind.api_version,
            "kind": f"{call.kind.kind}List",
            "metadata": metadata,
            "items": items,
        }

    def _create(self, call: Call) -> Object:
        assert call.kind is not None
        if call.namespace:
            call.body.setdefault("metadata", {}).setdefault("namespace", call.namespace)
        return self.store.create(call.kind, call.body, manager=_manager(call), dry_run="dryRun" in call.query)

    def _put(self, call: Call) -> Object:
        assert call.kind is not None
        return self.store.update(
            call.kind,
            call.body,
            manager=_manager(call),
            status=call.subresource == "status",
            dry_run="dryRun" in call.query,
        )

    def _patch(self, call: Call) -> tuple[int, Object]:
        kind, name = call.kind, (call.namespace, call.name)
        assert kind is not None
        form = call.headers.get("Content-Type", "").split(";")[0]
        dry_run = "dryRun" in call.query
        if form == "application/apply-patch+yaml":
            if not call.query.get("fieldManager"):
                raise Refusal(400, "BadRequest", "fieldManager is required for apply patch")
            there = self.store.find(kind, name) is not None
            force = call.query.get("force") == "true"
            applied = self.store.apply(kind, call.body, manager=_manager(call), force=force, dry_run=dry_run)
            return 200 if there else 201, applied
        before = self.store.get(kind, name)
        if form == "application/json-patch+json":
            after = json_patch(before, call.body)
        elif form in {"application/merge-patch+json", "application/strategic-merge-patch+json"}:
            after = merge_patch(before, call.body)
        else:
            raise Refusal(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {form}")
        status = call.subresource == "status"
        written = self.store.update(
            kind, after, manager=_manager(call), status=status, subresource=call.subresource, dry_run=dry_run
        )
        return 200, _scale(written) if call.subresource == "scale" else written

    def _delete(self, call: Call) -> Object:
        assert call.kind is not None
        options = call.body or {}
        conditions = options.get("preconditions") or {}
        return self.store.delete(
            call.kind,
            (call.namespace, call.name),
            uid=conditions.get("uid", ""),
            version=conditions.get("resourceVersion", ""),
            orphan=options.get("propagationPolicy") == "Orphan",
        )

    async def _watch(self, request: web.Request, call: Call, faults: list[Fault]) -> web.StreamResponse:
        assert call.kind is not None
        version = int(call.query.get("resourceVersion") or self.store.version)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        try:
            self.store.since(version)
        except Refusal as refusal:
            if not self.gone_as_event:
                raise
            call.status = 200
            await response.prepare(request)
            await _write(response, {"type": "ERROR", "object": refusal.status()})
            return response
        call.status = 200
        await response.prepare(request)
        seconds = float(call.query.get("timeoutSeconds") or 3600)
        scope = Scope(call.kind, call.namespace, call.query.get("labelSelector", ""))
        bookmarks = self.bookmark_seconds if call.query.get("allowWatchBookmarks") == "true" else seconds
        events: Events = self.watches.events(scope, version, seconds=seconds, bookmark_seconds=bookmarks)
        try:
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(contextlib.aclosing(events))
                for fault in faults:
                    events = await stack.enter_async_context(contextlib.aclosing(fault.told(events)))
                async for event in events:
                    await _write(response, event)
        except ConnectionResetError:
            if request.transport is not None:
                request.transport.abort()
        return response


def _scale(item: Object) -> Object:
    """What /scale answers."""
    kept = ("name", "namespace", "uid", "resourceVersion")
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {part: item["metadata"][part] for part in kept},
        "spec": {"replicas": item["spec"]["replicas"]},
    }


async def _write(response: web.StreamResponse, event: Object) -> None:
    await response.write(json.dumps(event).encode() + b"\n")


def _manager(call: Call) -> str:
    return call.query.get("fieldManager") or call.headers.get("User-Agent", "unknown").split("/")[0]


def _locate(store: Store, call: Call) -> None:
    """Find out which object or kind a path means; a path of discovery means none."""
    parts = call.path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return
    if rest[0] == "namespaces" and len(rest) > 2:
        call.namespace, rest = rest[1], rest[2:]
    kind = store.kinds.get((group, rest[0]))
    if kind is None:
        raise Refusal(404, "NotFound", "the server could not find the requested resource")
    call.kind = kind
    call.name = rest[1] if len(rest) > 1 else ""
    call.subresource = rest[2] if len(rest) > 2 else ""
