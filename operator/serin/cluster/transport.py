"""Sends one request to the API server: bounded in number, in time and in patience."""

import asyncio
import copy
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration

from serin import __version__
from serin.cluster.errors import ApiError, Throttled, Unreachable, from_answer
from serin.cluster.metrics import ClientMetrics

CONCURRENCY = 20
TIMEOUT_SECONDS = 15.0
CONNECT_SECONDS = 5.0
THROTTLE_ATTEMPTS = 4
LONGEST_THROTTLE_SECONDS = 10.0
READS = frozenset({"GET", "HEAD"})

Gate = Callable[[], None]
"""Returns if a write may leave now, and raises if it may not."""


@dataclass(frozen=True)
class Request:
    """One request: `resource` and `target` are for people and for metrics, the rest goes over the wire."""

    method: str
    path: str
    resource: str
    target: str = ""
    query: Mapping[str, str] | None = None
    body: Any = None
    content_type: str = "application/json"
    accept: str = "application/json"

    def __str__(self) -> str:
        """`PATCH deployments ml/fraud`."""
        return " ".join(part for part in (self.method, self.resource, self.target) if part)


def compact_json(body: Any) -> bytes:
    """JSON in the API server's own spelling, that of Go's encoder: no spaces, no `<`, `>` or `&`.

    It keeps the data of a ControllerRevision byte for byte as they were sent, and spells them its own way when it
    patches the object: other bytes are then a change to it, which it refuses.
    """
    compact = json.dumps(body, separators=(",", ":"))
    return compact.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").encode()


def _open_gate() -> None:
    """Let every write through."""


