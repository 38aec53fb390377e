"""What both servers answer besides their purpose: probes and metrics."""

import asyncio

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from digits.running import STOPPING

REGISTRY = web.AppKey("registry", CollectorRegistry)


def add_endpoints(application: web.Application, registry: CollectorRegistry) -> None:
    """Add /healthz, /readyz and /metrics."""
    application[REGISTRY] = registry
    application[STOPPING] = asyncio.Event()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", expose)


async def healthz(_request: web.Request) -> web.Response:
    """Say that the process lives."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Say that requests are welcome, until the pod is asked to stop."""
    if request.app[STOPPING].is_set():
        return web.Response(text="stopping\n", status=503)
    return web.Response(text="ok\n")


async def expose(request: web.Request) -> web.Response:
    """Expose the metrics of this pod."""
    body = generate_latest(request.app[REGISTRY])
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
