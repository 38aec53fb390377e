"""The API server as Serin uses it: plain objects in, plain objects out."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import aiohttp
from kubernetes.aio.client import Configuration

from serin.api.names import FIELD_MANAGER
from serin.cluster.errors import Gone, NotFound, Unreachable, from_answer
from serin.cluster.metrics import ClientMetrics
from serin.cluster.resources import ObjectKey, Resource, key_of, resource_of
from serin.cluster.transport import CONCURRENCY, TIMEOUT_SECONDS, Gate, Request, Transport

Object = dict[str, Any]

LIST_CHUNK = 500
APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True)
class ObjectList:
    """All objects of a kind at one moment; a watch continues from `resource_version`."""

    items: tuple[Object, ...]
    resource_version: str


@dataclass(frozen=True)
class WatchEvent:
    """`ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`, and the object as it is by then."""

    type: str
    object: Object


class KubeClient:
    """Requests to the API server.

    Every method raises a subclass of `errors.ApiError` when the request does not succeed. Every request is
    bounded in time; 429 is waited out in `transport`; nothing else is tried again here.
    """

    def __init__(
        self,
        configuration: Configuration,
        metrics: ClientMetrics,
        *,
        concurrency: int = CONCURRENCY,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """See `transport.Transport`."""
        self.metrics = metrics
        self.configuration = configuration
        self._transport = Transport(configuration, metrics, concurrency=concurrency, timeout_seconds=timeout_seconds)

    async def __aenter__(self) -> Self:
        """Use the client as a context, so that its connections are closed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    def gate_writes(self, gate: Gate) -> None:
        """Let every write, and no read, ask first whether it may leave; see `transport.Transport`."""
        self._transport.gate = gate

    @property
    def tls(self) -> ssl.SSLContext:
        """How the API server is verified, for a session beside this client."""
        return self._transport.tls

    async def serves(self, resource: Resource, namespace: str = "") -> bool:
        """Whether the cluster knows the kind, and lets Serin list it."""
        request = Request("GET", resource.path(namespace), resource.plural, namespace, {"limit": "1"})
        try:
            await self._transport.send(request)
        except NotFound:
            return False
        return True

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Read one object."""
        return await self._dict(_on("GET", resource, ObjectKey(namespace, name)))

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        selector: str = "",
        metadata_only: bool = False,
        reduce: Callable[[Object], Object] = lambda item: item,
    ) -> ObjectList:
        """Read all objects of a kind as they are now, in chunks.

        Args:
            resource: the kind.
            namespace: only this one; all of them if empty.
            selector: a label selector.
            metadata_only: leave spec and status out, for who only wants to know what exists.
            reduce: makes of each object what is worth keeping, so that a long list is never in memory as a whole.
        """
        query = {"labelSelector": selector} if selector else {}
        accept = METADATA_LIST if metadata_only else "application/json"
        try:
            return await self._list(resource, namespace, {**query, "limit": str(LIST_CHUNK)}, accept, reduce)
        except Gone:
            # The list is so long, or the server so slow, that its first page is too old: all in one go.
            return await self._list(resource, namespace, query, accept, reduce)

    async def read(self, path: str, resource: str, query: Mapping[str, str] | None = None) -> Object:
        """Read what is no object: what APIs there are, or the measurements that an aggregated API answers with.

        Args:
            path: below the server's address; what is put into it is escaped by `segment`.
            resource: what it is, in a word.
            query: such as a selector.
        """
        return await self._dict(Request("GET", path, resource, query=query))

    async def apply(self, manifest: Object) -> Object:
        """Server-side apply of Serin's whole intent for an object that it owns.

        Args:
            manifest: the object, with kind, namespace, name and every field that Serin wants; a field that it
                wanted before and leaves out now is removed.
        """
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        request = _on("PATCH", resource_of(manifest), key_of(manifest))
        return await self._dict(replace(request, query=query, body=manifest, content_type=APPLY))

    async def create(self, manifest: Object) -> Object:
        """Create an object that must not be there yet. Unknown and repeated fields are refused, not dropped."""
        resource = resource_of(manifest)
        key = key_of(manifest)
        path = resource.path(key.namespace)
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        return await self._dict(Request("POST", path, resource.plural, str(key), query, manifest))

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        """Delete one object, provided that it still has this uid; its children follow in the background."""
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",
        }
        await self._dict(replace(_on("DELETE", resource, ObjectKey(namespace, name)), body=body))

    async def json_patch(
        self, resource: Resource, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> Object:
        """Apply a JSON patch (RFC 6902). A `test` that does not hold is answered with `Invalid`."""
        request = replace(
            _on("PATCH", resource, ObjectKey(namespace, name)),
            query={"fieldManager": FIELD_MANAGER},
            body=[dict(operation) for operation in operations],
            content_type=JSON_PATCH,
        )
        return await self._dict(request)

    async def merge_patch(
        self, resource: Resource, namespace: str, name: str, patch: Object, *, subresource: str = ""
    ) -> Object:
        """Apply a merge patch (RFC 7386); with `metadata.resourceVersion` only to the object as it was."""
        request = replace(
            _on("PATCH", resource, ObjectKey(namespace, name), subresource),
            query={"fieldManager": FIELD_MANAGER},
            body=patch,
            content_type=MERGE_PATCH,
        )
        return await self._dict(request)

    async def replace(self, manifest: Object) -> Object:
        """Replace a whole object, provided that it is still the one that was read, by its resourceVersion."""
        request = _on("PUT", resource_of(manifest), key_of(manifest))
        return await self._dict(replace(request, query={"fieldManager": FIELD_MANAGER}, body=manifest))

    async def replace_status(
        self, resource: Resource, namespace: str, name: str, status: Mapping[str, Any], resource_version: str
    ) -> Object:
        """Replace the whole status, provided that the object is still the one that was read; else `Conflict`.

        The API server takes nothing but the status from such a request, so nothing else is sent.
        """
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"namespace": namespace, "name": name, "resourceVersion": resource_version},
            "status": dict(status),
        }
        request = _on("PUT", resource, ObjectKey(namespace, name), "status")
        return await self._dict(replace(request, query={"fieldManager": FIELD_MANAGER}, body=body))

    async def watch(  # noqa: PLR0913 - keywords
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str,
        selector: str = "",
        name: str = "",
        period_seconds: float,
        silence_seconds: float,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Everything that happens to the objects of a kind, or to the one of a name, after `resource_version`.

        Ends when the API server ends it, which is not later than `period_seconds`.

        Raises:
            Gone: list again.
            Unreachable: the connection broke, or nothing came for `silence_seconds`, not even a bookmark (the
                API server sends one a minute): such a watch is dead, whatever TCP says.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, int(period_seconds))),
        }
        if selector:
            query["labelSelector"] = selector
        if name:
            query["fieldSelector"] = f"metadata.name={name}"
        request = Request("GET", resource.path(namespace), resource.plural, "(watch)", query)
        try:
            async with asyncio.timeout(silence_seconds):
                response = await self._transport.open(request)
        except TimeoutError as error:
            raise Unreachable(str(request), words=f"no answer for {silence_seconds:g} s") from error
        try:
            async for line in _lines(response, request, silence_seconds):
                yield _watch_event(request, line)
        finally:
            # Nobody is there to hear the API server's farewell, for which a TLS connection would wait.
            if response.connection is not None and response.connection.transport is not None:
                response.connection.transport.abort()
            response.close()

    async def _list(
        self,
        resource: Resource,
        namespace: str,
        query: dict[str, str],
        accept: str,
        reduce: Callable[[Object], Object],
    ) -> ObjectList:
        items: list[Object] = []
        token = ""
        while True:
            page_query = {**query, "continue": token} if token else query
            request = Request("GET", resource.path(namespace), resource.plural, namespace, page_query, accept=accept)
            page = await self._dict(request)
            for item in page.get("items") or ():
                # Items of a list of a built-in kind do not say what they are.
                item.setdefault("apiVersion", resource.api_version)
                item.setdefault("kind", resource.kind)
                items.append(reduce(item))
            token = page["metadata"].get("continue") or ""
            if not token:
                return ObjectList(tuple(items), page["metadata"]["resourceVersion"])

    async def _dict(self, request: Request) -> Object:
        answer: Object = await self._transport.send(request)
        return answer


def _on(method: str, resource: Resource, key: ObjectKey, subresource: str = "") -> Request:
    """A request about one object."""
    plural = f"{resource.plural}/{subresource}" if subresource else resource.plural
    return Request(method, resource.path(key.namespace, key.name, subresource), plural, str(key))


async def _lines(response: aiohttp.ClientResponse, request: Request, silence_seconds: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(silence_seconds):
                line = await response.content.readline()
        except TimeoutError as error:
            raise Unreachable(str(request), words=f"silent for {silence_seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(str(request), words=f"the connection broke: {error}") from error
        if not line.endswith(b"\n"):
            return  # the end, or a line that the end cut in two
        yield line


def _watch_event(request: Request, line: bytes) -> WatchEvent:
    event = json.loads(line)
    if event["type"] == "ERROR":
        status = event["object"]
        raise from_answer(str(request), int(status.get("code") or 500), status)
    return WatchEvent(event["type"], event["object"])