class Transport:
    """An `ApiClient` of kubernetes.aio, used below its typed API: dicts go in, dicts come out.

    gate: asked before each write, as late as can be: after every wait for a slot, for the API server's patience, for
        credentials and for a connection. What it raises is raised to whoever wanted to write.
    """

    def __init__(
        self,
        configuration: Configuration,
        metrics: ClientMetrics,
        *,
        concurrency: int = CONCURRENCY,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Prepare the session; nothing is sent yet.

        Args:
            configuration: where the API server is and how to be let in (`connect.load_configuration`).
            metrics: counts every request.
            concurrency: how many requests are under way at once; watches are not counted.
            timeout_seconds: how long one request may take, its connection and its answer included.
        """
        self.gate: Gate = _open_gate
        # Others use the configuration too; the credentials in it are shared.
        configuration = copy.copy(configuration)
        # The pool is unbounded: requests are bounded here, and watches keep a connection each.
        configuration.connection_pool_maxsize = 0
        configuration.client_session_kwargs = {
            # A proxy is what the kubeconfig says, never what the environment happens to hold.
            "trust_env": False,
            "middlewares": (self._pass_gate,),
            "trace_configs": [self._gate_behind_the_connection()],
        }
        self.server = configuration.host
        self._api = ApiClient(configuration)
        self._api.user_agent = f"serin/{__version__}"
        options = {"server_hostname": configuration.tls_server_name, "proxy": configuration.proxy}
        options["proxy_headers"] = configuration.proxy_headers
        self._connection: dict[str, Any] = {name: value for name, value in options.items() if value}
        self._metrics = metrics
        self._slots = asyncio.Semaphore(concurrency)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_SECONDS)
        self._not_before = 0.0

    @property
    def tls(self) -> ssl.SSLContext:
        """How the API server is verified, and Serin by it."""
        context: ssl.SSLContext = self._api.rest_client.ssl_context
        return context

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

    async def send(self, request: Request) -> Any:
        """Send a request and return its decoded answer.

        A 429 is waited out here, and nowhere else, as often as `THROTTLE_ATTEMPTS` allows: the API server has
        done nothing yet, so asking again is safe for every method.

        Raises:
            ApiError: the answer was no success, or none came.
        """
        for attempt in range(1, THROTTLE_ATTEMPTS + 1):
            await self._wait_for_the_server()
            try:
                async with self._slots:
                    return await self._exchange(request)
            except Throttled as error:
                if attempt == THROTTLE_ATTEMPTS:
                    raise
                pause = min(1.0 if error.retry_after is None else error.retry_after, LONGEST_THROTTLE_SECONDS)
                # Whoever is told to wait, all wait: the API server is one.
                self._not_before = max(self._not_before, time.monotonic() + pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def open(self, request: Request) -> aiohttp.ClientResponse:
        """Send a request whose answer is a stream; the caller closes it.

        Raises:
            ApiError: the stream did not begin.
        """
        response = await self._begin(request, aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS))
        if response.status >= 400:
            raise await self._refusal(request, response)
        return response

    async def _pass_gate(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Ask the gate for each attempt: over a connection that turns out to be dead, aiohttp makes another one."""
        self._ask_gate(request.method)
        return await handler(request)

    def _gate_behind_the_connection(self) -> aiohttp.TraceConfig:
        """Ask the gate once more where a new connection had to be made: that may have taken seconds."""

        async def started(_: object, context: SimpleNamespace, request: aiohttp.TraceRequestStartParams) -> None:
            context.method = request.method

        async def connected(_: object, context: SimpleNamespace, __: object) -> None:
            self._ask_gate(context.method)

        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(started)
        trace.on_connection_create_end.append(connected)
        return trace

    def _ask_gate(self, method: str) -> None:
        if method not in READS:
            self.gate()

    async def _wait_for_the_server(self) -> None:
        while (pause := self._not_before - time.monotonic()) > 0:  # noqa: ASYNC110 - the time may be moved
            await asyncio.sleep(pause)

    async def _exchange(self, request: Request) -> Any:
        started = time.monotonic()
        response = await self._begin(request, self._timeout)
        if response.status >= 400:
            raise await self._refusal(request, response)
        try:
            body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._no_answer(request, error) from error
        finally:
            response.release()
            self._metrics.seconds.labels(request.method).observe(time.monotonic() - started)
        try:
            return json.loads(body) if body else {}
        except ValueError as error:
            words = f"the answer is not JSON: {body[:100].decode(errors='replace')!r}"
            raise ApiError(str(request), status=response.status, words=words) from error

    async def _begin(self, request: Request, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:  # noqa: ASYNC109 - aiohttp's own
        headers = {"Content-Type": request.content_type, "Accept": request.accept}
        try:
            # The body goes past the ApiClient, which would walk through all of it before it encodes it its own way.
            method, url, headers, _, _ = await self._api.param_serialize(
                request.method,
                request.path,
                {},
                list((request.query or {}).items()),
                headers,
                auth_settings=["BearerToken"],
            )
            data = None if request.body is None else compact_json(request.body)
            response = await self._session().request(
                method, url, headers=headers, data=data, timeout=timeout, **self._connection
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._no_answer(request, error) from error
        self._metrics.requests.labels(request.method, request.resource, str(response.status)).inc()
        return response

    def _session(self) -> aiohttp.ClientSession:
        """The ApiClient's own session, made at the first request: before, there may be no event loop."""
        rest = self._api.rest_client
        if rest.pool_manager is None:
            rest.pool_manager = rest._create_pool_manager()  # noqa: SLF001 - what it does itself
        session: aiohttp.ClientSession = rest.pool_manager
        return session

    async def _refusal(self, request: Request, response: aiohttp.ClientResponse) -> ApiError:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            body = b""
        finally:
            response.release()
        return from_answer(str(request), response.status, body, retry_after=response.headers.get("Retry-After"))

    def _no_answer(self, request: Request, error: Exception) -> Unreachable:
        self._metrics.requests.labels(request.method, request.resource, "0").inc()
        if isinstance(error, TimeoutError):
            words = f"no answer from {self.server} in time"
        else:
            words = f"cannot reach {self.server}: {' '.join(str(error).split()) or type(error).__name__}"
        return Unreachable(str(request), words=words)
