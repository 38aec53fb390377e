"""What stands between one operator and the API server: it passes everything on, and tells a test of every call.

The operator speaks plain HTTP to it, and it speaks TLS to the API server with the credentials of the cluster's own
kubeconfig. Watches stream through it, event by event.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import web
from multidict import CIMultiDict

from scenarios.api import administrator
from scenarios.background import Background

# What concerns a connection, and not what is said on it (RFC 9110, 7.6.1).
OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "upgrade"})


@dataclass(frozen=True)
class Call:
    """One request of the operator. `body` is decoded JSON, None if there is none; `plural` names the resource."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any

    @property
    def write(self) -> bool:
        """Whether it is meant to change something."""
        return self.method != "GET"

    @property
    def plural(self) -> str:
        """The resource, such as `deployments`; for a path that names none, its last part."""
        return self._named[0]

    @property
    def subresource(self) -> str:
        """Such as `status`, or empty."""
        return self._named[2] if len(self._named) > 2 else ""

    @property
    def _named(self) -> list[str]:
        _, namespaced, rest = self.path.partition("/namespaces/")
        parts = rest.split("/")[1:] if namespaced else self.path.split("/")[-1:]
        return parts or ["namespaces"]


class Cut(Exception):  # noqa: N818 - nothing is wrong: a test wants it so
    """The connection ends here, without an answer."""


class Fault:
    """What a test does to calls; this one does nothing to any. Both methods run in the proxy's event loop."""

    async def before(self, call: Call) -> None:
        """Before a call is passed on. It is not, if this raises `Cut`; it waits as long as this does."""

    async def after(self, call: Call, status: int) -> None:
        """When the API server has answered, before the operator learns of that; `Cut`: it never does."""


class ApiProxy:
    """Use it as a context manager; `fault` sees every call from now on."""

    def __init__(self, kubeconfig: Path) -> None:
        self.fault = Fault()
        self._upstream_kubeconfig = kubeconfig
        self._ends = ExitStack()
        self._port = 0
        self._streams: set[aiohttp.ClientResponse] = set()

    def __enter__(self) -> Self:
        with self._ends:
            self._tls, self._upstream = administrator(self._upstream_kubeconfig)
            background = self._ends.enter_context(Background("API server's proxy"))
            background.run(self._open())
            self._ends.callback(lambda: background.run(self._close()))
            self._ends = self._ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    @property
    def url(self) -> str:
        """Where the operator reaches it."""
        return f"http://127.0.0.1:{self._port}"

    def write_kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig that leads here. Whoever uses it is the administrator."""
        path = folder / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": self.url}}],
            "users": [{"name": "anybody", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "anybody"}}],
            "current-context": "proxy",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    async def _open(self) -> None:
        self._client = aiohttp.ClientSession(
            # Requests take no turns: watches keep a connection each.
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            auto_decompress=False,
        )
        application = web.Application(client_max_size=0)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        for stream in list(self._streams):
            # At once: a TLS connection that is closed waits for the API server's farewell.
            if stream.connection is not None and stream.connection.transport is not None:
                stream.connection.transport.abort()
        await self._runner.cleanup()
        await self._client.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        call = Call(request.method, request.path, dict(request.query), json.loads(content) if content else None)
        url, headers = f"{self._upstream}{request.raw_path}", _end_to_end(request.headers)
        try:
            await self.fault.before(call)
            # An empty body would be one of a media type that the API server does not know.
            upstream = await self._client.request(request.method, url, headers=headers, data=content or None)
            async with upstream:
                return await self._pass_on(request, call, upstream)
        except (Cut, aiohttp.ClientError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)

    async def _pass_on(self, request: web.Request, call: Call, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
        headers = _end_to_end(upstream.headers)
        if "watch" not in call.query:
            body = await upstream.read()
            await self.fault.after(call, upstream.status)
            return web.Response(status=upstream.status, headers=headers, body=body)
        response = web.StreamResponse(status=upstream.status, headers=headers)
        await response.prepare(request)
        self._streams.add(upstream)
        try:
            async for chunk in upstream.content.iter_any():
                await response.write(chunk)
        finally:
            self._streams.discard(upstream)
        await response.write_eof()
        return response


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in OF_THE_CONNECTION)
